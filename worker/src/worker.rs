//! The worker: takes deliveries as fast as its concurrency allows, and stops without losing any.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::account::AccountId;
use common::backoff::Schedule;
use common::message::Work;
use common::port::{Delivery, QueueError, pause};
use common::random;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempt::{Attempts, defer, return_unbegun};
use crate::ports::Ports;
use crate::settings::Settings;
use crate::slots::{Slot, Slots, Waiting};
use crate::{housekeeping, metrics};

/// Between two tries to reach a queue that is away.
const RECONNECT: Schedule = Schedule { first: Duration::from_secs(1), longest: Duration::from_secs(15) };
/// Never less than this, whatever the dice say.
const SHORTEST: Duration = Duration::from_millis(250);
/// Attempts that were told to end get this long to hand their jobs back.
const HAND_BACK: Duration = Duration::from_secs(5);

/// The two ways to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Take no more work; finish what runs.
    pub taking: CancellationToken,
    /// End what runs, now.
    pub working: CancellationToken,
}

/// One worker.
pub struct Worker {
    ports: Ports,
    settings: Settings,
    stop: Stop,
    attempts: Arc<Attempts>,
    consuming: Arc<AtomicBool>,
}

impl Worker {
    /// A worker that is not running yet.
    #[must_use]
    pub fn new(ports: Ports, settings: Settings, stop: Stop) -> Self {
        let attempts =
            Attempts::new(ports.clone(), settings.clone(), stop.taking.clone(), stop.working.clone());
        Self { ports, settings, stop, attempts: Arc::new(attempts), consuming: Arc::default() }
    }

    /// Tells whether the worker is taking work: its readiness.
    #[must_use]
    pub fn readiness(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
        let consuming = Arc::clone(&self.consuming);
        Arc::new(move || consuming.load(Ordering::Relaxed))
    }

    /// Tells whether Google Calendar answers, as far as this worker knows.
    #[must_use]
    pub fn google_answers(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
        let attempts = Arc::clone(&self.attempts);
        Arc::new(move || !attempts.gateway.is_down())
    }

    /// Works until told to stop, then drains: what still runs after [`Settings::drain`] is handed
    /// back to the queue as it was. Answers how many jobs were handed back.
    pub async fn run(self) -> usize {
        let maintenance = tokio::spawn(housekeeping::maintain(
            self.ports.clone(),
            self.settings.clone(),
            Arc::clone(&self.attempts),
            self.stop.taking.clone(),
        ));
        let tasks = TaskTracker::new();
        let slots = Slots::new(self.settings.concurrency, Arc::clone(&self.ports.clock));
        let mut waiting = Waiting::beside(self.settings.concurrency);
        let put_offs = TaskTracker::new();
        self.consuming.store(true, Ordering::Relaxed);
        while let Some((delivery, slot)) = self.next(&slots, &mut waiting, &put_offs).await {
            self.dispatch(delivery, slot, &tasks).await;
        }
        self.consuming.store(false, Ordering::Relaxed);
        let unbegun = join_all(waiting.empty().map(|delivery| return_unbegun(&self.attempts, delivery)));
        put_offs.close();
        let (handed_back, ..) = tokio::join!(self.drain(&tasks), unbegun, put_offs.wait());
        let _ = maintenance.await;
        handed_back
    }

    /// The next delivery that has a slot; `None` when it is time to stop. What is given none waits in hand, and
    /// beyond that in the queue.
    async fn next(
        &self,
        slots: &Arc<Slots>,
        waiting: &mut Waiting,
        put_offs: &TaskTracker,
    ) -> Option<(Delivery, Slot)> {
        let mut failures = 0;
        loop {
            // Waiting for a slot and for a delivery are cancel safe.
            tokio::select! {
                () = slots.one_free() => {}
                () = self.stop.taking.cancelled() => return None,
            }
            // While Google is down, look again only when it is worth it.
            if let Some(pause) = self.attempts.gateway.left_alone_for() {
                self.pause(pause).await;
                continue;
            }
            if let Some(next) = waiting.next(slots) {
                return Some(next);
            }
            let received = tokio::select! {
                received = self.ports.queue.receive() => received,
                () = slots.freed(), if !waiting.is_empty() => continue,
                () = self.stop.taking.cancelled() => return None,
            };
            match received {
                Ok(delivery) => {
                    if let Some(next) = self.admit(delivery, slots, waiting, put_offs) {
                        return Some(next);
                    }
                }
                Err(error @ (QueueError::Full | QueueError::Unreachable(_) | QueueError::Unconfirmed)) => {
                    self.consuming.store(false, Ordering::Relaxed);
                    failures += 1;
                    tracing::warn!("Nothing can be taken from the queue, again in a moment: {error}");
                    let pause = RECONNECT.jittered(failures, random::fraction());
                    self.pause(pause.max(SHORTEST)).await;
                    self.consuming.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    /// Gives a delivery a slot, if its account may have one now.
    fn admit(
        &self,
        delivery: Delivery,
        slots: &Arc<Slots>,
        waiting: &mut Waiting,
        put_offs: &TaskTracker,
    ) -> Option<(Delivery, Slot)> {
        let Some(account) = account(&delivery) else {
            return Some((delivery, slots.take()));
        };
        if let Some(slot) = slots.take_for(&account) {
            return Some((delivery, slot));
        }
        if let Some(delivery) = waiting.keep(&account, delivery) {
            let (attempts, pause, slot) = (Arc::clone(&self.attempts), slots.place(&account), slots.take());
            put_offs.spawn(async move {
                defer(&attempts, delivery, pause).await;
                drop(slot);
            });
        }
        None
    }

    async fn pause(&self, span: Duration) {
        tokio::select! {
            () = self.ports.clock.sleep(span) => {}
            () = self.stop.taking.cancelled() => {}
        }
    }

    async fn dispatch(&self, delivery: Delivery, slot: Slot, tasks: &TaskTracker) {
        let attempts = Arc::clone(&self.attempts);
        let work = tasks.track_future(async move {
            let counted = metrics::in_flight();
            attempts.handle(delivery).await;
            drop((counted, slot));
        });
        let task = tokio::spawn(work);
        // An open circuit lets one job at a time through.
        if self.attempts.gateway.is_down() {
            // The tracker has the task: not waiting for it leaves it running.
            tokio::select! {
                _ = task => {}
                () = self.stop.taking.cancelled() => {}
            }
        }
    }

    async fn drain(&self, tasks: &TaskTracker) -> usize {
        tasks.close();
        let running = tasks.len();
        if running > 0 {
            tracing::info!("Finishing {running} jobs, for {} s at most", self.settings.drain.as_secs());
        }
        tokio::select! {
            () = tasks.wait() => return 0,
            () = pause(self.settings.drain) => {}
            () = self.stop.working.cancelled() => {}
        }
        let left = tasks.len();
        tracing::warn!("Handing {left} jobs back to the queue; nothing is counted against them");
        self.stop.working.cancel();
        if tokio::time::timeout(HAND_BACK, tasks.wait()).await.is_err() {
            tracing::warn!("{} jobs did not hand themselves back; the queue redelivers them", tasks.len());
        }
        left
    }
}

/// Whose slots a delivery takes: whose calendar Google is called for.
fn account(delivery: &Delivery) -> Option<AccountId> {
    let message = delivery.message.as_ref().ok()?;
    match message.work {
        Work::Create | Work::Record(_) | Work::Conference { .. } => Some(message.account.clone()),
        Work::Notice { .. } => None,
    }
}
