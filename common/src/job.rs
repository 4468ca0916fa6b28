//! Jobs: what was accepted, where it stands, and what came of it.

mod id;
mod landing;
mod lost;
mod outcome;
mod sealed_parts;
mod state;
mod step;
mod turn;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use id::{JobId, NotAJobId};
pub use landing::next_look;
pub use lost::{OVERDUE, Silence};
pub use outcome::{Conference, EventResult, Failure, FailureKind};
pub use sealed_parts::SealedParts;
pub use state::{BlockReason, JobState, Lease, StateName, WaitReason, WorkerId};
pub use step::{Pause, Refusal, Step};
pub use turn::{Place, Turn};

use crate::account::AccountId;
use crate::fingerprint::Fingerprint;
use crate::owner::Owner;
use crate::payload::Payload;
use crate::seal::Sealed;
use crate::trace::TraceContext;
use crate::warning::Warning;

/// The record of a job, as a [`JobStore`](crate::port::JobStore) keeps it. Persisted: fields may be
/// added with a default, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its name, which is also the event's id.
    pub id: JobId,
    /// Who may see it.
    pub owner: Owner,
    /// Whose calendar it writes to.
    pub account: AccountId,
    /// Where it stands.
    pub state: JobState,
    /// What has been counted so far.
    pub tally: Tally,
    /// Whether its write may have reached Google.
    pub effect: Effect,
    /// While its effect is unknown: when the last write began, or when that could last have been. Until
    /// [`next_look`] says otherwise it may take effect although it was not found. `None` where no write is known of;
    /// in what older builds wrote it is missing, and the next attempt sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_began_at: Option<Timestamp>,
    /// When it was found that the last change of the record may be missing, and that nobody was at the job. An event
    /// that was created earlier may be a success that no record tells of. `None` where nothing is missing, and where
    /// the job had been taken back before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_at: Option<Timestamp>,
    /// The highest hop of its message that was seen.
    pub hop: u32,
    /// The hop of the message with which it was last reopened; zero for a job that never was.
    #[serde(default, skip_serializing_if = "never")]
    pub reopened: u32,
    /// When it was accepted.
    pub submitted_at: Timestamp,
    /// When this record last changed.
    pub updated_at: Timestamp,
    /// When it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// It must not start earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// It fails as expired once this is past.
    pub not_after: Timestamp,
    /// A caller asked for its cancellation while its effect was unknown.
    pub cancel_requested: bool,
    /// Keyed hashes of the request: tell a repeat from another request under the same key.
    #[serde(flatten)]
    pub fingerprint: Fingerprint,
    /// What to write, kept until it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Sealed<Payload>>,
    /// Google's words, once it has refused the event's conference: the event is written without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conference_refused: Option<Sealed<String>>,
    /// Its place in its account's line. `None` in the records of older builds, which placed every job as they accepted
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// The trace of the request that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// What was changed in the request before it was accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Whether a job was never reopened.
pub(crate) fn never(reopened: &u32) -> bool {
    *reopened == 0
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

impl Job {
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
