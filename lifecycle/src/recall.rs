//! Taking back every unfinished job of an account, whose user it is about to lose.

use std::time::Duration;

use common::account::{Account, AccountId};
use common::job::{Job, JobId, JobState, Refusal, StateName, Step};
use common::message::{Message, Work};
use common::port::{Change, Lane, ListFilter, Page, Shelf, StoreError, VaultError};
use common::quotas::Quotas;
use serde_json::json;

use crate::ports::Ports;

/// Jobs read at a time.
const PAGE: u32 = 200;
/// The states of jobs that have not ended.
const UNFINISHED: [StateName; 4] =
    [StateName::Queued, StateName::Running, StateName::Waiting, StateName::Blocked];

/// What became of an account's unfinished jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recalled {
    /// Jobs that were cancelled, and have written nothing.
    pub cancelled: u64,
    /// Jobs that may have written: a worker looks at Google and takes back what it finds.
    pub cancelling: Vec<JobId>,
}

/// Why not every job was taken back; doing it again does the rest.
#[derive(Debug, thiserror::Error)]
pub enum RecallError {
    /// The records could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A job's cancellation could not be marked.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Cancels every unfinished job of `account`.
///
/// # Errors
/// [`RecallError`].
pub async fn recall(ports: &Ports, quotas: &Quotas, account: &Account) -> Result<Recalled, RecallError> {
    let mut recalled = Recalled::default();
    for state in UNFINISHED {
        let filter =
            ListFilter { account: Some(account.id.clone()), state: Some(state), ..ListFilter::default() };
        let mut after = None;
        loop {
            let jobs = ports.store.list(&filter, Page { after: after.take(), limit: PAGE }).await?;
            let Some(last) = jobs.last() else {
                break;
            };
            after = Some((last.submitted_at, last.id.clone()));
            for job in &jobs {
                match take_back(ports, job).await? {
                    Some(ended) if ended.state == JobState::Cancelled => {
                        recalled.cancelled += 1;
                        if let Some(line) = quotas.taken_by(account, &ended) {
                            ports.throttle.leave(&line).await;
                        }
                    }
                    Some(cancelling) => recalled.cancelling.push(cancelling.id),
                    None => {}
                }
            }
        }
    }
    // A job may have been met in two states.
    recalled.cancelling.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    recalled.cancelling.dedup();
    Ok(recalled)
}

/// The job as it is now; `None` when it had ended, or no record of it is left.
async fn take_back(ports: &Ports, job: &Job) -> Result<Option<Job>, RecallError> {
    // The mark comes first: whatever else is lost, who meets the job's message does not write.
    let mark = json!({ "at": ports.clock.now(), "until": job.not_after });
    match ports.vault.put(Shelf::Cancellations, job.id.as_str(), &mark, None).await {
        Ok(_) | Err(VaultError::Changed) => {}
        Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => return Err(error.into()),
    }
    match ports.store.take(&job.id, &Step::Cancel, ports.clock.now()).await? {
        Change::Taken(job) => {
            if job.state != JobState::Cancelled {
                wake(ports, &job).await;
            }
            Ok(Some(*job))
        }
        Change::Refused(Refusal::Finished(ended)) => {
            if ended.state != JobState::Cancelled {
                ports.vault.remove(Shelf::Cancellations, job.id.as_str()).await?;
            }
            Ok(None)
        }
        Change::Refused(
            Refusal::Unknown
            | Refusal::LeasedUntil(_)
            | Refusal::StaleHop
            | Refusal::NotYours
            | Refusal::CancelRequested
            | Refusal::OutOfPlace
            | Refusal::OtherRequest,
        ) => Ok(None),
    }
}

/// Brings a job to a worker that may wait for something a cancelled one need not wait for.
async fn wake(ports: &Ports, job: &Job) {
    let Some(message) = Message::next_for(job, Work::Create) else {
        return;
    };
    if let Err(error) = ports.queue.publish(&message, Lane::Due, Duration::ZERO).await {
        tracing::warn!(job.id = %job.id, "Job {} is cancelled when its own message comes: {error}", job.id);
    }
}

/// Removes from the records of an account whatever was sealed for it; answers of how many jobs.
///
/// # Errors
/// When the records cannot be reached; doing it again is safe.
pub async fn forget(ports: &Ports, account: &AccountId) -> Result<u64, StoreError> {
    let filter = ListFilter { account: Some(account.clone()), ..ListFilter::default() };
    let (mut after, mut count) = (None, 0);
    loop {
        let jobs = ports.store.list(&filter, Page { after: after.take(), limit: PAGE }).await?;
        let Some(last) = jobs.last() else {
            return Ok(count);
        };
        after = Some((last.submitted_at, last.id.clone()));
        for job in &jobs {
            match ports.store.take(&job.id, &Step::Forget, ports.clock.now()).await? {
                Change::Taken(_) => count += 1,
                Change::Refused(_) => {}
            }
        }
    }
}
