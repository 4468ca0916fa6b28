//! A look at the broker for an operator, before anybody depends on it: which release it is, whether
//! everything is declared, and whether this user may use it. Leaves nothing behind.

use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::runtime;
use lapin::tcp::{AMQPUriTcpExt as _, TLSConfig};
use lapin::types::parsing::parse_field_table;
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{BasicProperties, Channel, ExchangeKind};
use tokio::time::timeout;

use super::address::{Address, InvalidUrl};
use super::deadline::{REPLY, within};
use super::tier::TIERS;
use super::topology::{DEAD, DELAY, JOBS, delay_queue, queue};
use super::trouble;
use super::wire::Wire;
use common::port::Lane;

/// The first release with what quorum queues are used for here: message TTL, and dead-lettering at least once
/// (<https://www.rabbitmq.com/docs/quorum-queues>).
const OLDEST: (u32, u32) = (3, 10);

/// What was seen of a broker that let us in. The errors are sentences that say what to do.
#[derive(Debug)]
pub struct Checkup {
    /// Its release, such as `4.1.0`; `None` where it does not tell.
    pub release: Option<String>,
    /// Whether every exchange and queue is there.
    pub topology: Result<(), String>,
    /// What this user may do; not less than write to every exchange.
    pub rights: Result<Rights, String>,
}

/// What a user may do beyond declaring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Publish and consume: what workers need.
    All,
    /// Publish alone: enough for an ingress.
    WriteOnly,
}

impl Checkup {
    /// Looks at the broker of `url`.
    ///
    /// # Errors
    /// Why it cannot be used at all.
    pub async fn of(url: &str) -> Result<Self, String> {
        let address = Address::parse(url).map_err(|error: InvalidUrl| error.to_string())?;
        let connection = address.connect("check").await?;
        let release = timeout(REPLY, release(address.uri())).await.ok().flatten();
        let topology = topology(&connection).await;
        let rights = match &topology {
            Ok(()) => rights(&connection).await,
            // A channel is lost over an exchange that is missing, whatever the rights are.
            Err(_) => Ok(Rights::All),
        };
        let _ = within(connection.close(200, "done".into())).await;
        Ok(Self { release, topology, rights })
    }

    /// Whether the release is known to be too old.
    #[must_use]
    pub fn is_too_old(&self) -> bool {
        let known = self.release.as_deref().and_then(major_and_minor);
        known.is_some_and(|release| release < OLDEST)
    }
}

async fn topology(connection: &Wire) -> Result<(), String> {
    let channel = within(connection.create_channel()).await?;
    for name in [JOBS, DELAY, DEAD] {
        let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        let asking =
            channel.exchange_declare(name.into(), ExchangeKind::Direct, passive, FieldTable::default());
        within(asking).await?;
    }
    let lanes = [Lane::Fresh, Lane::Due, Lane::Dead].map(|lane| queue(lane).to_owned());
    for name in lanes.into_iter().chain(TIERS.map(delay_queue)) {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let asking = channel.queue_declare(name.as_str().into(), passive, FieldTable::default());
        within(asking).await?;
    }
    let _ = within(channel.close(200, "done".into())).await;
    Ok(())
}

/// Publishes where no queue listens, and looks at a dead letter, which its channel's end puts back.
async fn rights(connection: &Wire) -> Result<Rights, String> {
    let channel = within(connection.create_channel()).await?;
    within(channel.confirm_select(ConfirmSelectOptions::default())).await?;
    for exchange in [JOBS, DELAY, DEAD] {
        if let Err(why) = publish(&channel, exchange).await {
            // Told only to those who try (<https://www.rabbitmq.com/docs/alarms>).
            if connection.status().blocked() {
                return Err(
                    "RabbitMQ has raised an alarm and takes nothing: `rabbitmqctl status` says whether \
                            memory or disk is short"
                        .to_owned(),
                );
            }
            return Err(why);
        }
    }
    let reading = channel.basic_get(queue(Lane::Dead).into(), BasicGetOptions::default());
    match timeout(REPLY, reading).await {
        Ok(Ok(_)) => {
            let _ = within(channel.close(200, "done".into())).await;
            Ok(Rights::All)
        }
        Ok(Err(error)) if trouble::code(&error) == Some(trouble::ACCESS_REFUSED) => Ok(Rights::WriteOnly),
        Ok(Err(error)) => Err(trouble::using(&error)),
        Err(_) => Err("RabbitMQ did not answer in time".to_owned()),
    }
}

async fn publish(channel: &Channel, exchange: &str) -> Result<(), String> {
    within(async {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default();
        channel.basic_publish(exchange.into(), "nowhere".into(), options, &[], properties).await?.await
    })
    .await
    .map(drop)
}

/// What the broker calls itself in its first frame, which lapin reads and forgets.
async fn release(uri: &AMQPUri) -> Option<String> {
    /// AMQP 0-9-1, section 4.2.2: the protocol header.
    const HELLO: &[u8] = b"AMQP\0\0\x09\x01";
    const LONGEST: u32 = 1 << 17;
    let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri.clone() };
    let mut stream = plain.connect_async(&runtime::default_runtime().ok()?).await.ok()?;
    if uri.scheme == AMQPScheme::AMQPS {
        stream = stream.into_tls(&uri.authority.host, TLSConfig::default()).await.ok()?;
    }
    stream.write_all(HELLO).await.ok()?;
    stream.flush().await.ok()?;
    // Section 4.2.3: type, channel, size; then the method.
    let mut head = [0; 7];
    stream.read_exact(&mut head).await.ok()?;
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
    if size > LONGEST {
        return None;
    }
    let mut method = vec![0; size as usize];
    stream.read_exact(&mut method).await.ok()?;
    // connection.start: class 10, method 10, two octets of version, then what the server says of itself.
    let properties = method.strip_prefix(&[0, 10, 0, 10])?.get(2..)?;
    let (_, properties) = parse_field_table(properties).ok()?;
    let AMQPValue::LongString(release) = properties.inner().get("version")? else { return None };
    Some(release.to_string())
}

fn major_and_minor(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_before_3_10_is_too_old_and_one_that_is_not_told_is_not() {
        let old = |release: Option<&str>| {
            Checkup { release: release.map(str::to_owned), topology: Ok(()), rights: Ok(Rights::All) }
                .is_too_old()
        };
        for (release, told) in [
            (Some("3.9.29"), true),
            (Some("2.8.1"), true),
            (Some("3.10.8"), false),
            (Some("3.13.7"), false),
            (Some("4.2.0-rc.1"), false),
            (Some("unheard of"), false),
            (None, false),
        ] {
            assert_eq!(old(release), told, "{release:?}");
        }
    }
}
