//! Every exchange and queue, declared in one function.
//!
//! Arguments that RabbitMQ 3.10.8 and 4.x both know; they never follow the configuration, because a
//! queue cannot be declared again with others. What is configurable (`max-length` of the fresh lane)
//! is a policy's matter. Rejecting publishers is part of dead-lettering at least once: with the
//! default `drop-head` the broker falls back to at most once without a word
//! (<https://www.rabbitmq.com/docs/quorum-queues#dead-lettering>).

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ExchangeKind};

use super::address::{Address, InvalidUrl};
use super::deadline::within;
use super::tier::{TIERS, Tier};
use super::trouble;
use common::port::Lane;

/// Work: fresh jobs, and those that come back.
pub(super) const JOBS: &str = "calrelay.jobs";
/// Delays: the routing key is a tier's name.
pub(super) const DELAY: &str = "calrelay.delay";
/// Dead letters.
pub(super) const DEAD: &str = "calrelay.dead";

/// Routing keys of [`JOBS`] and [`DEAD`].
pub(super) const FRESH_KEY: &str = "fresh";
pub(super) const DUE_KEY: &str = "due";
pub(super) const DEAD_KEY: &str = "dead";

const DUE: &str = "calrelay.due";

/// Returns after which the broker gives a delivery up. Ours is only there to replace 4.x's default
/// of 20: returning counts what a lost connection had in hand too. Workers publish anew what has come a tenth of the way.
pub(super) const RETURNS: i32 = 1_000;
/// A dead letter given up would be gone, and every look at it is a return.
const LOOKS: i32 = 1_000_000;

/// A quorum queue elects its leader before it is declared.
const DECLARED: Duration = Duration::from_secs(30);

/// The queue of a lane.
pub(super) fn queue(lane: Lane) -> &'static str {
    match lane {
        Lane::Fresh => JOBS,
        Lane::Due => DUE,
        Lane::Dead => DEAD,
    }
}

/// The queue of a tier.
pub(super) fn delay_queue(tier: Tier) -> String {
    format!("{DELAY}.{}", tier.name)
}

/// Why the topology could not be declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetUpError {
    /// The address is none.
    #[error("AMQP_URL: {0}")]
    InvalidUrl(#[from] InvalidUrl),
    /// There is no connection, or it was lost.
    #[error("{0}")]
    Unreachable(String),
    /// The user may not declare.
    #[error(
        "RabbitMQ does not let this user declare {name} ({said}): run `calrelay setup` as a user with \
         configure, write and read rights on ^calrelay\\..* (rabbitmqctl set_permissions)"
    )]
    Forbidden {
        /// The exchange or queue.
        name: String,
        /// The broker's words.
        said: String,
    },
    /// It is there already, and not as it should be.
    #[error(
        "{name} exists with other properties ({said}): empty and delete it, then run `calrelay setup` again"
    )]
    Different {
        /// The exchange or queue.
        name: String,
        /// The broker's words.
        said: String,
    },
    /// Anything else the broker has against it.
    #[error("RabbitMQ refuses to declare {name}: {said}")]
    Refused {
        /// The exchange or queue.
        name: String,
        /// The broker's words.
        said: String,
    },
}

/// Declares every exchange and queue. Declaring what is there already changes nothing.
///
/// # Errors
/// [`SetUpError`] is a sentence that says what to do.
pub async fn set_up(url: &str) -> Result<(), SetUpError> {
    let connection = Address::parse(url)?.connect("setup").await.map_err(SetUpError::Unreachable)?;
    let declared = declare(&connection).await;
    // Its fate changes nothing any more.
    let _ = within(connection.close(200, "done".into())).await;
    declared
}

/// Declares the topology on a channel of its own: a refusal ends the channel.
pub(super) async fn declare(connection: &Connection) -> Result<(), SetUpError> {
    let channel = within(connection.create_channel()).await.map_err(SetUpError::Unreachable)?;
    let topology = Topology { channel: &channel };
    for name in [JOBS, DELAY, DEAD] {
        topology.exchange(name).await?;
    }
    let work = dead_lettering(DEAD, DEAD_KEY, RETURNS);
    topology.queue(queue(Lane::Fresh), work.clone(), JOBS, FRESH_KEY).await?;
    topology.queue(queue(Lane::Due), work, JOBS, DUE_KEY).await?;
    for tier in TIERS {
        let mut delay = dead_lettering(JOBS, DUE_KEY, RETURNS);
        let wait = i64::try_from(tier.wait.as_millis()).expect("a tier's wait is short");
        delay.insert("x-message-ttl".into(), AMQPValue::LongLongInt(wait));
        topology.queue(&delay_queue(tier), delay, DELAY, tier.name).await?;
    }
    topology.queue(queue(Lane::Dead), quorum(LOOKS), DEAD, DEAD_KEY).await?;
    let _ = within(channel.close(200, "done".into())).await;
    Ok(())
}

/// Whether the exchanges are there: publishing to one that is not ends the channel, and with it the
/// confirms of everybody else.
pub(super) async fn check(connection: &Connection) -> Result<(), String> {
    let channel = within(connection.create_channel()).await?;
    for name in [JOBS, DELAY, DEAD] {
        let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        let declaring =
            channel.exchange_declare(name.into(), ExchangeKind::Direct, passive, FieldTable::default());
        within(declaring).await?;
    }
    let _ = within(channel.close(200, "done".into())).await;
    Ok(())
}

fn quorum(returns: i32) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(returns));
    arguments
}

fn dead_lettering(exchange: &str, key: &str, returns: i32) -> FieldTable {
    let mut arguments = quorum(returns);
    for (name, value) in [
        ("x-dead-letter-exchange", exchange),
        ("x-dead-letter-routing-key", key),
        ("x-dead-letter-strategy", "at-least-once"),
        ("x-overflow", "reject-publish"),
    ] {
        arguments.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    arguments
}

struct Topology<'a> {
    channel: &'a Channel,
}

impl Topology<'_> {
    async fn exchange(&self, name: &str) -> Result<(), SetUpError> {
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declaring =
            self.channel.exchange_declare(name.into(), ExchangeKind::Direct, durable, FieldTable::default());
        said(name, declaring).await
    }

    async fn queue(
        &self,
        name: &str,
        arguments: FieldTable,
        exchange: &str,
        key: &str,
    ) -> Result<(), SetUpError> {
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        said(name, async { self.channel.queue_declare(name.into(), durable, arguments).await.map(drop) })
            .await?;
        let binding = self.channel.queue_bind(
            name.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        said(name, binding).await
    }
}

/// What the broker said to a declaration, by what it was about.
async fn said(name: &str, declaring: impl Future<Output = lapin::Result<()>>) -> Result<(), SetUpError> {
    let Ok(answer) = tokio::time::timeout(DECLARED, declaring).await else {
        return Err(SetUpError::Unreachable(format!("RabbitMQ did not answer about {name}")));
    };
    let Err(error) = answer else { return Ok(()) };
    let (name, said) = (name.to_owned(), trouble::words(&error));
    Err(match trouble::code(&error) {
        Some(trouble::ACCESS_REFUSED) => SetUpError::Forbidden { name, said },
        Some(trouble::PRECONDITION_FAILED) => SetUpError::Different { name, said },
        Some(_) => SetUpError::Refused { name, said },
        None => SetUpError::Unreachable(trouble::using(&error)),
    })
}
