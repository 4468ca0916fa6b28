//! Consuming: one connection, one channel for each lane.
//!
//! Consumers stand only while this process can publish: a worker that cannot say what became of a job
//! must not take another one. What is held is kept all the while.

mod lane;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::address::Address;
use super::deadline::within;
use super::delayed::DelayedRedelivery;
use super::link::{self, Link};
use super::pause::Pauses;
use super::unacknowledged::Unacknowledged;
use common::port::Lane;
use lane::LaneConsumer;

/// Deliveries that may wait in hand for their second beside those that are worked on.
const EARLY: u16 = 256;

/// At least so many deliveries may wait for a slot beside those that are worked on: half as many as are worked on
/// is what a worker keeps in hand.
const WAITING: u16 = 4;

/// A quorum queue takes no more.
const MOST: u16 = 2_000;

/// Whether the consumers stand.
#[derive(Debug, Default)]
pub(super) struct ConsumerState {
    due: AtomicBool,
    fresh: AtomicBool,
}

impl ConsumerState {
    pub(super) fn everywhere(&self) -> bool {
        self.due.load(Ordering::Relaxed) && self.fresh.load(Ordering::Relaxed)
    }

    fn set(&self, lane: Lane, stands: bool) {
        match lane {
            Lane::Due => self.due.store(stands, Ordering::Relaxed),
            Lane::Fresh => self.fresh.store(stands, Ordering::Relaxed),
            Lane::Dead => {}
        }
    }
}

/// The consuming task.
pub(super) struct Consumers {
    pub(super) address: Address,
    pub(super) prefetch: u16,
    pub(super) unacknowledged: Arc<Unacknowledged>,
    pub(super) redelivery: DelayedRedelivery,
    pub(super) link: watch::Receiver<Link>,
    pub(super) standing: Arc<ConsumerState>,
    /// Take nothing more, keep what is held.
    pub(super) stopping: CancellationToken,
    /// Cancelled by the task itself: nothing comes any more.
    pub(super) stopped: CancellationToken,
    /// Let go of everything.
    pub(super) closing: CancellationToken,
}

impl Consumers {
    /// Connects and consumes, again and again, until it is told to close.
    pub(super) async fn run(self) {
        let _stopped = self.stopped.clone().drop_guard();
        let mut link = self.link.clone();
        let mut pauses = Pauses::default();
        loop {
            // There is nothing to do here without a publishing connection.
            tokio::select! {
                () = link::up(&mut link) => {}
                () = self.stopping.cancelled() => return,
            }
            let began = Instant::now();
            let ended = self.session().await;
            self.unacknowledged.forget(Lane::Due);
            self.unacknowledged.forget(Lane::Fresh);
            let Err(why) = ended else { return };
            warn!("Cannot take jobs from RabbitMQ: {why}");
            tokio::select! {
                () = pauses.after(began) => {}
                () = self.stopping.cancelled() => return,
            }
        }
    }

    async fn session(&self) -> Result<(), String> {
        let connection = tokio::select! {
            connection = self.address.connect("consuming") => connection?,
            () = self.stopping.cancelled() => return Ok(()),
        };
        // What waits in hand for a slot of its account holds up no other of its lane.
        let prefetch = self.prefetch.saturating_add((self.prefetch / 2).max(WAITING));
        let due = prefetch.saturating_add(EARLY).min(MOST);
        let lane = |lane, prefetch| LaneConsumer { all: self, connection: &connection, lane, prefetch };
        let (due, fresh) = (lane(Lane::Due, due), lane(Lane::Fresh, prefetch.min(MOST)));
        // What was received is acknowledged on these channels: dropping them would return it.
        let _channels = tokio::try_join!(due.run(), fresh.run())?;
        self.stopped.cancel();
        info!("Takes no more jobs from RabbitMQ");
        self.closing.cancelled().await;
        let _ = within(connection.close(200, "done".into())).await;
        Ok(())
    }
}
