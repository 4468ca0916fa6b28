//! The queue on RabbitMQ: many ingresses, many workers.
//!
//! Works with RabbitMQ 3.10.8 to 4.x. A process has one connection that publishes, a worker one more
//! that consumes; each is watched and made again when it is lost. Recovery is ours, not lapin's: what
//! is in doubt is told to whoever asked, and what was in hand comes again.

mod address;
mod checkup;
mod consumers;
mod deadline;
mod delayed;
mod inspection;
mod link;
mod outgoing;
mod pause;
mod publisher;
mod tier;
mod topology;
mod trouble;
mod unacknowledged;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use address::Address;
use common::job::JobId;
use common::message::Message;
use common::port::{
    Clock as _, Delivery, DeliveryTag, Depth, JobQueue, Lane, QueueError, SystemClock, WorkerCount,
};
use consumers::{ConsumerState, Consumers};
use deadline::{REPLY, within};
use delayed::DelayedRedelivery;
use inspection::Inspection;
use outgoing::{Headers, Outgoing};
use publisher::Publisher;
use unacknowledged::{Received, Unacknowledged};

pub use address::InvalidUrl;
pub use checkup::{Checkup, Rights};
pub use link::Link;
pub use topology::{SetUpError, set_up};

/// What a process does with the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Publishes.
    Ingress,
    /// Publishes and consumes.
    Worker {
        /// Deliveries of one lane in hand at once; about as many as are worked on at once, or twice that.
        prefetch: u16,
    },
    /// Publishes, and looks at dead letters.
    Operator,
}

/// The queue, as one process has it. When it is dropped without [`close`](Self::close), whatever it
/// holds goes back, as if the process had died.
pub struct RabbitQueue {
    part: Part,
    retention: Duration,
    publisher: Publisher,
    unacknowledged: Arc<Unacknowledged>,
    standing: Arc<ConsumerState>,
    inspection: Inspection,
    tasks: TaskTracker,
    aborts: Vec<AbortHandle>,
    stopping: CancellationToken,
    stopped: CancellationToken,
    closing: CancellationToken,
}

impl RabbitQueue {
    /// Connects in the background, and again whenever the connection is lost: starting does not need
    /// the broker. Dead letters are kept for `retention`.
    ///
    /// To be called on a multi-threaded runtime, which has to outlive the queue.
    ///
    /// # Errors
    /// When `url` is no broker's address.
    pub fn start(url: &str, part: Part, retention: Duration) -> Result<Arc<Self>, InvalidUrl> {
        let address = Address::parse(url)?;
        let (stopping, stopped, closing) =
            (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let tasks = TaskTracker::new();
        let mut aborts = Vec::new();
        let (publisher, publishing) = Publisher::new(address.clone(), closing.clone());
        aborts.push(tasks.spawn(publishing.run()).abort_handle());
        let (unacknowledged, standing) = (Arc::<Unacknowledged>::default(), Arc::<ConsumerState>::default());
        if let Part::Worker { prefetch } = part {
            let consumers = Consumers {
                address: address.clone(),
                prefetch: prefetch.max(1),
                unacknowledged: unacknowledged.clone(),
                redelivery: DelayedRedelivery::new(
                    unacknowledged.clone(),
                    publisher.clone(),
                    closing.clone(),
                ),
                link: publisher.link(),
                standing: standing.clone(),
                stopping: stopping.clone(),
                stopped: stopped.clone(),
                closing: closing.clone(),
            };
            aborts.push(tasks.spawn(consumers.run()).abort_handle());
        } else {
            stopped.cancel();
        }
        let inspection = Inspection::new(address);
        Ok(Arc::new(Self {
            part,
            retention,
            publisher,
            unacknowledged,
            standing,
            inspection,
            tasks,
            aborts,
            stopping,
            stopped,
            closing,
        }))
    }

    /// Whether messages can be published, and if not, why.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        self.publisher.link()
    }

    /// Whether both lanes have a consumer that the broker gives messages to.
    #[must_use]
    pub fn is_consuming(&self) -> bool {
        self.standing.everywhere()
    }

    /// Takes nothing more, and returns what nobody has received. What was received can still be
    /// settled.
    pub async fn stop_receiving(&self) {
        self.stopping.cancel();
        // Otherwise the connection does not answer, and what is returned now is returned by its end.
        let _ = timeout(REPLY * 2, self.stopped.cancelled()).await;
        let requeue = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        let ackers = self.unacknowledged.let_go();
        join_all(ackers.iter().map(|acker| within(acker.nack(requeue)))).await;
    }

    /// Stops receiving, waits for what is being published, and closes the connections.
    pub async fn close(&self) {
        self.stop_receiving().await;
        self.closing.cancel();
        self.tasks.close();
        let _ = timeout(REPLY * 3, self.tasks.wait()).await;
        self.inspection.close().await;
    }

    /// Puts any bytes in a lane, as another build might have written them.
    ///
    /// # Errors
    /// As [`publish`](JobQueue::publish).
    pub async fn publish_bytes(
        &self,
        job: Option<&JobId>,
        body: Vec<u8>,
        lane: Lane,
        delay: Duration,
    ) -> Result<(), QueueError> {
        let now = SystemClock.now();
        self.send(&Headers::of(job, delay, now), body, lane, now).await
    }

    async fn send(
        &self,
        headers: &Headers,
        body: Vec<u8>,
        lane: Lane,
        now: Timestamp,
    ) -> Result<(), QueueError> {
        let outgoing = match lane {
            Lane::Dead => Outgoing::dead(headers, body, self.retention),
            Lane::Fresh | Lane::Due => Outgoing::new(headers, body, lane, now),
        };
        self.publisher.publish(outgoing).await
    }

    fn held(&self, tag: DeliveryTag) -> Result<Received, QueueError> {
        self.unacknowledged
            .settle(tag)
            .ok_or_else(|| QueueError::Unreachable("there is no such delivery".to_owned()))
    }
}

impl Drop for RabbitQueue {
    fn drop(&mut self) {
        self.closing.cancel();
        for abort in &self.aborts {
            abort.abort();
        }
    }
}

#[async_trait]
impl JobQueue for RabbitQueue {
    async fn publish(&self, message: &Message, lane: Lane, delay: Duration) -> Result<(), QueueError> {
        let now = SystemClock.now();
        let headers = Headers::of(Some(&message.job), delay, now).traced(message.trace);
        self.send(&headers, message.to_bytes(), lane, now).await
    }

    async fn receive(&self) -> Result<Delivery, QueueError> {
        if !matches!(self.part, Part::Worker { .. }) {
            return Err(QueueError::Unreachable("this process takes no jobs".to_owned()));
        }
        let mut link = self.link();
        loop {
            link::up(&mut link).await;
            // Both may be dropped half-way: a delivery leaves the hand only as the result.
            tokio::select! {
                delivery = self.unacknowledged.next() => return Ok(delivery),
                () = link::lost(&mut link) => {}
            }
        }
    }

    /// RabbitMQ does not confirm acknowledgements: `Ok` means that it was sent on a connection that stood.
    async fn done(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        told(within(self.held(tag)?.acker.ack(BasicAckOptions::default())).await)
    }

    async fn put_back(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        let held = self.held(tag)?;
        if held.lane == Lane::Dead {
            self.unacknowledged.leave(held.acker);
            return Ok(());
        }
        let requeue = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        told(within(held.acker.nack(requeue)).await)
    }

    async fn bury(&self, tag: DeliveryTag) -> Result<(), QueueError> {
        let Some((headers, body)) = self.unacknowledged.unreadable(tag) else {
            return Err(QueueError::Unreachable("there is no such delivery to bury".to_owned()));
        };
        // The tag stays good until the copy is kept.
        self.publisher.publish(Outgoing::dead(&headers, body, self.retention)).await?;
        self.done(tag).await
    }

    async fn take_dead(&self) -> Result<Option<Delivery>, QueueError> {
        let found = self.inspection.dead_letter().await.map_err(QueueError::Unreachable)?;
        Ok(found.map(|arrived| self.unacknowledged.give(arrived)))
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let ready = self.inspection.ready().await.map_err(QueueError::Unreachable)?;
        let held = self.unacknowledged.holding();
        Ok(Depth {
            fresh: ready.fresh,
            due: ready.due,
            delayed: ready.delayed + held.early,
            taken: held.taken,
            dead: ready.dead + held.dead,
        })
    }
}

#[async_trait]
impl WorkerCount for RabbitQueue {
    /// `None` until this process takes jobs itself.
    async fn workers(&self) -> Option<u32> {
        if !self.is_consuming() {
            return None;
        }
        self.inspection.consumers().await.ok()
    }
}

/// lapin answers `false` where the delivery's channel is gone.
fn told(answer: Result<bool, String>) -> Result<(), QueueError> {
    match answer {
        Ok(true) => Ok(()),
        Ok(false) => Err(QueueError::Unreachable(
            "the connection that brought the delivery is gone: it comes again".to_owned(),
        )),
        Err(why) => Err(QueueError::Unreachable(why)),
    }
}

#[cfg(test)]
mod golden;
