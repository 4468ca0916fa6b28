//! Taking a job back.

use std::time::Duration;

use common::cancellation::Mark;
use common::job::{self, Job, JobId, JobState};
use common::message::{Message, Work};
use common::metrics;
use common::port::{Change, Lane, Shelf, VaultError};
use tracing::warn;

use super::{Intake, log_trouble};
use crate::ledger::Wish;

/// What became of a wish to take a job back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancellation {
    /// Nothing was written, and nothing will be.
    Cancelled,
    /// It may have been written: a worker looks, and deletes what it finds.
    Cancelling,
}

/// Why it is not taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelRefusal {
    /// There is no such job.
    Unknown,
    /// It has ended.
    Finished(Box<Job>),
    /// The vault; nothing was changed.
    Unusable,
    /// The store went away meanwhile.
    Undecided,
}

/// Who has put the mark on a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    /// This request.
    Ours,
    /// A request before it.
    Before,
}

impl Intake {
    /// Takes `job` back, as far as that is still possible.
    ///
    /// The mark in the vault comes first: whatever else is lost, a worker that meets the job's
    /// message finds the mark and does not write.
    ///
    /// # Errors
    /// [`CancelRefusal`].
    pub async fn cancel(&self, job: &Job) -> Result<Cancellation, CancelRefusal> {
        if job.is_finished() {
            return ended(job.clone());
        }
        let mark = Mark { at: self.ports.clock.now(), until: job.not_after, fingerprint: &job.fingerprint }
            .document();
        let marker = match self.ports.vault.put(Shelf::Cancellations, job.id.as_str(), &mark, None).await {
            Ok(_) => Marker::Ours,
            Err(VaultError::Changed) => Marker::Before,
            Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => {
                log_trouble("The vault", &error);
                return Err(CancelRefusal::Unusable);
            }
        };
        let change = match self.ledger.cancel(job).await {
            Wish::Answered(change) => change,
            Wish::Noted(job) => {
                self.wake(&job).await;
                return Ok(Cancellation::Cancelling);
            }
            Wish::Gone => {
                // A repeat may make it anew, and then it must not be taken back for this wish; but it
                // must if it was taken back before, and only its record was made anew.
                match marker {
                    Marker::Ours => self.unmark(&job.id).await,
                    Marker::Before => {}
                }
                return Err(CancelRefusal::Unknown);
            }
            // The mark stays: the store may have heard the wish after all, and then it must not be
            // forgotten with the record.
            Wish::Unheard => return Err(CancelRefusal::Undecided),
        };
        match change {
            Change::Taken(job) if job.state == JobState::Cancelled => {
                metrics::finished(&job);
                self.leave_line(&job).await;
                Ok(Cancellation::Cancelled)
            }
            Change::Taken(job) => {
                self.wake(&job).await;
                Ok(Cancellation::Cancelling)
            }
            // Another request took it back: its mark is ours, and must outlive the record.
            Change::Refused(job::Refusal::Finished(job)) if job.state == JobState::Cancelled => ended(*job),
            Change::Refused(job::Refusal::Finished(job)) => {
                self.unmark(&job.id).await;
                ended(*job)
            }
            Change::Refused(
                job::Refusal::Unknown
                | job::Refusal::LeasedUntil(_)
                | job::Refusal::StaleHop
                | job::Refusal::NotYours
                | job::Refusal::CancelRequested
                | job::Refusal::OutOfPlace
                | job::Refusal::OtherRequest,
            ) => Err(CancelRefusal::Unknown),
        }
    }

    /// A job that ends before its turn gives back what it took of its account's line.
    async fn leave_line(&self, job: &Job) {
        if let Ok(Some(account)) = self.ports.accounts.get(&job.account).await
            && let Some(line) = self.quotas.taken_by(&account, job)
        {
            self.ports.throttle.leave(&line).await;
        }
    }

    /// Brings a job to a worker at once that may wait for something a cancelled one need not wait for.
    async fn wake(&self, job: &Job) {
        let Some(message) = Message::next_for(job, Work::Create) else {
            return;
        };
        if let Err(error) = self.ports.queue.publish(&message, Lane::Due, Duration::ZERO).await {
            // Its own message still comes, only later.
            warn!(job.id = %job.id, %error, "Job {} could not be woken to be cancelled: {error}", job.id);
        }
    }

    async fn unmark(&self, id: &JobId) {
        if let Err(error) = self.ports.vault.remove(Shelf::Cancellations, id.as_str()).await {
            // A mark on a job that has ended does nothing while the job has its record.
            warn!(job.id = %id, %error, "The cancellation mark of job {id} could not be removed: {error}");
        }
    }
}

/// A job that has ended is taken back only if that is how it ended.
fn ended(job: Job) -> Result<Cancellation, CancelRefusal> {
    match job.state {
        JobState::Cancelled => Ok(Cancellation::Cancelled),
        JobState::Succeeded { .. }
        | JobState::Failed(_)
        | JobState::Accepting { .. }
        | JobState::Queued
        | JobState::Running(_)
        | JobState::Waiting { .. }
        | JobState::Blocked { .. } => Err(CancelRefusal::Finished(Box::new(job))),
    }
}
