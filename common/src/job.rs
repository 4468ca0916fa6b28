//! Jobs: what was accepted, where it stands, and what came of it.

mod fields;
mod id;
mod known;
mod landing;
mod lost;
mod outcome;
mod sealed_parts;
mod state;
mod step;
mod turn;

use std::borrow::Cow;
use std::ops::Deref;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use fields::Fields;
pub(crate) use fields::never;
pub use id::{JobId, NotAJobId};
pub use known::{Asked, LastKnown};
pub use landing::next_look;
pub use lost::{OVERDUE, Silence};
pub use outcome::{Conference, EventResult, Failure, FailureKind};
pub use sealed_parts::SealedParts;
pub use state::{BlockReason, JobState, Lease, StateName, WaitReason, WorkerId};
pub use step::{Pause, Refusal, Step};
pub use turn::{Place, Turn};

/// The record of a job, as a [`JobStore`](crate::port::JobStore) keeps it. It is read as the [`Fields`] that it has. It
/// changes by [`Job::take`] alone; the other functions that answer a record, in `known`, make the first one of a job and
/// put together one that was lost.
///
/// ```compile_fail,E0594
/// fn skip_a_hop(job: &mut common::job::Job) {
///     job.hop += 1;
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Job(pub(crate) Fields);

impl Deref for Job {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.0
    }
}

/// What a job's tries have added up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Failures that say something about this job.
    pub attempts: u32,
    /// Postponements that do not: throttled, not due, no connection, breaker open.
    pub deferrals: u32,
    /// Workers that died while running it.
    #[serde(default)]
    pub crashes: u32,
}

impl Tally {
    /// One more failed attempt.
    #[must_use]
    pub fn attempted(self) -> Self {
        Self { attempts: self.attempts.saturating_add(1), ..self }
    }

    /// One more deferral.
    #[must_use]
    pub fn deferred(self) -> Self {
        Self { deferrals: self.deferrals.saturating_add(1), ..self }
    }

    /// The larger of each count: a message and a record may each know more than the other.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            attempts: self.attempts.max(other.attempts),
            deferrals: self.deferrals.max(other.deferrals),
            crashes: self.crashes.max(other.crashes),
        }
    }
}

/// Whether a job's write may have reached Google. Ordered: more is more certain to have happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// No write was begun, or Google said that it refused it.
    #[default]
    None,
    /// A write was begun and its outcome is not known.
    Unknown,
    /// Google confirmed the write.
    Done,
}

impl Effect {
    /// Every degree.
    pub const ALL: [Self; 3] = [Self::None, Self::Unknown, Self::Done];

    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unknown => "unknown",
            Self::Done => "done",
        }
    }
}

impl Fields {
    /// Whether the job has ended, one way or another.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state.is_finished()
    }

    /// Whether its last attempt died, for a message with this hop: its lease is past, and it published no newer one.
    #[must_use]
    pub fn was_left_behind(&self, hop: u32, now: Timestamp) -> bool {
        matches!(&self.state, JobState::Running(lease) if lease.until <= now) && hop <= self.hop
    }

    /// From when on it could have been worked on: its acceptance, or its `notBefore` if that is later.
    #[must_use]
    pub fn could_start_at(&self) -> Timestamp {
        self.not_before.map_or(self.submitted_at, |start| start.max(self.submitted_at))
    }

    /// The state of a job at `now` whose message is in the queue: it waits for its `notBefore`, or for a worker.
    #[must_use]
    pub fn in_queue(&self, now: Timestamp) -> JobState {
        match self.not_before {
            Some(until) if until > now => JobState::Waiting { why: WaitReason::Schedule, until },
            Some(_) | None => JobState::Queued,
        }
    }

    /// The state as callers see it. While a job is being accepted, and in the records of older builds, the
    /// state itself does not say that the job waits for its `notBefore`.
    #[must_use]
    pub fn shown_state(&self) -> Cow<'_, JobState> {
        match (&self.state, self.in_queue(self.updated_at)) {
            (JobState::Accepting { .. } | JobState::Queued, waits @ JobState::Waiting { .. }) => {
                Cow::Owned(waits)
            }
            (_, _) => Cow::Borrowed(&self.state),
        }
    }

    /// The name of the state as callers see it.
    #[must_use]
    pub fn state_name(&self) -> StateName {
        self.shown_state().name()
    }

    /// When the job will next be looked at, if that is known.
    #[must_use]
    pub fn next_attempt_at(&self) -> Option<Timestamp> {
        match self.shown_state().as_ref() {
            JobState::Waiting { until, .. } => Some(*until),
            JobState::Blocked { until, .. } => *until,
            JobState::Accepting { .. }
            | JobState::Queued
            | JobState::Running(_)
            | JobState::Succeeded { .. }
            | JobState::Failed(_)
            | JobState::Cancelled => None,
        }
    }
}

#[cfg(test)]
mod golden;
