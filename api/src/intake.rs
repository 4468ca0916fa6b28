//! Intake: turns a request into a job that the queue holds, once per idempotency key.
//!
//! The order is DESIGN §5's: record it as accepting, publish it and wait for the confirmation,
//! answer; `queued` is written after the answer. A crash between any two of these is safe: a
//! record without a message is published again by the caller's repeat, a message without a record
//! rebuilds it.

mod cancel;
mod decision;
mod lane;
mod preparation;
mod refusal;

use std::sync::Arc;
use std::time::Duration;

use common::account::AccountState;
use common::accounts::Accounts;
use common::event::Submission;
use common::fingerprint::Fingerprint;
use common::job::{Job, JobId, JobState, StateName, Step};
use common::message::{Message, Work};
use common::owner::Owner;
use common::port::{Accepted, Backlog, Clock, JobQueue, JobStore, Limit, QueueError, Throttle, Vault};
use common::quotas::Quotas;
use common::time;
use futures_util::future::{Either, select};
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::idempotency::IdempotencyKey;
use crate::metrics;
pub(crate) use cancel::{CancelRefusal, Cancellation};
use decision::{Decision, decide};
use lane::lane;
pub(crate) use refusal::Refusal;

/// The queue has this long to confirm.
pub(crate) const CONFIRM_DEADLINE: Duration = Duration::from_secs(10);
/// How often a repeat looks at a record that is being accepted.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How often a repeat waits for another request's outcome before it gives up.
const ROUNDS: u32 = 3;

/// Accepts jobs and takes them back.
pub(crate) struct Intake {
    pub(crate) store: Arc<dyn JobStore>,
    pub(crate) queue: Arc<dyn JobQueue>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) throttle: Arc<dyn Throttle>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) backlog: Backlog,
    pub(crate) quotas: Quotas,
    /// What outlives the request that began it.
    pub(crate) tasks: TaskTracker,
}

/// The routes that accept jobs. An idempotency key belongs to one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// `POST /api/v1/events`.
    Events,
    /// `POST /api/create-calendar-event`.
    Older,
}

impl Entrance {
    /// Every entrance, for metrics.
    pub(crate) const ALL: [Self; 2] = [Self::Events, Self::Older];

    /// The route as job ids are derived from it: never to be changed.
    pub(crate) fn route(self) -> &'static str {
        match self {
            Self::Events => "POST /api/v1/events",
            Self::Older => "POST /api/create-calendar-event",
        }
    }
}

/// A request to accept a job.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) owner: Owner,
    pub(crate) entrance: Entrance,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) submission: Submission,
}

/// An accepted job.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    pub(crate) job: Job,
    /// As the caller sees it.
    pub(crate) state: StateName,
    /// Whether an earlier request with the same key made the job.
    pub(crate) replayed: bool,
}

impl Receipt {
    /// Its record still says `accepting` only when this request has published it.
    fn was_just_published(&self) -> bool {
        matches!(self.job.state, JobState::Accepting { .. })
    }
}

impl Intake {
    /// Accepts a job, or answers the one that the same key has made. `Ok` means that the queue holds
    /// it.
    pub(crate) async fn submit(self: &Arc<Self>, ask: Ask) -> Result<Receipt, Refusal> {
        let now = self.clock.now();
        let fingerprint = self.accounts.hash_key().fingerprint(&ask.submission.canonical());
        let id = match &ask.key {
            Some(key) => JobId::derived(&ask.owner, ask.entrance.route(), key.as_str()),
            None => JobId::random(),
        };
        let (account, job) = match self.prepare(&ask, id.clone(), fingerprint.clone(), now).await {
            Ok(prepared) => prepared,
            // A repeat is answered as before, whatever has changed since.
            Err(refusal) if ask.key.is_some() => return self.earlier(&id, &fingerprint, refusal).await,
            Err(refusal) => return Err(refusal),
        };
        let line = self.line(&account, &ask.submission);
        let (answer, answered) = oneshot::channel();
        let intake = Arc::clone(self);
        // A caller who hangs up must not cut the job off between its record and its message.
        self.tasks.spawn(async move {
            let placed = intake.place(job, &line).await;
            let published = placed.as_ref().is_ok_and(Receipt::was_just_published);
            // Nobody may be listening any more.
            let _ = answer.send(placed);
            if published {
                metrics::accepted(ask.entrance);
                intake.enqueued(&id).await;
            }
        });
        let mut receipt = answered.await.map_err(|_| Refusal::Interrupted)??;
        let waits_for_user = matches!(account.state, AccountState::NeedsReauthorization { .. });
        if waits_for_user && receipt.state == StateName::Queued {
            receipt.state = StateName::Blocked;
        }
        Ok(receipt)
    }

    /// What an earlier request under this key has made; `refusal` where there was none.
    async fn earlier(
        &self,
        id: &JobId,
        fingerprint: &Fingerprint,
        refusal: Refusal,
    ) -> Result<Receipt, Refusal> {
        match self.store.get(id).await {
            Ok(Some(known)) if known.fingerprint == *fingerprint => Ok(replay(known)),
            Ok(Some(known)) => Err(Refusal::KeyReused(known.id)),
            Ok(None) => Err(refusal),
            Err(error) => Err(unusable("The job store", &error)),
        }
    }

    /// Records and publishes a job, or finds out what became of the one with its id.
    async fn place(&self, mut job: Job, line: &Limit) -> Result<Receipt, Refusal> {
        for _ in 0..ROUNDS {
            let accepted = self.store.accept(&job, self.backlog, line).await;
            let known = match accepted.map_err(|error| unusable("The job store", &error))? {
                Accepted::New { delay } => return self.publish(job, delay, Record::New).await,
                Accepted::AccountFull => return Err(Refusal::AccountFull),
                Accepted::OwnerFull => return Err(Refusal::OwnerFull),
                Accepted::Known(known) => *known,
            };
            match decide(&known, &job.fingerprint, self.clock.now()) {
                Decision::Reused => return Err(Refusal::KeyReused(known.id)),
                Decision::Replay => return Ok(replay(known)),
                Decision::PublishAgain => {
                    return self.publish(known, Duration::ZERO, Record::Older).await;
                }
                Decision::AwaitOutcome { until } => self.settled(&known.id, until).await?,
            }
            let now = self.clock.now();
            job =
                Job { state: JobState::Accepting { since: now }, submitted_at: now, updated_at: now, ..job };
        }
        Err(Refusal::OutcomeUnknown(job.id))
    }

    /// Publishes a recorded job.
    async fn publish(&self, job: Job, delay: Duration, record: Record) -> Result<Receipt, Refusal> {
        let Some(message) = Message::next_for(&job, Work::Create) else {
            return Ok(replay(job));
        };
        let (lane, delay) = lane(delay, job.not_before, self.clock.now());
        let began = std::time::Instant::now();
        let publish = self.queue.publish(&message, lane, delay);
        let confirmed = match select(publish, self.clock.sleep(CONFIRM_DEADLINE)).await {
            Either::Left((confirmed, _)) => confirmed,
            Either::Right(((), _)) => Err(QueueError::Unconfirmed),
        };
        metrics::publish_confirmed(began.elapsed());
        match confirmed {
            Ok(()) => Ok(Receipt { state: StateName::Queued, job, replayed: record == Record::Older }),
            Err(QueueError::Unconfirmed) => {
                warn!(job.id = %job.id, "The queue did not confirm job {} in time", job.id);
                Err(Refusal::OutcomeUnknown(job.id))
            }
            Err(error @ (QueueError::Full | QueueError::Unreachable(_))) => {
                warn!(job.id = %job.id, %error, "The queue did not take job {}: {error}", job.id);
                match record {
                    Record::New => self.withdraw(&job.id).await,
                    // An earlier publish of it may have been stored after all.
                    Record::Older => return Err(Refusal::OutcomeUnknown(job.id)),
                }
                Err(if error == QueueError::Full { Refusal::QueueFull } else { Refusal::QueueUnreachable })
            }
        }
    }

    async fn withdraw(&self, id: &JobId) {
        if let Err(error) = self.store.withdraw(id).await {
            // It stays `accepting`: a repeat publishes it again, and nobody else was promised it.
            warn!(job.id = %id, %error, "The record of job {id} could not be removed: {error}");
        }
    }

    async fn enqueued(&self, id: &JobId) {
        // A worker may have started it meanwhile: a refusal is no news.
        if let Err(error) = self.store.take(id, &Step::Enqueued, self.clock.now()).await {
            warn!(job.id = %id, %error, "Job {id} could not be recorded as queued: {error}");
        }
    }

    /// Returns when the job is no longer being accepted, or at `until`.
    async fn settled(&self, id: &JobId, until: Timestamp) -> Result<(), Refusal> {
        loop {
            let mut watch = self.store.watch(id);
            let job = self.store.get(id).await.map_err(|error| unusable("The job store", &error))?;
            let accepting = job.is_some_and(|job| matches!(job.state, JobState::Accepting { .. }));
            let left = time::until(self.clock.now(), until);
            if !accepting || left.is_zero() {
                return Ok(());
            }
            let pause = self.clock.sleep(left.min(LOOK_AGAIN));
            select(Box::pin(watch.changed()), pause).await;
        }
    }
}

/// Whether this request made the record that is being published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record {
    New,
    Older,
}

fn replay(job: Job) -> Receipt {
    Receipt { state: job.state.name(), job, replayed: true }
}

fn unusable(what: &str, error: &dyn std::error::Error) -> Refusal {
    log_trouble(what, error);
    Refusal::StorageUnusable
}

fn log_trouble(what: &str, error: &dyn std::error::Error) {
    error!("{what} failed a request: {error}");
}
