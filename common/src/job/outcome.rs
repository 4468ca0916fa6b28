//! How a job can end, and what is told of it.

use serde::{Deserialize, Serialize};

use super::Effect;
use crate::seal::{Keyring, Sealed, reseal};

mod kept;

/// What a caller is told of a created event. Rests sealed: the links hold the calendar's address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "kept::Kept", into = "kept::EventResult")]
pub struct EventResult {
    /// The event's id, which is the job's.
    pub event_id: String,
    /// Opens the event in Google Calendar.
    pub event_link: String,
    /// The video conference, once Google has made it.
    pub conference: Conference,
    /// The calendar the event is in, as the caller named it.
    pub calendar_id: String,
}

impl EventResult {
    /// Sealed in as few bytes as it can be. A build that does not know this form cannot read it: it is for
    /// records alone, once no such build runs ([`JobStore::oversized`](crate::port::JobStore::oversized)).
    #[must_use]
    pub fn seal_compact(self, keys: &Keyring, context: &str) -> Sealed<Self> {
        keys.seal_as(context, &kept::Compact::from(self))
    }
}

/// What became of the video conference that was asked for with the event.
#[derive(Clone, PartialEq, Eq)]
pub enum Conference {
    /// None was asked for.
    NotAsked,
    /// Google is still making it.
    Pending,
    /// It can be joined here.
    Ready(String),
    /// Google could not make it. The event stands all the same.
    Failed,
    /// Google refused it, in these words. The event was written without it.
    Unavailable(String),
}

impl Conference {
    /// Every `conferenceStatus` that there is. The last is of an event that stands without the conference
    /// that was asked for, because Google does not let this calendar have one.
    pub const STATUSES: [&str; 4] = ["pending", "success", "failure", "unavailable"];

    /// The `conferenceStatus` of the HTTP contract.
    #[must_use]
    pub fn status(&self) -> Option<&'static str> {
        match self {
            Self::NotAsked => None,
            Self::Pending => Some("pending"),
            Self::Ready(_) => Some("success"),
            Self::Failed => Some("failure"),
            Self::Unavailable(_) => Some("unavailable"),
        }
    }

    /// The link to join, if there is one.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::Ready(link) => Some(link),
            Self::NotAsked | Self::Pending | Self::Failed | Self::Unavailable(_) => None,
        }
    }

    /// Why there is none: Google's words, which may repeat what was sent.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Unavailable(reason) => Some(reason),
            Self::NotAsked | Self::Pending | Self::Ready(_) | Self::Failed => None,
        }
    }
}

impl std::fmt::Debug for EventResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EventResult({}, conference {:?})", self.event_id, self.conference.status())
    }
}

/// Why a job failed. Persisted: kinds may be added, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The kind, from a closed list.
    pub kind: FailureKind,
    /// Google's HTTP status, when Google said no.
    pub google_status: Option<u16>,
    /// Google's `reason`, when it gave one.
    pub google_reason: Option<String>,
    /// What is known of the write: `unknown` when Google could not be asked.
    pub effect: Effect,
    /// What happened, in Google's words or ours; sealed, since Google may repeat what was sent.
    pub detail: Option<Sealed<String>>,
}

impl Failure {
    /// With its words sealed with the newest of these keys.
    pub(crate) fn resealed(&self, keys: &Keyring, context: &str) -> Self {
        let detail = self.detail.as_ref().map(|detail| reseal(keys, context, detail));
        Self { detail, ..self.clone() }
    }
}

/// The closed list of ways to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Google refused the event for good.
    Refused,
    /// The calendar does not exist, or this account cannot see it.
    CalendarNotFound,
    /// The same key already created another event.
    IdempotencyKeyReused,
    /// The event was created and then deleted in the calendar.
    DeletedByUser,
    /// `MAX_ATTEMPTS` was reached.
    AttemptsExhausted,
    /// `notAfter` passed first.
    Expired,
    /// Workers died running it, again and again.
    Poison,
    /// What was to be written cannot be read any more.
    Unreadable,
    /// It was cancelled, but Google could not be asked whether the event exists.
    CancellationUnconfirmed,
}

impl FailureKind {
    /// Every kind, for tables and metrics.
    pub const ALL: [Self; 9] = [
        Self::Refused,
        Self::CalendarNotFound,
        Self::IdempotencyKeyReused,
        Self::DeletedByUser,
        Self::AttemptsExhausted,
        Self::Expired,
        Self::Poison,
        Self::Unreadable,
        Self::CancellationUnconfirmed,
    ];

    /// The name in JSON and in the problem's `type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::CalendarNotFound => "calendar-not-found",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::DeletedByUser => "deleted-by-user",
            Self::AttemptsExhausted => "attempts-exhausted",
            Self::Expired => "expired",
            Self::Poison => "poison",
            Self::Unreadable => "unreadable",
            Self::CancellationUnconfirmed => "cancellation-unconfirmed",
        }
    }

    /// One sentence for a person.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Refused => "Google refused the event.",
            Self::CalendarNotFound => "The calendar does not exist or this account cannot see it.",
            Self::IdempotencyKeyReused => "This idempotency key already created a different event.",
            Self::DeletedByUser => "The event was created and then deleted in the calendar.",
            Self::AttemptsExhausted => "Google kept failing until the job's attempts were used up.",
            Self::Expired => "The job could not be done before its notAfter.",
            Self::Poison => "Workers stopped while running this job, again and again.",
            Self::Unreadable => "What was to be written can no longer be read.",
            Self::CancellationUnconfirmed => {
                "The job was cancelled, but Google could not be asked whether the event exists."
            }
        }
    }

    /// Whether replaying the same job could end differently.
    #[must_use]
    pub fn retryable(self) -> bool {
        match self {
            Self::AttemptsExhausted
            | Self::Expired
            | Self::Poison
            | Self::CalendarNotFound
            | Self::CancellationUnconfirmed => true,
            Self::Refused | Self::IdempotencyKeyReused | Self::DeletedByUser | Self::Unreadable => false,
        }
    }
}
