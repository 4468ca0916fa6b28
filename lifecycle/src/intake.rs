//! Intake: turns a request into a job that the queue holds, once per idempotency key.
//!
//! The order is: record it as accepting, publish it and wait for the confirmation, answer; `queued` is written after the
//! answer. A crash between any two of these is safe: a record without a message is published again by the caller's
//! repeat, a message without a record rebuilds it. Without the store a job is accepted all the same: its record follows.

mod decision;
mod lane;
mod preparation;
mod publication;
mod refusal;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use common::account::AccountState;
use common::event::Submission;
use common::fingerprint::Fingerprint;
use common::job::{Job, JobId, StateName};
use common::owner::Owner;
use common::port::{Backlog, VaultError};
use common::quotas::Quotas;
use common::trace::TraceContext;
use metrics::Counter;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, error, warn};

use crate::cancel::{CancelError, Cancelled, Hitch, cancel};
use crate::ledger::{Identity, Ledger};
use crate::ports::Ports;
use publication::{Placed, Spot};
pub use refusal::Refusal;

/// Accepts jobs, and cancels them for their callers.
pub struct Intake {
    /// Of its vault only the ledger asks when a job is accepted, where records were lost.
    ports: Ports,
    ledger: Arc<Ledger>,
    backlog: Backlog,
    quotas: Quotas,
    /// Whether the queue refused the last job.
    queue_refuses: AtomicBool,
    /// What outlives the request that began it.
    tasks: TaskTracker,
}

/// A request to accept a job.
#[derive(Debug)]
pub struct Ask {
    /// The id that the job gets.
    pub id: JobId,
    /// Where it is from.
    pub identity: Identity,
    /// Who asks.
    pub owner: Owner,
    /// For what.
    pub submission: Submission,
    /// What the request is part of.
    pub trace: TraceContext,
    /// Counts the job once the queue holds it.
    pub accepted: Counter,
}

/// An accepted job.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The job.
    pub job: Job,
    /// As the caller sees it.
    pub state: StateName,
    /// Whether an earlier request with the same key made the job.
    pub replayed: bool,
}

impl Intake {
    /// An intake whose records are in `ledger`; what outlives a request is one of `tasks`.
    #[must_use]
    pub fn new(
        ports: Ports,
        ledger: Arc<Ledger>,
        backlog: Backlog,
        quotas: Quotas,
        tasks: TaskTracker,
    ) -> Self {
        Self { ports, ledger, backlog, quotas, queue_refuses: AtomicBool::new(false), tasks }
    }

    /// Accepts a job, or answers the one that the same key has made. `Ok` means that the queue holds
    /// it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn submit(self: &Arc<Self>, ask: Ask) -> Result<Receipt, Refusal> {
        let now = self.ports.clock.now();
        let (former, canonical) = (ask.submission.former(), ask.submission.canonical());
        let fingerprint = self.ports.accounts.hash_key().fingerprint_of(&former, &canonical);
        let (account, job) = match (self.prepare(&ask, fingerprint.clone(), now).await, ask.identity) {
            (Ok(prepared), _) => prepared,
            // A repeat is answered as before, whatever has changed since.
            (Err(refusal), Identity::Derived) => return self.earlier(&ask.id, &fingerprint, refusal).await,
            (Err(refusal), Identity::Random) => return Err(refusal),
        };
        let spot = Spot { line: self.line(&account, &job), event_ends: ask.submission.event.ends_at() };
        let (answer, answered) = oneshot::channel();
        let intake = Arc::clone(self);
        // A caller who hangs up must not cut the job off between its record and its message.
        let accepting = async move {
            let (receipt, published) = match intake.place(job, ask.identity, &spot).await {
                Ok(Placed { receipt, published }) => (Ok(receipt), published),
                Err(refusal) => (Err(refusal), None),
            };
            // The request may have been dropped.
            let _ = answer.send(receipt);
            if let Some((message, keeper)) = published {
                ask.accepted.increment(1);
                intake.ledger.enqueued(&message, keeper).await;
            }
        };
        self.tasks.spawn(accepting.in_current_span());
        let mut receipt = answered.await.map_err(|_| Refusal::Interrupted)??;
        let waits_for_user = matches!(account.state, AccountState::NeedsReauthorization { .. });
        if waits_for_user && receipt.state == StateName::Queued {
            receipt.state = StateName::Blocked;
        }
        Ok(receipt)
    }

    /// Cancels `job` for its caller, as far as that is still possible.
    ///
    /// # Errors
    /// [`CancelError`].
    pub async fn cancel(&self, job: &Job) -> Result<Cancelled, CancelError> {
        let cancelled = cancel(&self.ports, &self.quotas, job, self.ledger.cancel(job), told).await;
        // The ledger tells of the store.
        if let Err(CancelError::Vault(error)) = &cancelled {
            vault_failed(error);
        }
        cancelled
    }

    /// What an earlier request under this key has made; `refusal` where there was none.
    async fn earlier(
        &self,
        id: &JobId,
        fingerprint: &Fingerprint,
        refusal: Refusal,
    ) -> Result<Receipt, Refusal> {
        match self.ledger.get(id).await {
            Ok(Some(known)) if known.fingerprint.is_same_request(fingerprint) => Ok(Receipt::replayed(known)),
            Ok(Some(known)) => Err(Refusal::KeyReused(known.id.clone())),
            Ok(None) => Err(refusal),
            // Whether this is a repeat, and so already accepted, cannot be told.
            Err(_) => Err(Refusal::StorageUnusable),
        }
    }
}

impl Receipt {
    fn replayed(job: Job) -> Self {
        Self { state: job.state_name(), job, replayed: true }
    }

    /// As the caller sees it now, where its record was `seen`. A record that is still queued knows less
    /// than the intake did: what the job will wait for is found by a worker.
    #[must_use]
    pub fn state_now(&self, seen: Option<&Job>) -> StateName {
        match seen.map(|job| job.state.name()) {
            None | Some(StateName::Queued) => self.state,
            Some(
                state @ (StateName::Running
                | StateName::Waiting
                | StateName::Blocked
                | StateName::Succeeded
                | StateName::Failed
                | StateName::Cancelled),
            ) => state,
        }
    }
}

/// The caller's wish stands: the log is told.
fn told(hitch: Hitch<'_>) -> Result<(), VaultError> {
    match hitch {
        Hitch::NotWoken(job, error) => {
            let id = &job.id;
            warn!(job.id = %id, %error, "Job {id} could not be woken to be cancelled: {error}");
        }
        Hitch::NotUnmarked(id, error) => {
            warn!(job.id = %id, %error, "The cancellation mark of job {id} could not be removed: {error}");
        }
    }
    Ok(())
}

fn vault_failed(error: &VaultError) -> Refusal {
    error!("The vault failed a request: {error}");
    Refusal::StorageUnusable
}
