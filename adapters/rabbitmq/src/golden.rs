//! The headers and the topology that builds so far have left in the broker: messages wait under them for a year.

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::outgoing::{Headers, Outgoing};
use common::golden::ID;
use common::job::JobId;
use common::port::Lane;
use common::sample;
use common::time;
use common::trace::TraceContext;

const HEADERS: &str = include_str!("golden/headers.txt");
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn full() -> Headers {
    Headers {
        job: Some(JobId::parse(ID).unwrap()),
        due_at: Some(Timestamp::from_millisecond(1_800_000_000_123).unwrap()),
        redelivered: true,
        returned: 0,
        trace: Some(TraceContext::parse(TRACE).unwrap()),
    }
}

fn shown(outgoing: &Outgoing) -> String {
    let properties = &outgoing.properties;
    let table = properties.headers().as_ref().unwrap();
    let mut headers: Vec<String> =
        table.inner().iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    headers.sort();
    let text = |text: &Option<ShortString>| text.as_ref().map_or("-".to_owned(), ToString::to_string);
    let [kind, expiration, id] =
        [properties.content_type(), properties.expiration(), properties.message_id()].map(text);
    let mode = properties.delivery_mode().unwrap();
    let place = format!("{} {}", outgoing.exchange, outgoing.routing_key);
    [place, kind, format!("mode={mode}"), format!("expiration={expiration}"), format!("id={id}")]
        .into_iter()
        .chain(headers)
        .collect::<Vec<_>>()
        .join(" ")
}

fn plain(value: &AMQPValue) -> String {
    if let AMQPValue::LongString(text) = value {
        format!("{:?}", text.to_string())
    } else {
        format!("{value:?}")
    }
}

#[test]
fn messages_are_published_with_the_headers_they_always_had() {
    let new = |headers: &Headers, lane| Outgoing::new(headers, Vec::new(), lane, sample::noon());
    let written = [
        new(&full(), Lane::Due),
        new(&Headers::default(), Lane::Fresh),
        Outgoing::dead(&full(), Vec::new(), time::days(7)),
    ];
    let written: Vec<String> = written.iter().map(shown).collect();
    assert_eq!(written, HEADERS.lines().collect::<Vec<_>>());
}

#[test]
fn the_headers_of_earlier_builds_are_understood() {
    let mut table = FieldTable::default();
    for (name, value) in [
        ("calrelay-job", AMQPValue::LongString(ID.into())),
        ("calrelay-due-at", AMQPValue::LongLongInt(1_800_000_000_123)),
        ("calrelay-redelivered", AMQPValue::Boolean(true)),
        ("traceparent", AMQPValue::LongString(TRACE.into())),
    ] {
        table.insert(name.into(), value);
    }
    assert_eq!(Headers::read(&BasicProperties::default().with_headers(table), false), full());
}
