//! The consumer of one lane.

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::Consumers;
use crate::deadline::{REPLY, within};
use crate::link;
use crate::outgoing::Headers;
use crate::pause::Pauses;
use crate::unacknowledged::Arrived;
use crate::{topology, trouble};
use common::port::Lane;

/// Consumes one queue over a connection that it shares.
pub(super) struct LaneConsumer<'a> {
    pub(super) all: &'a Consumers,
    pub(super) connection: &'a Connection,
    pub(super) lane: Lane,
    pub(super) prefetch: u16,
}

/// Why a consumer stands no more.
enum Ended {
    /// We were told to stop.
    Stopping,
    /// Nothing can be published.
    Deaf,
    /// The broker ended it: the queue was deleted, or is moving. There is no error then.
    Dropped,
    /// The channel is gone.
    Lost(String),
}

impl LaneConsumer<'_> {
    /// Consumes until told to stop, or until the connection is gone, which is the error. Answers the
    /// channel, if there is one: what was received is acknowledged on it, and lost with it.
    pub(super) async fn run(&self) -> Result<Option<Channel>, String> {
        let mut pauses = Pauses::default();
        loop {
            let began = Instant::now();
            let why = match self.on_a_channel().await {
                Ok(channel) => return Ok(Some(channel)),
                Err(why) => why,
            };
            self.all.unacknowledged.forget(self.lane);
            if !self.connection.status().connected() {
                return Err(why);
            }
            warn!(lane = self.lane.as_str(), "Lost the consumer of {}: {why}", topology::queue(self.lane));
            tokio::select! {
                () = pauses.after(began) => {}
                () = self.all.stopping.cancelled() => return Ok(None),
            }
        }
    }

    async fn on_a_channel(&self) -> Result<Channel, String> {
        let channel = within(self.connection.create_channel()).await?;
        within(channel.basic_qos(self.prefetch, BasicQosOptions::default())).await?;
        let mut up = self.all.link.clone();
        let mut pauses = Pauses::default();
        loop {
            tokio::select! {
                () = link::up(&mut up) => {}
                () = self.all.stopping.cancelled() => return Ok(channel),
            }
            let began = Instant::now();
            match self.consume(&channel).await? {
                Ended::Stopping => return Ok(channel),
                Ended::Deaf => {}
                Ended::Dropped => pauses.after(began).await,
                Ended::Lost(why) => return Err(why),
            }
        }
    }

    async fn consume(&self, channel: &Channel) -> Result<Ended, String> {
        let consuming = channel.basic_consume(
            topology::queue(self.lane).into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let mut consumer = within(consuming).await?;
        info!(lane = self.lane.as_str(), "Takes jobs from {}", topology::queue(self.lane));
        self.all.standing.set(self.lane, true);
        let ended = self.take(&mut consumer).await;
        self.all.standing.set(self.lane, false);
        if matches!(ended, Ended::Stopping | Ended::Deaf) {
            self.cancel(channel, consumer).await?;
        }
        Ok(ended)
    }

    async fn take(&self, consumer: &mut Consumer) -> Ended {
        let mut link = self.all.link.clone();
        loop {
            // A delivery is taken only by the branch that puts it in hand.
            tokio::select! {
                biased;
                () = self.all.stopping.cancelled() => return Ended::Stopping,
                () = link::lost(&mut link) => return Ended::Deaf,
                next = consumer.next() => match next {
                    Some(Ok(delivery)) => self.admit(delivery),
                    Some(Err(error)) => return Ended::Lost(trouble::using(&error)),
                    None => return Ended::Dropped,
                },
            }
        }
    }

    /// Takes no more; what is on its way still arrives.
    async fn cancel(&self, channel: &Channel, mut consumer: Consumer) -> Result<(), String> {
        within(channel.basic_cancel(consumer.tag(), BasicCancelOptions::default())).await?;
        let rest = async {
            while let Some(Ok(delivery)) = consumer.next().await {
                self.admit(delivery);
            }
        };
        timeout(REPLY, rest).await.map_err(|_| "a cancelled consumer did not end".to_owned())
    }

    fn admit(&self, delivery: Delivery) {
        let headers = Headers::read(&delivery.properties, delivery.redelivered);
        let Delivery { acker, data, .. } = delivery;
        self.all.redelivery.admit(Arrived { acker, lane: self.lane, headers, body: data });
    }
}
