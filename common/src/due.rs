//! Since when an unfinished job is due, for the age of the oldest.

use std::time::Duration;

use jiff::Timestamp;

use crate::job::{Job, JobState};
use crate::time;

/// What a step does to the instant since when a job is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It stays as it was.
    Kept,
    /// Due at this instant.
    At(Timestamp),
    /// Not due: the job has ended, or waits for somebody.
    Never,
}

/// A job that has just been accepted is due when its turn in the line comes.
#[must_use]
pub fn accepted(job: &Job, delay: Duration) -> Due {
    let turn = time::after(job.submitted_at, delay);
    Due::At(job.not_before.map_or(turn, |start| start.max(turn)))
}

/// A job whose record was rebuilt from its message.
#[must_use]
pub fn restored(job: &Job) -> Due {
    match by_state(job) {
        Due::Kept => accepted(job, Duration::ZERO),
        due @ (Due::At(_) | Due::Never) => due,
    }
}

/// A job that was `before` and took a step.
#[must_use]
pub fn after(before: &JobState, job: &Job) -> Due {
    match (before, &job.state) {
        // Being confirmed changes nothing; being reopened, unblocked or put back does.
        (JobState::Accepting { .. } | JobState::Queued, JobState::Queued)
        | (JobState::Accepting { .. }, JobState::Waiting { .. }) => Due::Kept,
        (_, JobState::Queued) => Due::At(job.updated_at),
        // It waited for somebody, and was looked at all the same.
        (JobState::Blocked { until: None, .. }, JobState::Running(_)) => Due::At(job.updated_at),
        (_, _) => by_state(job),
    }
}

fn by_state(job: &Job) -> Due {
    match &job.state {
        JobState::Accepting { .. } | JobState::Queued | JobState::Running(_) => Due::Kept,
        JobState::Waiting { until, .. } => Due::At(*until),
        JobState::Blocked { until, .. } => until.map_or(Due::Never, Due::At),
        JobState::Succeeded { .. } | JobState::Failed(_) | JobState::Cancelled => Due::Never,
    }
}
