//! Where jobs are recorded: in the store, and while it is away in this process's memory.
//!
//! Losing the store loses no job: identity is derived, the queue's message rebuilds the record, and
//! what was accepted meanwhile is written down when the store is back ([`writer`]). Should this
//! process end before that, a worker writes the record once it meets the message. A job that
//! its caller cancelled stays cancelled: where records were lost the vault knows ([`cancelled`]).

mod absence;
mod cancelled;
mod marks;
mod memory;
mod reconcile;
mod refused;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use common::job::{Effect, Job, JobId, JobState, Refusal, Step};
use common::message::Message;
use common::metrics;
use common::port::{Accepted, Backlog, Change, Clock, JobStore, Line, StoreError, Throttle, Watch};
use tracing::{error, info, warn};

use crate::ports::Ports;
use crate::reach::{Reach, Reached};
pub use absence::Absence;
use marks::Marks;
use memory::Memory;
use reconcile::newest;
use refused::RefusedJobs;

/// The queue has this long to confirm.
pub(crate) const CONFIRM_DEADLINE: Duration = Duration::from_secs(10);

/// The records of jobs, as an ingress reads and writes them.
pub struct Ledger {
    store: Arc<dyn JobStore>,
    throttle: Arc<dyn Throttle>,
    clock: Arc<dyn Clock>,
    /// How long the records of finished jobs are kept.
    retention: Duration,
    memory: Memory,
    refused: RefusedJobs,
    marks: Marks,
    reach: Reach,
}

/// Where the id of a job that is being accepted is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// From the caller's key: an earlier request may have had it.
    Derived,
    /// From chance: no job had it before.
    Random,
}

/// Who has the record of a job that is being accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// The store.
    Store,
    /// This process: the store is away.
    Memory,
}

/// What came of asking for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// There is one now; its job's turn comes after this delay.
    New {
        /// From the account's line.
        delay: Duration,
        /// Where it is.
        keeper: Keeper,
    },
    /// The id is known.
    Known {
        /// How it stands.
        job: Box<Job>,
        /// Where that is known from.
        keeper: Keeper,
    },
    /// This account of this owner has too many unfinished jobs.
    AccountFull,
    /// This owner has too many unfinished jobs.
    OwnerFull,
    /// It was lost whether the id is known and its job cancelled, and the vault cannot be asked.
    Undecided,
}

/// What the record says to the wish to cancel its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The store's answer.
    Answered(Change),
    /// The job has no record now; the wish is written with it.
    Noted(Box<Job>),
    /// There is no such job any more: it was never accepted.
    Gone,
}

impl Ledger {
    /// A ledger that remembers nothing yet; the records of finished jobs are kept for `retention`.
    #[must_use]
    pub fn new(ports: &Ports, retention: Duration) -> Self {
        Self {
            store: Arc::clone(&ports.store),
            throttle: Arc::clone(&ports.throttle),
            clock: Arc::clone(&ports.clock),
            retention,
            memory: Memory::default(),
            refused: RefusedJobs::default(),
            marks: Marks::new(Arc::clone(&ports.vault), retention),
            reach: Reach::new(Arc::clone(&ports.clock), told),
        }
    }

    /// Records a job that is being accepted, unless it is known or the backlog is full. While the
    /// store is away the backlog is not counted.
    pub(crate) async fn accept(&self, job: &Job, identity: Identity, backlog: Backlog, line: &Line) -> Entry {
        if let Some(remembered) = self.memory.get(&job.id) {
            let stored = self.reach.noted(self.store.get(&job.id).await).ok().flatten();
            let job = match stored {
                Some(stored) => newest(remembered, stored),
                None => remembered,
            };
            return Entry::Known { job: Box::new(job), keeper: Keeper::Memory };
        }
        match self.reach.noted(self.store.accept(job, backlog, line).await) {
            Ok(Accepted::New { delay, whole_since }) => {
                let new = Entry::New { delay, keeper: Keeper::Store };
                match self.cancelled_before(job, identity, whole_since).await {
                    None => new,
                    Some(entry) => {
                        self.throttle.leave(line).await;
                        entry
                    }
                }
            }
            Ok(Accepted::Known(job)) => Entry::Known { job, keeper: Keeper::Store },
            Ok(Accepted::AccountFull) => Entry::AccountFull,
            Ok(Accepted::OwnerFull) => Entry::OwnerFull,
            Err(_) => match self.memory.begin(job) {
                Some(known) => Entry::Known { job: Box::new(known), keeper: Keeper::Memory },
                None => Entry::New { delay: self.throttle.place(line).await, keeper: Keeper::Memory },
            },
        }
    }

    /// Removes the record of a job that the queue did not take.
    pub(crate) async fn withdraw(&self, job: &Job, keeper: Keeper) {
        let id = &job.id;
        match keeper {
            Keeper::Memory => self.memory.forget(id),
            Keeper::Store => {
                if let Err(error) = self.reach.noted(self.store.withdraw(id).await) {
                    // Until it is removed it is `accepting`: a repeat publishes it again.
                    let then = match self.refused.remember(job) {
                        true => "it is tried again",
                        false => "too many are to be tried again already, so that a worker may do the job",
                    };
                    warn!(job.id = %id, %error, "The record of job {id} could not be removed; {then}: {error}");
                }
            }
        }
    }

    /// Records where a job is placed in its account's line. Where that cannot be recorded its message says so.
    pub(crate) async fn placed(&self, id: &JobId, step: &Step, keeper: Keeper) {
        match keeper {
            // It is remembered with its message.
            Keeper::Memory => {}
            Keeper::Store => drop(self.take(id, step).await),
        }
    }

    /// Remembers that the queue holds this message, where memory has its job.
    pub(crate) fn confirmed(&self, message: &Message, keeper: Keeper) {
        match keeper {
            Keeper::Memory => self.memory.remember(message.rebuild(self.clock.now())),
            Keeper::Store => {}
        }
    }

    /// Records that the queue holds this message.
    pub(crate) async fn enqueued(&self, message: &Message, keeper: Keeper) {
        match keeper {
            // It is written down with everything else that is remembered.
            Keeper::Memory => {}
            Keeper::Store => match self.take(&message.job, &Step::Enqueued).await {
                // The store has lost the record, or cannot be told.
                Ok(Change::Refused(Refusal::Unknown)) | Err(_) => {
                    self.memory.remember(message.rebuild(self.clock.now()));
                }
                // A worker may have started it meanwhile: a refusal is no news.
                Ok(Change::Taken(_) | Change::Refused(_)) => {}
            },
        }
    }

    /// A job's record.
    ///
    /// # Errors
    /// When the store is away and the job is not remembered.
    pub async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        // Memory first: a job is forgotten only once it is stored.
        let remembered = self.memory.get(id);
        match (self.reach.noted(self.store.get(id).await), remembered) {
            (Ok(Some(stored)), Some(remembered)) => Ok(Some(newest(remembered, stored))),
            (Ok(None) | Err(_), Some(remembered)) => Ok(Some(remembered)),
            (stored, None) => stored,
        }
    }

    /// Watches a job from now on: a hint, as the store's is.
    #[must_use]
    pub fn watch(&self, id: &JobId) -> Watch {
        self.store.watch(id)
    }

    /// What it means that a job has no record.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn absence(&self) -> Result<Absence, StoreError> {
        let whole_since = self.reach.noted(self.store.whole_since().await)?;
        Ok(absence::absence(whole_since, self.reach.away().last, self.retention, self.clock.now()))
    }

    /// Notes the wish to cancel a job that stood like this a moment ago.
    ///
    /// # Errors
    /// When the store is away, and what it would have answered is not known.
    pub(crate) async fn cancel(&self, seen: &Job) -> Result<Wish, StoreError> {
        // Even if the store has a record by now: what became of the message is not in it.
        if let Some(job) = self.memory.cancel(&seen.id) {
            return Ok(Wish::Noted(Box::new(job)));
        }
        self.doubt(seen).await?;
        Ok(match (self.take_counted(&seen.id, &Step::Cancel).await?, &seen.state) {
            // The queue refused it meanwhile, and with it went the record.
            (Change::Refused(Refusal::Unknown), JobState::Accepting { .. }) => Wish::Gone,
            // The record was lost under our hands; the message is still on its way.
            (Change::Refused(Refusal::Unknown), _) => {
                let job = reconcile::record(seen).with_wish_to_cancel(true);
                self.memory.remember(job.clone());
                Wish::Noted(Box::new(job))
            }
            (change, _) => Wish::Answered(change),
        })
    }

    /// A record that is older than the last loss may lack what was done after it: that nothing was written is not
    /// believed then.
    async fn doubt(&self, seen: &Job) -> Result<(), StoreError> {
        if seen.effect != Effect::None {
            return Ok(());
        }
        let whole_since = self.reach.noted(self.store.whole_since().await)?;
        if reconcile::may_lack(seen, whole_since) {
            self.take(&seen.id, &Step::Doubt(whole_since)).await?;
        }
        Ok(())
    }

    /// Takes a step, now.
    async fn take(&self, id: &JobId, step: &Step) -> Result<Change, StoreError> {
        self.reach.noted(self.store.take(id, step, self.clock.now()).await)
    }

    /// Takes a step, and counts the job if the step has ended it.
    async fn take_counted(&self, id: &JobId, step: &Step) -> Result<Change, StoreError> {
        let change = self.take(id, step).await?;
        if let Change::Taken(job) = &change {
            metrics::finished(job);
        }
        Ok(change)
    }
}

fn told(reached: Reached<'_>) {
    match reached {
        Reached::Away(error) => {
            error!(%error, "Jobs are accepted without a record until the job store is back: {error}");
        }
        Reached::Again => info!("The job store can be used again"),
    }
}
