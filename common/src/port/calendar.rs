//! The port `Calendar`.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::event::{CalendarId, Outline, SendUpdates};
use crate::fingerprint::Fingerprint;
use crate::job::JobId;

/// Google Calendar. Each method is one request: whoever retries decides that elsewhere.
#[async_trait]
pub trait Calendar: Send + Sync {
    /// Creates the event under its own id. `Ok` means that it is in the calendar.
    ///
    /// # Errors
    /// [`CalendarError`]; its [`reach`](CalendarError::reach) says whether the event may exist.
    async fn insert(&self, token: &SecretString, event: &NewEvent<'_>) -> Result<StoredEvent, CalendarError>;

    /// Reads an event, cancelled ones too.
    ///
    /// # Errors
    /// [`CalendarError::NotFound`] when the id was never used here, or the calendar is not visible.
    async fn get(
        &self,
        token: &SecretString,
        calendar: &CalendarId,
        id: &JobId,
    ) -> Result<StoredEvent, CalendarError>;

    /// Deletes an event. `Ok` also when it was deleted already.
    ///
    /// # Errors
    /// [`CalendarError`].
    async fn delete(
        &self,
        token: &SecretString,
        calendar: &CalendarId,
        id: &JobId,
        send_updates: SendUpdates,
    ) -> Result<(), CalendarError>;
}

/// An event to create.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'a> {
    /// Where.
    pub calendar: &'a CalendarId,
    /// Its id.
    pub id: &'a JobId,
    /// Google's Event resource, without id, conference request and our private properties.
    pub resource: &'a Map<String, Value>,
    /// Goes into the private properties `calrelayBody` and `calrelayBody2`; nothing where the event may bear none.
    pub fingerprint: Option<&'a Fingerprint>,
    /// Whether to ask for a Meet conference. The request id is the job id, so that a repeat of the
    /// job asks for the same conference.
    pub conference: bool,
    /// Whom Google mails.
    pub send_updates: SendUpdates,
    /// Whether the event has attachments, which Google ignores unless told.
    pub attachments: bool,
}

/// What Google says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The id.
    pub id: String,
    /// `htmlLink`.
    pub link: String,
    /// Its conference.
    pub meeting: Meeting,
    /// Whether it was deleted (`status: cancelled`).
    pub cancelled: bool,
    /// When Google created it, which it does not say of every deleted event.
    pub created: Option<Timestamp>,
    /// The private properties `calrelayBody` and `calrelayBody2`, if they are there.
    pub fingerprint: Option<Fingerprint>,
    /// What it is recognised by where it may bear none.
    pub outline: Outline,
}

/// An event's conference as Google tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meeting {
    /// There is none.
    None,
    /// Google is still making it.
    Pending,
    /// It can be joined here.
    Ready(String),
    /// Google could not make it.
    Failed,
}

/// Whether a request that failed may have taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Google refused it, or it never left.
    NoEffect,
    /// It may have.
    Unknown,
}

/// Whose pace Google finds too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThrottledKey {
    /// The one user's.
    User,
    /// The whole project's.
    Project,
}

/// Why Google did not do it, in the terms that decide what to do; Google's own words are kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// `rateLimitExceeded`, `userRateLimitExceeded`, with 403 or 429.
    #[error("throttled ({reason})")]
    Throttled {
        /// Whose pace.
        key: ThrottledKey,
        /// From `Retry-After`.
        retry_after: Option<Duration>,
        /// Google's reason.
        reason: String,
    },
    /// `dailyLimitExceeded`: the project's day is used up.
    #[error("the project's daily limit is used up")]
    DailyLimit,
    /// `quotaExceeded`: Google's own limit on what this user does with guests.
    #[error("calendar usage limits exceeded")]
    UsageLimits,
    /// 401: the access token is not taken.
    #[error("the access token was refused")]
    TokenRefused,
    /// `insufficientPermissions`: the grant lacks the scope.
    #[error("the grant lacks the scope")]
    ScopeMissing,
    /// `notACalendarUser`: the user has no calendar (any more).
    #[error("the user has no Google Calendar")]
    NotACalendarUser,
    /// `accessNotConfigured`: the API is off in the operator's project.
    #[error("the Calendar API is disabled in the project; enable it in Google's console")]
    ApiDisabled,
    /// 404.
    #[error("not found")]
    NotFound,
    /// 409 `duplicate`: the id is taken.
    #[error("the id is taken")]
    Duplicate,
    /// 409 of any other reason, 412: somebody else changed it first.
    #[error("conflict")]
    Conflict,
    /// 410 `deleted`.
    #[error("deleted")]
    Deleted,
    /// A 4xx about the event's conference: the event may be taken without it.
    #[error("the conference was refused with {status} {reason}")]
    ConferenceRefused {
        /// The HTTP status.
        status: u16,
        /// Google's reason.
        reason: String,
        /// Google's words.
        message: String,
    },
    /// Any other 4xx: for good.
    #[error("refused with {status} {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Google's reason.
        reason: String,
        /// Google's words.
        message: String,
    },
    /// 5xx.
    #[error("Google is failing (status {status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// From `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// No connection was made: the request never left.
    #[error("Google cannot be reached: {0}")]
    NotSent(String),
    /// The connection broke, or no answer came in time.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// An answer came that cannot be understood.
    #[error("the answer cannot be understood: {0}")]
    Unintelligible(String),
}

impl CalendarError {
    /// Whether the request may have taken effect.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match self {
            Self::Unavailable { .. } | Self::NoAnswer(_) | Self::Unintelligible(_) => Reach::Unknown,
            Self::Throttled { .. }
            | Self::DailyLimit
            | Self::UsageLimits
            | Self::TokenRefused
            | Self::ScopeMissing
            | Self::NotACalendarUser
            | Self::ApiDisabled
            | Self::NotFound
            | Self::Duplicate
            | Self::Conflict
            | Self::Deleted
            | Self::ConferenceRefused { .. }
            | Self::Refused { .. }
            | Self::NotSent(_) => Reach::NoEffect,
        }
    }
}
