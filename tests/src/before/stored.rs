//! The files of a fixture, and the way into and out of the servers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use deadpool_redis::redis::{Client, Connection as RedisConnection, FromRedisValue, cmd};
use jiff::Timestamp;
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};

use super::CENTURY;
use crate::servers::Vhost;

/// The header that says when a message is due, in milliseconds since 1970.
const DUE_AT: &str = "calrelay-due-at";

/// Where a file of the fixtures is.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fixtures", "before-the-house", name].iter().collect()
}

/// The text with every instant that is called `field` a century away: what lasts for days from then on lasts.
#[must_use]
pub fn lasting(text: &str, field: &str) -> String {
    timed(text, field, CENTURY)
}

/// The text with every instant that is called `field` in the past: what has to pass first has passed.
#[must_use]
pub fn over(text: &str, field: &str) -> String {
    timed(text, field, "2026-11-01T00:00:00Z")
}

fn timed(text: &str, field: &str, instant: &str) -> String {
    let name = format!("\"{field}\":\"");
    let mut parts = text.split(&name);
    let mut timed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once('"').expect("a text ends");
        timed.push_str(&format!("{name}{instant}\"{rest}"));
    }
    timed
}

/// A file's bytes with the sandbox on another port of as many digits: nothing else in the file moves.
#[must_use]
pub fn moved(bytes: &[u8], from: u16, to: u16) -> Vec<u8> {
    let [from, to] = [from, to].map(|port| format!("127.0.0.1:{port}").into_bytes());
    assert_eq!(from.len(), to.len(), "as many digits");
    let mut moved = bytes.to_vec();
    let places: Vec<usize> =
        moved.windows(from.len()).enumerate().filter(|(_, part)| *part == from).map(|(at, _)| at).collect();
    for at in places {
        moved[at..at + to.len()].copy_from_slice(&to);
    }
    moved
}

fn redis(url: &str) -> RedisConnection {
    Client::open(url).and_then(|client| client.get_connection()).expect("Redis answers")
}

fn ask<T: FromRedisValue>(redis: &mut RedisConnection, name: &str, args: &[&str]) -> T {
    cmd(name).arg(args).query(redis).expect("an answer")
}

/// The commands that make the Redis what it is, but for what it forgets within a day.
///
/// # Panics
/// When it holds something else than texts, hashes, sets and sorted sets.
#[must_use]
pub fn redis_commands(url: &str) -> Vec<Vec<String>> {
    let mut redis = redis(url);
    let mut keys: Vec<String> = ask(&mut redis, "KEYS", &["*"]);
    keys.sort();
    let mut commands = Vec::new();
    for key in keys {
        if (0..86_400_000).contains(&ask::<i64>(&mut redis, "PTTL", &[&key])) {
            continue;
        }
        let kind: String = ask(&mut redis, "TYPE", &[&key]);
        let (command, values): (&str, Vec<String>) = match kind.as_str() {
            "string" => ("SET", vec![ask(&mut redis, "GET", &[&key])]),
            "hash" => ("HSET", ask(&mut redis, "HGETALL", &[&key])),
            "set" => ("SADD", ask(&mut redis, "SMEMBERS", &[&key])),
            "zset" => {
                let members: Vec<String> = ask(&mut redis, "ZRANGE", &[&key, "0", "-1", "WITHSCORES"]);
                ("ZADD", members.chunks(2).flat_map(|pair| [pair[1].clone(), pair[0].clone()]).collect())
            }
            other => panic!("{key} is a {other}"),
        };
        commands.push([command.to_owned(), key].into_iter().chain(values).collect());
    }
    commands
}

/// Runs them.
///
/// # Panics
/// When one of them is refused.
pub fn replay_redis(url: &str, commands: &[Vec<String>]) {
    let mut redis = redis(url);
    for command in commands {
        let (name, args) = command.split_first().expect("a command");
        let mut run = cmd(name);
        run.arg(args);
        run.exec(&mut redis).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    }
}

/// A message as it lies in a queue.
#[derive(Debug, Clone)]
pub struct QueuedMessage {
    queue: String,
    expiration: Option<String>,
    headers: BTreeMap<String, Value>,
    body: String,
}

impl QueuedMessage {
    /// A job that is done, and a notice that is told, however late; and what was put off for an hour or less is due.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        let now = Timestamp::now().as_millisecond();
        if let Some(due) = self.headers.get_mut(DUE_AT)
            && due.as_i64().is_some_and(|due| due < now + 7_200_000)
        {
            *due = json!(now);
        }
        Self { body: lasting(&lasting(&self.body, "at"), "notAfter"), ..self }
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_line(&self) -> String {
        let Self { queue, expiration, headers, body } = self;
        json!({"queue": queue, "expiration": expiration, "headers": headers, "body": body}).to_string()
    }

    /// Reads that.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn of_line(line: &str) -> Self {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        let headers = serde_json::from_value(line["headers"].take()).expect("headers");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (queue, body) = (text(&line["queue"]).expect("a queue"), text(&line["body"]).expect("a body"));
        Self { queue, expiration: text(&line["expiration"]), headers, body }
    }

    /// Where the broker would have it by now: a delay that is over has ended in the queue of what is due.
    fn place(&self) -> &str {
        let due = self.headers.get(DUE_AT).and_then(Value::as_i64);
        let over = due.is_none_or(|due| due <= Timestamp::now().as_millisecond());
        if over && self.queue.starts_with("calrelay.delay.") { "calrelay.due" } else { &self.queue }
    }
}

/// The broker without calrelay in between.
pub struct Broker(Connection, Channel);

impl Broker {
    /// A connection.
    ///
    /// # Panics
    /// When there is none.
    pub async fn connect(vhost: &Vhost) -> Self {
        let connection = Connection::connect(&vhost.url(), ConnectionProperties::default()).await;
        let connection = connection.expect("the broker answers");
        let channel = connection.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        Self(connection, channel)
    }

    /// Takes every message out of every queue.
    ///
    /// # Panics
    /// When the broker does not let it.
    pub async fn take_all(&self, vhost: &Vhost) -> Vec<QueuedMessage> {
        let mut taken = Vec::new();
        for (queue, _) in vhost.messages().await {
            let options = BasicGetOptions { no_ack: true };
            while let Some(got) = self.1.basic_get(queue.as_str().into(), options).await.expect("an answer") {
                let table = got.properties.headers().as_ref();
                let headers = table.into_iter().flat_map(|table| table.inner().iter());
                let ours = headers.filter(|(name, _)| {
                    name.as_str().starts_with("calrelay-") || name.as_str() == "traceparent"
                });
                taken.push(QueuedMessage {
                    queue: queue.clone(),
                    expiration: got.properties.expiration().as_ref().map(|text| text.to_string()),
                    headers: ours.map(|(name, value)| (name.to_string(), plain(value))).collect(),
                    body: String::from_utf8(got.delivery.data).expect("JSON"),
                });
            }
        }
        taken
    }

    /// Puts the message where it would be by now.
    ///
    /// # Panics
    /// When the broker does not take it.
    pub async fn put(&self, message: &QueuedMessage) {
        let mut table = FieldTable::default();
        for (name, value) in &message.headers {
            table.insert(name.as_str().into(), wired(value));
        }
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type("application/json".into())
            .with_headers(table);
        let properties = match &message.expiration {
            Some(expiration) => properties.with_expiration(expiration.as_str().into()),
            None => properties,
        };
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let body = message.body.as_bytes();
        // The default exchange leads to each queue by its name.
        let published =
            self.1.basic_publish("".into(), message.place().into(), options, body, properties).await;
        let confirmed = published.expect("it is sent").await.expect("it is confirmed");
        assert!(confirmed.is_ack() && confirmed.take_message().is_none(), "{}", message.to_line());
    }

    /// Says goodbye.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub async fn close(self) {
        self.0.close(200, "done".into()).await.expect("goodbye");
    }
}

fn plain(value: &AMQPValue) -> Value {
    if let AMQPValue::LongLongInt(number) = value {
        return json!(number);
    }
    if let AMQPValue::Boolean(is) = value {
        return json!(is);
    }
    let AMQPValue::LongString(text) = value else { panic!("{value:?}") };
    json!(text.to_string())
}

fn wired(value: &Value) -> AMQPValue {
    match value {
        Value::Number(number) => AMQPValue::LongLongInt(number.as_i64().expect("an instant")),
        Value::Bool(is) => AMQPValue::Boolean(*is),
        Value::String(text) => AMQPValue::LongString(text.as_str().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => panic!("{value}"),
    }
}
