//! Looking into the queues: how much there is, and the dead letters one by one.
//!
//! Over a connection of its own, made when somebody asks: one that publishes is not read while the
//! broker has an alarm, and a question about a queue that is missing ends its channel.

use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Queue};
use tokio::sync::Mutex;

use super::address::Address;
use super::deadline::within;
use super::outgoing::Headers;
use super::tier::TIERS;
use super::topology::{delay_queue, queue};
use super::unacknowledged::Arrived;
use super::wire::Wire;
use common::port::Lane;

/// Messages in the broker that no process has.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) fresh: u64,
    pub(super) due: u64,
    pub(super) delayed: u64,
    pub(super) dead: u64,
}

struct Session {
    connection: Wire,
    counting: Channel,
    /// Dead letters that were looked at are unacknowledged here.
    dead: Channel,
}

/// The connection for questions, if there was one.
pub(super) struct Inspection {
    address: Address,
    session: Mutex<Option<Session>>,
}

impl Inspection {
    pub(super) fn new(address: Address) -> Self {
        Self { address, session: Mutex::new(None) }
    }

    pub(super) async fn ready(&self) -> Result<Ready, String> {
        let mut session = self.session.lock().await;
        let counting = &self.connected(&mut session).await?.counting;
        let mut delayed = 0;
        for tier in TIERS {
            delayed += count(counting, &delay_queue(tier)).await?;
        }
        Ok(Ready {
            fresh: count(counting, queue(Lane::Fresh)).await?,
            due: count(counting, queue(Lane::Due)).await?,
            delayed,
            dead: count(counting, queue(Lane::Dead)).await?,
        })
    }

    /// How many processes take jobs: each has one consumer of either lane, and may just be making one again.
    pub(super) async fn consumers(&self) -> Result<u32, String> {
        let mut session = self.session.lock().await;
        let counting = &self.connected(&mut session).await?.counting;
        let mut most = 0;
        for lane in [Lane::Due, Lane::Fresh] {
            most = most.max(look_at(counting, queue(lane)).await?.consumer_count());
        }
        Ok(most)
    }

    /// The oldest dead letter that is not held by anybody.
    pub(super) async fn dead_letter(&self) -> Result<Option<Arrived>, String> {
        let mut session = self.session.lock().await;
        let channel = &self.connected(&mut session).await?.dead;
        let got = within(channel.basic_get(queue(Lane::Dead).into(), BasicGetOptions::default())).await?;
        Ok(got.map(|got| {
            let delivery = got.delivery;
            let headers = Headers::read(&delivery.properties, delivery.redelivered);
            Arrived { acker: delivery.acker, lane: Lane::Dead, headers, body: delivery.data }
        }))
    }

    pub(super) async fn close(&self) {
        if let Some(session) = self.session.lock().await.take() {
            let _ = within(session.connection.close(200, "done".into())).await;
        }
    }

    async fn connected<'a>(&self, session: &'a mut Option<Session>) -> Result<&'a Session, String> {
        let stands = session.as_ref().is_some_and(|session| {
            session.connection.status().connected() && session.dead.status().connected()
        });
        if !stands {
            *session = None;
            let connection = self.address.connect("inspection").await?;
            let counting = within(connection.create_channel()).await?;
            let dead = within(connection.create_channel()).await?;
            *session = Some(Session { connection, counting, dead });
        }
        // A question about a queue that is missing ends its channel; the dead letters are still held.
        if let Some(session) = session
            && !session.counting.status().connected()
        {
            session.counting = within(session.connection.create_channel()).await?;
        }
        session.as_ref().ok_or_else(|| "there is no connection to RabbitMQ".to_owned())
    }
}

async fn count(channel: &Channel, name: &str) -> Result<u64, String> {
    Ok(u64::from(look_at(channel, name).await?.message_count()))
}

async fn look_at(channel: &Channel, name: &str) -> Result<Queue, String> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    within(channel.queue_declare(name.into(), passive, FieldTable::default())).await
}
