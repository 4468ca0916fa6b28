//! Deliveries that come before their time: a tier is never longer than what is left, so most delayed
//! messages come too early at first. And those that came back so often that the broker may give them up.
//!
//! What has a second or more to go is published on to the next tier, confirmed, and acknowledged; a
//! crash in between leaves it twice, which every worker copes with. The rest waits in hand. What came back
//! too often is published anew in the same way. None of it takes a worker's time.

use std::sync::Arc;

use lapin::options::BasicAckOptions;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::deadline::within;
use super::link;
use super::outgoing::Outgoing;
use super::pause::Pauses;
use super::publisher::Publisher;
use super::tier::longest_within;
use super::unacknowledged::{Arrived, Unacknowledged};
use common::port::{Clock as _, Lane, SystemClock, pause};
use common::time;

/// Looks after deliveries until their time has come.
#[derive(Clone)]
pub(super) struct DelayedRedelivery {
    unacknowledged: Arc<Unacknowledged>,
    publisher: Publisher,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl DelayedRedelivery {
    pub(super) fn new(
        unacknowledged: Arc<Unacknowledged>,
        publisher: Publisher,
        closing: CancellationToken,
    ) -> Self {
        Self { unacknowledged, publisher, tasks: TaskTracker::new(), closing }
    }

    /// Puts a delivery in hand, now or when it is due, unless it is published anew.
    pub(super) fn admit(&self, arrived: Arrived) {
        let worn = arrived.headers.is_worn();
        let early = arrived.headers.due_at.is_some_and(|due_at| due_at > SystemClock.now());
        if !early && !worn {
            return self.unacknowledged.put(arrived);
        }
        let number = self.unacknowledged.hold(arrived);
        let redelivery = self.clone();
        // As many tasks as the prefetch count lets deliveries in.
        self.tasks.spawn(async move {
            let tending =
                async { if worn { redelivery.renew(number).await } else { redelivery.tend(number).await } };
            tokio::select! {
                () = tending => {}
                () = redelivery.closing.cancelled() => {}
            }
        });
    }

    /// Publishes it until that has worked.
    async fn renew(&self, number: u64) {
        let mut pauses = Pauses::default();
        loop {
            let began = Instant::now();
            if self.send_on(number).await {
                return;
            }
            pauses.after(began).await;
        }
    }

    async fn tend(&self, number: u64) {
        let mut pauses = Pauses::default();
        while let Some(due_at) = self.unacknowledged.due_at(number) {
            let now = SystemClock.now();
            let left = time::until(now, due_at);
            if left.is_zero() {
                return self.unacknowledged.ripen(number);
            }
            if longest_within(left).is_none() {
                pause(left).await;
                continue;
            }
            let began = Instant::now();
            if self.send_on(number).await {
                return;
            }
            pauses.after(began).await;
        }
    }

    /// Whether it has left.
    async fn send_on(&self, number: u64) -> bool {
        link::up(&mut self.publisher.link()).await;
        let Some((headers, body)) = self.unacknowledged.leaving(number) else { return true };
        let onwards = Outgoing::new(&headers, body, Lane::Due, SystemClock.now());
        if self.publisher.publish(onwards).await.is_err() {
            self.unacknowledged.stays(number);
            return false;
        }
        if let Some(acker) = self.unacknowledged.left(number) {
            // If it cannot be said, it comes again: twice, then.
            let _ = within(acker.ack(BasicAckOptions::default())).await;
        }
        true
    }
}
