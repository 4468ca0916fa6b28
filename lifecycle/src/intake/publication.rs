//! A job's way into the queue: recorded, published, confirmed; or found to have gone that way before.

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::job::{Effect, Job, JobId, JobState, Turn};
use common::message::{Message, Work};
use common::metrics;
use common::port::{Line, QueueError};
use common::time;
use futures_util::future::{Either, select};
use jiff::Timestamp;
use tracing::{info, warn};

use super::decision::{Decision, decide};
use super::lane::{lane, late};
use super::{Intake, Receipt, Refusal};
use crate::ledger::{CONFIRM_DEADLINE, Entry, Identity, Keeper};

/// How often a repeat looks at a record that is being accepted.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How often a repeat waits for another request's outcome before it gives up.
const ROUNDS: u32 = 3;

/// A job that the queue holds.
pub(super) struct Placed {
    pub(super) receipt: Receipt,
    /// What this request has published of it, and who keeps its record.
    pub(super) published: Option<(Message, Keeper)>,
}

/// Whether this request made the record of the job that it publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record<'a> {
    /// It did; the job is placed here.
    New(&'a Spot),
    Older,
}

/// Where a new job is placed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The line that it joins, or only looks at.
    pub(super) line: Line,
    pub(super) event_ends: Option<Timestamp>,
}

impl Intake {
    /// Records and publishes a job, or finds out what became of the one with its id.
    pub(super) async fn place(
        &self,
        mut job: Job,
        identity: Identity,
        spot: &Spot,
    ) -> Result<Placed, Refusal> {
        for _ in 0..ROUNDS {
            let (known, keeper) = match self.ledger.accept(&job, identity, self.backlog, &spot.line).await {
                Entry::New { delay, keeper } => {
                    return self.publish(job, delay, keeper, Record::New(spot)).await;
                }
                Entry::AccountFull => return Err(Refusal::AccountFull),
                Entry::OwnerFull => return Err(Refusal::OwnerFull),
                Entry::Undecided => return Err(Refusal::StorageUnusable),
                Entry::Known { job, keeper } => (*job, keeper),
            };
            match decide(&known, &job.fingerprint, self.ports.clock.now()) {
                Decision::Reused => return Err(Refusal::KeyReused(known.id.clone())),
                Decision::Replay => return Ok(Placed::before(known)),
                Decision::PublishAgain => return self.publish_again(known, keeper).await,
                Decision::AwaitOutcome { until } => self.settled(&known.id, until).await,
            }
            let now = self.ports.clock.now();
            job = job.accepting_again(now);
        }
        Err(Refusal::OutcomeUnknown(job.id.clone()))
    }

    /// Publishes a job whose first request never learned whether the queue took it, unless its caller
    /// has cancelled it.
    async fn publish_again(&self, known: Job, keeper: Keeper) -> Result<Placed, Refusal> {
        let id = known.id.clone();
        match self.ledger.reconsidered(known, keeper).await {
            Some(job) if matches!(job.state, JobState::Accepting { .. }) => {
                self.publish(job, Duration::ZERO, keeper, Record::Older).await
            }
            Some(job) => Ok(Placed::before(job)),
            None => Err(Refusal::OutcomeUnknown(id)),
        }
    }

    /// Publishes a recorded job.
    async fn publish(
        &self,
        job: Job,
        delay: Duration,
        keeper: Keeper,
        record: Record<'_>,
    ) -> Result<Placed, Refusal> {
        let (job, place) = match record {
            Record::New(spot) => self.placed(job, delay, keeper, spot).await,
            Record::Older => (job, Duration::ZERO),
        };
        let Some(message) = Message::next_for(&job, Work::Create) else {
            return Ok(Placed::before(job));
        };
        let effect = match keeper {
            Keeper::Store => message.effect,
            // What the store would have said of an earlier request is not known: a worker has to look.
            Keeper::Memory => message.effect.max(Effect::Unknown),
        };
        let message = Message { effect, ..message };
        let (lane, delay) = lane(&job, place, self.ports.clock.now());
        let began = std::time::Instant::now();
        let publish = self.ports.queue.publish(&message, lane, delay);
        let confirmed = match select(publish, self.ports.clock.sleep(CONFIRM_DEADLINE)).await {
            Either::Left((confirmed, _)) => confirmed,
            Either::Right(((), _)) => Err(QueueError::Unconfirmed),
        };
        metrics::publish_confirmed(began.elapsed());
        self.tell(&confirmed);
        match confirmed {
            Ok(()) => {
                // Before the answer: a repeat that comes right behind it is to find the job queued.
                self.ledger.confirmed(&message, keeper);
                let state = job.in_queue(self.ports.clock.now()).name();
                let receipt = Receipt { state, job, replayed: record == Record::Older };
                Ok(Placed { receipt, published: Some((message, keeper)) })
            }
            Err(QueueError::Unconfirmed) => {
                warn!(job.id = %job.id, "The queue did not confirm job {} in time", job.id);
                Err(Refusal::OutcomeUnknown(job.id.clone()))
            }
            Err(error @ (QueueError::Full | QueueError::Unreachable(_))) => {
                match record {
                    Record::New(spot) => {
                        self.ledger.withdraw(&job, keeper).await;
                        // While the queue is full, places of refused jobs would otherwise fill the account's line.
                        if job.turn.as_ref().is_some_and(Turn::is_in_line) {
                            self.ports.throttle.leave(&spot.line).await;
                        }
                    }
                    // An earlier publish of it may have been stored after all.
                    Record::Older => return Err(Refusal::OutcomeUnknown(job.id.clone())),
                }
                Err(if error == QueueError::Full { Refusal::QueueFull } else { Refusal::QueueUnreachable })
            }
        }
    }

    /// The job as it is placed, and how long until its turn. One that is not in line yet has its turn when it comes;
    /// a caller whose job's turn comes too late is told, and so is the record.
    async fn placed(&self, job: Job, delay: Duration, keeper: Keeper, spot: &Spot) -> (Job, Duration) {
        if !job.turn.as_ref().is_some_and(Turn::is_in_line) {
            return (job, Duration::ZERO);
        }
        let now = self.ports.clock.now();
        let Some(step) = late(&job, delay, spot.event_ends, now) else {
            return (job, delay);
        };
        let job = job.take(&step, now).unwrap_or(job);
        if !job.turn.as_ref().is_some_and(Turn::is_in_line) {
            self.ports.throttle.leave(&spot.line).await;
        }
        self.ledger.placed(&job.id, &step, keeper).await;
        (job, delay)
    }

    /// Tells the log when the queue begins to refuse jobs and when it takes them again: callers and
    /// metrics are told of each.
    fn tell(&self, confirmed: &Result<(), QueueError>) {
        let refuses = match confirmed {
            Ok(()) => false,
            Err(QueueError::Full | QueueError::Unreachable(_)) => true,
            Err(QueueError::Unconfirmed) => return,
        };
        if self.queue_refuses.swap(refuses, Ordering::Relaxed) == refuses {
            return;
        }
        match confirmed {
            Ok(()) => info!("The queue takes jobs again"),
            Err(error) => warn!(%error, "Jobs are refused: {error}"),
        }
    }

    /// Returns when the job is no longer being accepted, or at `until`.
    async fn settled(&self, id: &JobId, until: Timestamp) {
        loop {
            let mut watch = self.ledger.watch(id);
            // Without the store the outcome may still come to be known: by then, or when it is back.
            let settled = match self.ledger.get(id).await {
                Ok(Some(job)) => !matches!(job.state, JobState::Accepting { .. }),
                Ok(None) => true,
                Err(_) => false,
            };
            let left = time::until(self.ports.clock.now(), until);
            if settled || left.is_zero() {
                return;
            }
            let pause = self.ports.clock.sleep(left.min(LOOK_AGAIN));
            select(Box::pin(watch.changed()), pause).await;
        }
    }
}

impl Placed {
    /// By an earlier request.
    fn before(job: Job) -> Self {
        Self { receipt: Receipt::replayed(job), published: None }
    }
}
