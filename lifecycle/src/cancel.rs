//! Cancelling a job, whether its caller or an operator wants it.

use std::time::Duration;

use common::cancellation::Mark;
use common::job::{Job, JobId, JobState, Refusal};
use common::message::{Message, Work};
use common::port::{Change, Lane, QueueError, Shelf, StoreError, VaultError};
use common::quotas::Quotas;

use crate::ledger::Wish;
use crate::line::leave;
use crate::ports::Ports;

/// What became of a wish to cancel a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// It has ended by this: nothing was written, and nothing will be.
    Now(Box<Job>),
    /// It may have been written: a worker looks, and deletes what it finds.
    Asked(JobId),
    /// It had ended, like this.
    Before(Box<Job>),
    /// There is no such job.
    Unknown,
}

/// Why it is not known what became of the wish; asking again is safe.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The record could not be read or written. The mark stays: the store may have heard the wish after all, and then
    /// it must not be forgotten with the record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault could not be written.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// What did not work on the way, and does not change what becomes of the job.
pub(crate) enum Hitch<'a> {
    /// The job is cancelled when its own message comes.
    NotWoken(&'a Job, QueueError),
    /// The mark stays on a job that has ended otherwise; it does nothing while the job has its record.
    NotUnmarked(&'a JobId, VaultError),
}

/// Cancels `job`, as far as that is still possible; `step` asks its record for the step, and `met` says whether to go
/// on after a hitch.
///
/// The mark in the vault comes first: whatever else is lost, a worker that meets the job's message finds the mark and
/// does not write.
pub(crate) async fn cancel(
    ports: &Ports,
    quotas: &Quotas,
    job: &Job,
    step: impl Future<Output = Result<Wish, StoreError>>,
    met: fn(Hitch<'_>) -> Result<(), VaultError>,
) -> Result<Cancelled, CancelError> {
    if job.is_finished() {
        return Ok(Cancelled::Before(Box::new(job.clone())));
    }
    let mark = Mark { at: ports.clock.now(), until: job.not_after, fingerprint: &job.fingerprint }.document();
    let is_our_mark = match ports.vault.put(Shelf::Cancellations, job.id.as_str(), &mark, None).await {
        Ok(_) => true,
        Err(VaultError::Changed) => false,
        Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => return Err(error.into()),
    };
    let unmark = async || {
        let removed = ports.vault.remove(Shelf::Cancellations, job.id.as_str()).await;
        removed.or_else(|error| met(Hitch::NotUnmarked(&job.id, error)))
    };
    match step.await? {
        Wish::Answered(Change::Taken(job)) if job.state == JobState::Cancelled => {
            leave(ports, quotas, &job).await;
            Ok(Cancelled::Now(job))
        }
        Wish::Answered(Change::Taken(job)) | Wish::Noted(job) => {
            // It may wait for something that a cancelled job need not wait for.
            if let Some(message) = Message::next_for(&job, Work::Create)
                && let Err(error) = ports.queue.publish(&message, Lane::Due, Duration::ZERO).await
            {
                met(Hitch::NotWoken(&job, error))?;
            }
            Ok(Cancelled::Asked(job.id.clone()))
        }
        Wish::Answered(Change::Refused(Refusal::Finished(ended))) => {
            // The mark of a job that was cancelled before must outlive its record.
            if ended.state != JobState::Cancelled {
                unmark().await?;
            }
            Ok(Cancelled::Before(ended))
        }
        Wish::Gone => {
            // A repeat may make it anew, and then it must not be cancelled for this wish; but it must if it was
            // cancelled before, and only its record was made anew.
            if is_our_mark {
                unmark().await?;
            }
            Ok(Cancelled::Unknown)
        }
        Wish::Answered(Change::Refused(
            Refusal::Unknown
            | Refusal::LeasedUntil(_)
            | Refusal::StaleHop
            | Refusal::NotYours
            | Refusal::CancelRequested
            | Refusal::OutOfPlace
            | Refusal::OtherRequest,
        )) => Ok(Cancelled::Unknown),
    }
}

#[cfg(test)]
mod tests;
