//! Where a job stands.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::outcome::{EventResult, Failure};
use crate::random;
use crate::seal::Sealed;

/// Where a job stands. Persisted: variants may be added, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum JobState {
    /// Recorded, but not yet confirmed by the queue. Nothing has been promised.
    Accepting {
        /// When the intake wrote this.
        since: Timestamp,
    },
    /// The queue holds it; the first free worker takes it.
    Queued,
    /// A worker is at it.
    Running(Lease),
    /// It comes back by itself.
    Waiting {
        /// What it waits for.
        why: WaitReason,
        /// When it comes back.
        until: Timestamp,
    },
    /// It comes back when somebody or something else has ended the reason.
    Blocked {
        /// What stands in the way.
        why: BlockReason,
        /// When it is looked at again in any case.
        until: Option<Timestamp>,
    },
    /// The event is in the calendar.
    Succeeded {
        /// What the caller is told.
        result: Sealed<EventResult>,
    },
    /// It will not be done, unless it is replayed.
    Failed(Failure),
    /// The caller took it back, and there is no event.
    Cancelled,
}

/// One attempt's hold on a job, good until its own hard deadline and no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The process that runs the attempt.
    pub worker: WorkerId,
    /// The attempt has ended by then, whatever happens.
    pub until: Timestamp,
}

/// Names one run of a worker process.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerId(String);

impl WorkerId {
    /// A name no other process has.
    #[must_use]
    pub fn random() -> Self {
        Self(random::name())
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a waiting job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WaitReason {
    /// Its own `notBefore`.
    Schedule,
    /// A place under Google's quotas.
    Quota,
    /// The next try after a failure.
    Retry,
    /// What only an operator can mend: the OAuth client, the API's switch, a sealing key.
    Operator,
}

/// What stands in a blocked job's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BlockReason {
    /// The user has to connect the account again.
    Reauthorization,
    /// Google's own limit on what this user may do with guests.
    CalendarLimits,
    /// An operator paused it.
    Paused,
}

impl JobState {
    /// Whether it is an end.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Succeeded { .. } | Self::Failed(_) | Self::Cancelled => true,
            Self::Accepting { .. }
            | Self::Queued
            | Self::Running(_)
            | Self::Waiting { .. }
            | Self::Blocked { .. } => false,
        }
    }

    /// The state without its data.
    #[must_use]
    pub fn name(&self) -> StateName {
        match self {
            // A caller never sees the moment between record and confirmation.
            Self::Accepting { .. } | Self::Queued => StateName::Queued,
            Self::Running(_) => StateName::Running,
            Self::Waiting { .. } => StateName::Waiting,
            Self::Blocked { .. } => StateName::Blocked,
            Self::Succeeded { .. } => StateName::Succeeded,
            Self::Failed(_) => StateName::Failed,
            Self::Cancelled => StateName::Cancelled,
        }
    }
}

/// The states as callers see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each is named after its JobState")]
pub enum StateName {
    Queued,
    Running,
    Waiting,
    Blocked,
    Succeeded,
    Failed,
    Cancelled,
}

impl StateName {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Blocked,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl WaitReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Schedule, Self::Quota, Self::Retry, Self::Operator];

    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Quota => "quota",
            Self::Retry => "retry",
            Self::Operator => "operator",
        }
    }

    /// The same for a person.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Schedule => "It is not due yet.",
            Self::Quota => "Google's limits leave no room for it now. It goes on by itself.",
            Self::Retry => "Google, or the way there, failed. It is tried again by itself.",
            Self::Operator => {
                "Something that an operator has to mend is in the way: the log says what. It goes on by itself once that is done."
            }
        }
    }
}

impl BlockReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Reauthorization, Self::CalendarLimits, Self::Paused];

    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reauthorization => "reauthorization",
            Self::CalendarLimits => "calendarLimits",
            Self::Paused => "paused",
        }
    }

    /// The same for a person.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Reauthorization => {
                "The account's Google user has to connect it again; the setup page says why. It goes on by itself then."
            }
            Self::CalendarLimits => {
                "Google lets this user invite no more guests for now. It is tried again by itself."
            }
            Self::Paused => "An operator has paused it. It goes on by itself once that ends.",
        }
    }
}
