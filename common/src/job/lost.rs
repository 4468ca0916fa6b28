//! A job whose last change was lost: nothing will bring it to a worker any more, and its record says otherwise.
//!
//! That happens where a store comes back as it was a moment ago (a replica that takes over, a server that had not
//! written everything to disk), and where an ingress never heard whether the queue took a message. What was published
//! last is then in the queue or not, and what was done last is at Google or not.

use std::time::Duration;

use jiff::Timestamp;

use super::{Fields, JobState};
use crate::time::{after, hours, minutes};

/// So long after its end a lease proves that nobody is at the job who has told of it: an attempt's calls are over before
/// its lease is, and its message is back at the latest when the lease has ended.
const LEFT: Duration = minutes(1);
/// What is overdue for so long is lost, where nothing else makes it wait. No message waits as long without its record
/// saying so: those that are put aside come back within two minutes, and a delay never ends late.
pub const OVERDUE: Duration = minutes(15);
/// What was begun is lost so long after its lease, however much else there is to do: its message is given back to the
/// head of the queue, or comes back behind what was due by then.
const BEGUN: Duration = hours(1);
/// A job that Google's limit on guests blocks comes back after up to a quarter more than it was told, and it is told of
/// a day at most.
const BLOCKED: Duration = hours(12);
/// The clocks that write a record and Google's differ by less.
const SKEW: Duration = minutes(1);

/// What it means that nothing was heard of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// It has ended, somebody is at it, or it is not overdue.
    Usual,
    /// It is overdue. It is lost, unless much else is waiting before it.
    Long,
    /// It is lost, however much is waiting.
    Certain,
}

impl Fields {
    /// What the silence of a job means at `now` that was due at `due`.
    #[must_use]
    pub fn silence(&self, due: Timestamp, now: Timestamp) -> Silence {
        let since = |then: Timestamp, span| after(then.max(self.updated_at), span) <= now;
        match &self.state {
            JobState::Running(lease) if after(lease.until, BEGUN) <= now => Silence::Certain,
            JobState::Running(lease) if after(lease.until, OVERDUE) <= now => Silence::Long,
            JobState::Accepting { .. } | JobState::Queued if since(due, OVERDUE) => Silence::Long,
            JobState::Waiting { until, .. } if since(*until, OVERDUE) => Silence::Long,
            JobState::Blocked { until: Some(until), .. } if since(*until, BLOCKED) => Silence::Long,
            JobState::Accepting { .. }
            | JobState::Queued
            | JobState::Running(_)
            | JobState::Waiting { .. }
            // The reauthorization of its account brings it back, and a look every hour.
            | JobState::Blocked { .. }
            | JobState::Succeeded { .. }
            | JobState::Failed(_)
            | JobState::Cancelled => Silence::Usual,
        }
    }

    /// Whether its record says that an attempt is running which has ended, and nobody has begun another.
    #[must_use]
    pub fn is_left_alone(&self, now: Timestamp) -> bool {
        matches!(&self.state, JobState::Running(lease) if after(lease.until, LEFT) <= now)
    }

    /// Whether an event of it that was created then stays where its caller takes the job back: the job had succeeded by
    /// then, and its record had lost that.
    #[must_use]
    pub fn had_succeeded(&self, created: Option<Timestamp>) -> bool {
        match (created, self.lost_at) {
            (Some(created), Some(lost_at)) => after(created, SKEW) <= lost_at,
            (None | Some(_), None) | (None, Some(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Job;
    use super::*;
    use crate::job::{BlockReason, WaitReason};
    use crate::sample;

    fn at(span: Duration) -> Timestamp {
        after(sample::noon(), span)
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn job(state: JobState) -> Job {
        sample::job("o", "a").with(|fields| fields.state = state)
    }

    #[test]
    fn silence_means_something_a_quarter_of_an_hour_after_a_job_was_due() {
        let noon = sample::noon();
        for state in [
            JobState::Accepting { since: noon },
            JobState::Queued,
            JobState::Waiting { why: WaitReason::Retry, until: noon },
            JobState::Running(sample::lease(noon)),
        ] {
            let job = job(state);
            assert_eq!(job.silence(noon, at(OVERDUE - SECOND)), Silence::Usual, "{job:?}");
            assert_eq!(job.silence(noon, at(OVERDUE)), Silence::Long, "{job:?}");
        }
        let limits = job(JobState::Blocked { why: BlockReason::CalendarLimits, until: Some(noon) });
        assert_eq!(limits.silence(noon, at(BLOCKED - SECOND)), Silence::Usual);
        assert_eq!(limits.silence(noon, at(BLOCKED)), Silence::Long);
    }

    #[test]
    fn what_was_begun_is_lost_after_an_hour_and_nothing_else_for_certain() {
        let noon = sample::noon();
        let running = job(JobState::Running(sample::lease(noon)));
        assert_eq!(running.silence(noon, at(BEGUN - SECOND)), Silence::Long);
        assert_eq!(running.silence(noon, at(BEGUN)), Silence::Certain);
        let late = at(hours(1_000));
        for state in [
            JobState::Queued,
            JobState::Accepting { since: noon },
            JobState::Waiting { why: WaitReason::Quota, until: noon },
        ] {
            assert_eq!(job(state).silence(noon, late), Silence::Long);
        }
        for state in [
            JobState::Blocked { why: BlockReason::Reauthorization, until: None },
            JobState::Succeeded { result: sample::sealed() },
            JobState::Failed(sample::failure()),
            JobState::Cancelled,
        ] {
            assert_eq!(job(state).silence(noon, late), Silence::Usual);
        }
    }

    #[test]
    fn a_job_that_something_was_heard_of_is_waited_for_anew() {
        let noon = sample::noon();
        let queued = job(JobState::Queued).with(|fields| fields.updated_at = at(minutes(5)));
        assert_eq!(queued.silence(noon, at(OVERDUE)), Silence::Usual);
        assert_eq!(queued.silence(noon, at(OVERDUE + minutes(5))), Silence::Long);
        assert_eq!(queued.silence(at(hours(2)), at(hours(2))), Silence::Usual, "it is not due before");
    }

    #[test]
    fn only_an_event_from_before_the_loss_stays() {
        let lost = job(JobState::Queued).with(|fields| fields.lost_at = Some(at(minutes(10))));
        assert!(lost.had_succeeded(Some(at(minutes(9)))));
        assert!(!lost.had_succeeded(Some(at(minutes(9) + SECOND))));
        assert!(!lost.had_succeeded(None));
        assert!(!job(JobState::Queued).had_succeeded(Some(sample::noon())));
    }

    #[test]
    fn an_attempt_is_over_a_minute_after_its_claim() {
        let running = job(JobState::Running(sample::lease(sample::noon())));
        assert!(!running.is_left_alone(at(LEFT - SECOND)));
        assert!(running.is_left_alone(at(LEFT)));
        assert!(!job(JobState::Queued).is_left_alone(at(hours(9))));
    }
}
