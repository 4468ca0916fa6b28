//! Waiting for a job to end.

use std::time::Duration;

use common::job::{Job, JobId, JobState};
use common::port::{Clock, StoreError};
use common::time;
use futures_util::future::{select, select_all};
use jiff::Timestamp;
use lifecycle::Ledger;
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::follow::{Follows, Seen};

/// Waits for changes of a job's record. One that is missing may come back, and a store that is away
/// may too: neither ends a wait before its time.
pub(crate) struct Waiting<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) follows: &'a Follows,
    pub(crate) clock: &'a dyn Clock,
    /// Ends every wait: the server is going.
    pub(crate) closing: &'a CancellationToken,
    /// Whose jobs there are; `None` where the job is known to be the caller's.
    pub(crate) caller: Option<&'a Caller>,
}

impl Waiting<'_> {
    /// The record once the job has ended, or as it stands when `patience` is over.
    ///
    /// # Errors
    /// When the store is away at the end.
    pub(crate) async fn ended(&self, id: &JobId, patience: Duration) -> Result<Option<Job>, StoreError> {
        let until = time::after(self.clock.now(), patience);
        self.until(id, until, None, |job| job.is_some_and(|job| job.is_finished())).await
    }

    /// As [`Self::ended`], or once it is clear that the job does not end in that time: it waits for a
    /// person, for Google to relent, or for an instant that is later.
    pub(crate) async fn settled(&self, id: &JobId, patience: Duration) -> Result<Option<Job>, StoreError> {
        let until = time::after(self.clock.now(), patience);
        self.until(id, until, None, |job| job.is_some_and(|job| is_settled(job, until))).await
    }

    /// The record once it is not what was `seen`, or as it stands at `until`.
    ///
    /// # Errors
    /// As [`Self::ended`].
    pub(crate) async fn changed(
        &self,
        id: &JobId,
        seen: Option<&Job>,
        until: Timestamp,
    ) -> Result<Option<Job>, StoreError> {
        self.until(id, until, seen, |job| job != seen).await
    }

    async fn look(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.visible(self.ledger.get(id).await?))
    }

    async fn until(
        &self,
        id: &JobId,
        until: Timestamp,
        known: Option<&Job>,
        enough: impl Fn(Option<&Job>) -> bool,
    ) -> Result<Option<Job>, StoreError> {
        let followed = self.follows.follow(id);
        let (mut seen, begun) = followed.seen();
        loop {
            let left = time::until(self.clock.now(), until);
            if left.is_zero() || self.closing.is_cancelled() {
                // As it stands now: what the others saw may be of a second ago.
                return self.look(id).await;
            }
            let ends = [self.clock.sleep(left), Box::pin(self.closing.cancelled())];
            // Nothing is lost by dropping any of them.
            select(Box::pin(seen.changed()), select_all(ends)).await;
            let Seen { look, job } = seen.borrow_and_update().clone();
            if let Some(job) = job {
                let job = self.visible(job);
                if enough(job.as_ref()) && (look > begun || is_not_older(job.as_ref(), known)) {
                    return Ok(job);
                }
            }
        }
    }

    fn visible(&self, job: Option<Job>) -> Option<Job> {
        job.filter(|job| self.caller.is_none_or(|caller| caller.sees(job)))
    }
}

/// Whether what was seen before a wait has begun is worth something: that a job has ended, or has gone on from what is
/// known.
fn is_not_older(job: Option<&Job>, known: Option<&Job>) -> bool {
    match (job, known) {
        (Some(job), Some(known)) => job.updated_at >= known.updated_at,
        (Some(job), None) => job.is_finished(),
        (None, Some(_) | None) => false,
    }
}

/// Whether waiting until then for the job's end is of no use.
fn is_settled(job: &Job, until: Timestamp) -> bool {
    let later = |due: Option<Timestamp>| due.is_some_and(|due| due > until);
    match &job.state {
        JobState::Succeeded { .. } | JobState::Failed(_) | JobState::Cancelled | JobState::Blocked { .. } => {
            true
        }
        JobState::Waiting { until: due, .. } => later(Some(*due)),
        JobState::Accepting { .. } | JobState::Queued => later(job.not_before),
        JobState::Running(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use common::job::{BlockReason, WaitReason};

    use super::*;
    use common::sample::states::{at, every_settled_state, job};

    #[test]
    fn nobody_waits_for_what_cannot_end_in_time() {
        for state in every_settled_state() {
            let expected = match &state {
                JobState::Waiting { until, .. } => *until > at(10),
                JobState::Queued | JobState::Accepting { .. } | JobState::Running(_) => false,
                JobState::Blocked { .. }
                | JobState::Succeeded { .. }
                | JobState::Failed(_)
                | JobState::Cancelled => true,
            };
            assert_eq!(is_settled(&job(state.clone()), at(10)), expected, "{state:?}");
        }
        for why in [WaitReason::Schedule, WaitReason::Quota, WaitReason::Retry, WaitReason::Operator] {
            for (due, settled) in [(9, false), (10, false), (11, true)] {
                let waiting = JobState::Waiting { why, until: at(due) };
                assert_eq!(is_settled(&job(waiting), at(10)), settled, "{why:?} {due}");
            }
        }
        for (due, settled) in [(10, false), (11, true)] {
            let queued = job(JobState::Queued).with(|fields| fields.not_before = Some(at(due)));
            assert_eq!(is_settled(&queued, at(10)), settled, "{due}");
        }
        let soon = JobState::Blocked { why: BlockReason::CalendarLimits, until: Some(at(1)) };
        assert!(is_settled(&job(soon), at(10)), "it is looked at again, and most likely blocked again");
    }
}
