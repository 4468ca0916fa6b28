//! What a failure means for its job: one pure, exhaustive decision, by Google's reason.

mod extra;

use std::time::Duration;

use common::account::ReauthorizationCause;
use common::backoff::Schedule;
use common::jitter::spread_by;
use common::job::{FailureKind, Refusal, WaitReason};
use common::port::{CalendarError, ThrottledKey, TokenError};
use common::seal::OpenError;
use common::time::{hours, minutes, until};
use jiff::Timestamp;

use crate::attempt_error::{AttemptError, Circuit};
use crate::grant;
pub(crate) use extra::refused_conference;

/// Waits between attempts.
const ATTEMPTS: Schedule = Schedule { first: Duration::from_secs(1), longest: minutes(60) };
/// How far a throttled key's pace is pushed back.
const THROTTLED: Schedule = Schedule { first: Duration::from_secs(2), longest: minutes(5) };
/// How long guests are not invited after `quotaExceeded`.
const GUESTS: Schedule = Schedule { first: hours(1), longest: hours(24) };
/// Without a connection, or with a token endpoint that fails: soon after it is back no job waits any more.
const UNREACHABLE: Schedule = Schedule { first: Duration::from_secs(2), longest: Duration::from_secs(30) };
/// What only an operator can mend is looked at this often.
const OPERATOR: Duration = minutes(10);
/// The same of the token endpoint, which all these jobs together ask a few times a minute: soon after it is mended
/// no job waits any more.
const CLIENT: Schedule = Schedule { first: Duration::from_secs(15), longest: OPERATOR };
/// The sealing key is missing.
const KEY_MISSING: Duration = hours(1);
/// A calendar that is still not found at this attempt does not exist.
const NOT_FOUND_ATTEMPTS: u32 = 3;

/// What to do about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Try again: the failure says something about this job.
    Retry { delay: Duration },
    /// Come back: the failure says nothing about this job.
    Defer { why: Deferral, delay: Duration },
    /// Google throttles an account or the project: slow down, and come back.
    PushBack { key: ThrottledKey, pause: Duration },
    /// The user has to connect again; every job of the account waits for that.
    BlockAccount(ReauthorizationCause),
    /// The account's jobs with guests wait.
    BlockGuests { pause: Duration, strikes: u32 },
    /// For good.
    Fail { kind: FailureKind, status: Option<u16>, reason: Option<String>, detail: Option<String> },
    /// The job is no longer this attempt's: let go.
    LetGo,
    /// Hand the job back as it was.
    HandBack,
}

/// Why a job comes back without having been at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Deferral {
    /// No room under the quotas.
    Quota,
    /// Google throttles.
    Throttled,
    /// The breaker is open.
    CircuitOpen,
    /// No connection to Google.
    NoConnection,
    /// The token endpoint fails.
    TokenEndpoint,
    /// The operator has to act: client, API or key.
    Operator,
    /// Our own vault or store.
    OwnStorage,
    /// Not due yet.
    NotDue,
    /// Blocked.
    Blocked,
}

impl Deferral {
    pub(crate) const ALL: [Self; 9] = [
        Self::Quota,
        Self::Throttled,
        Self::CircuitOpen,
        Self::NoConnection,
        Self::TokenEndpoint,
        Self::Operator,
        Self::OwnStorage,
        Self::NotDue,
        Self::Blocked,
    ];

    pub(crate) fn as_label(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Throttled => "throttled",
            Self::CircuitOpen => "circuit_open",
            Self::NoConnection => "no_connection",
            Self::TokenEndpoint => "token_endpoint",
            Self::Operator => "operator",
            Self::OwnStorage => "own_storage",
            Self::NotDue => "not_due",
            Self::Blocked => "blocked",
        }
    }

    /// What the job says it waits for.
    pub(crate) fn wait_reason(self) -> WaitReason {
        match self {
            Self::Quota | Self::Throttled => WaitReason::Quota,
            Self::NotDue => WaitReason::Schedule,
            Self::Operator => WaitReason::Operator,
            Self::CircuitOpen
            | Self::NoConnection
            | Self::TokenEndpoint
            | Self::OwnStorage
            | Self::Blocked => WaitReason::Retry,
        }
    }
}

/// What is known about the job when a failure is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryContext {
    /// Failed attempts, this one not counted.
    pub(crate) attempts: u32,
    /// Deferrals, this one not counted.
    pub(crate) deferrals: u32,
    /// How often in a row Google has throttled this job's account or project.
    pub(crate) throttles: u32,
    /// How often in a row Google has said `quotaExceeded` to this account.
    pub(crate) guest_strikes: u32,
    /// Whether the event has guests.
    pub(crate) has_guests: bool,
    /// The random part of a wait, 0 to 1.
    pub(crate) fraction: f64,
    /// Now.
    pub(crate) now: Timestamp,
}

/// Decides.
pub(crate) fn decide(trouble: &AttemptError, standing: &RetryContext) -> Disposition {
    match trouble {
        AttemptError::Calendar { error, circuit, .. } => calendar(error, *circuit, standing),
        AttemptError::TokenRefusedTwice(_) => Disposition::BlockAccount(ReauthorizationCause::TokenRefused),
        AttemptError::Disconnected(_) => Disposition::BlockAccount(ReauthorizationCause::GrantEnded),
        AttemptError::Token(error, _) => token(error, standing),
        AttemptError::Quota { retry_in, booked: true } => defer(Deferral::Quota, *retry_in),
        AttemptError::Quota { retry_in, booked: false } => {
            defer(Deferral::Quota, spread(*retry_in, standing))
        }
        AttemptError::TokenAwaited => unreachable(Deferral::TokenEndpoint, None, standing),
        AttemptError::CircuitOpen { retry_in } => defer(Deferral::CircuitOpen, spread(*retry_in, standing)),
        AttemptError::Sealed(OpenError::UnknownKey(_)) => defer(Deferral::Operator, KEY_MISSING),
        AttemptError::Sealed(OpenError::Damaged) | AttemptError::FormerAccount => {
            fail(FailureKind::Unreadable)
        }
        AttemptError::Vault(_) | AttemptError::Store(_) | AttemptError::Late => defer(
            Deferral::OwnStorage,
            UNREACHABLE.jittered(standing.deferrals.saturating_add(1), standing.fraction),
        ),
        // Another attempt has it, or has ended it.
        AttemptError::Lost(
            Refusal::Finished(_) | Refusal::NotYours | Refusal::StaleHop | Refusal::LeasedUntil(_),
        ) => Disposition::LetGo,
        // It is still to be done, or undone: the next delivery sees how it stands.
        AttemptError::Lost(
            Refusal::CancelRequested | Refusal::OutOfPlace | Refusal::Unknown | Refusal::OtherRequest,
        ) => Disposition::HandBack,
        AttemptError::Deadline | AttemptError::Panicked => retry(None, standing),
        AttemptError::Stopping => Disposition::HandBack,
    }
}

fn calendar(error: &CalendarError, circuit: Circuit, standing: &RetryContext) -> Disposition {
    match error {
        CalendarError::Throttled { key, retry_after, .. } => Disposition::PushBack {
            key: *key,
            pause: retry_after
                .unwrap_or_else(|| THROTTLED.ceiling(standing.throttles.saturating_add(1)))
                .min(THROTTLED.longest),
        },
        CalendarError::DailyLimit => Disposition::PushBack {
            key: ThrottledKey::Project,
            pause: until(standing.now, pacific_midnight(standing.now)),
        },
        CalendarError::UsageLimits if standing.has_guests => {
            let strikes = standing.guest_strikes.saturating_add(1);
            Disposition::BlockGuests { pause: GUESTS.ceiling(strikes), strikes }
        }
        CalendarError::UsageLimits => defer(Deferral::Throttled, spread(GUESTS.first, standing)),
        // The gateway asks for a fresh token itself; it comes here only as TokenRefusedTwice.
        CalendarError::TokenRefused => Disposition::BlockAccount(ReauthorizationCause::TokenRefused),
        CalendarError::ScopeMissing => Disposition::BlockAccount(ReauthorizationCause::ScopeMissing),
        CalendarError::NotACalendarUser => Disposition::BlockAccount(ReauthorizationCause::NotACalendarUser),
        CalendarError::ApiDisabled => defer(Deferral::Operator, spread(OPERATOR, standing)),
        CalendarError::NotFound if standing.attempts.saturating_add(1) < NOT_FOUND_ATTEMPTS => {
            retry(None, standing)
        }
        CalendarError::NotFound => Disposition::Fail {
            kind: FailureKind::CalendarNotFound,
            status: Some(404),
            reason: Some("notFound".to_owned()),
            detail: None,
        },
        CalendarError::Duplicate | CalendarError::Conflict => retry(None, standing),
        CalendarError::Deleted => fail(FailureKind::DeletedByUser),
        // The attempt has done without the conference already where that can be done ([`refused_conference`]).
        CalendarError::ConferenceRefused { status, reason, message }
        | CalendarError::Refused { status, reason, message } => Disposition::Fail {
            kind: FailureKind::Refused,
            status: Some(*status),
            reason: Some(reason.clone()),
            detail: Some(message.clone()),
        },
        CalendarError::Unavailable { retry_after, .. } => failing(*retry_after, circuit, standing),
        CalendarError::NoAnswer(_) | CalendarError::Unintelligible(_) => failing(None, circuit, standing),
        CalendarError::NotSent(_) => unreachable(Deferral::NoConnection, None, standing),
    }
}

fn token(error: &TokenError, standing: &RetryContext) -> Disposition {
    if let Some(cause) = grant::lost(error) {
        return Disposition::BlockAccount(cause);
    }
    match error {
        TokenError::InvalidGrant { .. }
        | TokenError::LoginRequired { .. }
        | TokenError::NoSuchUser { .. }
        | TokenError::Denied { .. }
        | TokenError::InvalidClient { .. }
        | TokenError::Refused { .. } => {
            let wait = CLIENT.ceiling(standing.deferrals.saturating_add(1));
            defer(Deferral::Operator, spread(wait, standing))
        }
        TokenError::Throttled { retry_after } => unreachable(Deferral::TokenEndpoint, *retry_after, standing),
        TokenError::Unavailable { .. } | TokenError::Transport(_) => {
            unreachable(Deferral::TokenEndpoint, None, standing)
        }
    }
}

/// Google answered that it fails, or not at all. While it is being probed that says nothing about the job.
fn failing(retry_after: Option<Duration>, circuit: Circuit, standing: &RetryContext) -> Disposition {
    match circuit {
        Circuit::Closed => retry(retry_after, standing),
        Circuit::Probing => defer(
            Deferral::CircuitOpen,
            UNREACHABLE.jittered(standing.deferrals.saturating_add(1), standing.fraction),
        ),
    }
}

fn retry(at_least: Option<Duration>, standing: &RetryContext) -> Disposition {
    let delay = ATTEMPTS.jittered(standing.attempts.saturating_add(1), standing.fraction);
    Disposition::Retry { delay: delay.max(at_least.unwrap_or_default()).min(ATTEMPTS.longest) }
}

fn unreachable(why: Deferral, at_least: Option<Duration>, standing: &RetryContext) -> Disposition {
    let delay = UNREACHABLE.jittered(standing.deferrals.saturating_add(1), standing.fraction);
    defer(why, delay.max(at_least.unwrap_or_default()).min(hours(1)))
}

fn defer(why: Deferral, delay: Duration) -> Disposition {
    Disposition::Defer { why, delay }
}

fn fail(kind: FailureKind) -> Disposition {
    Disposition::Fail { kind, status: None, reason: None, detail: None }
}

fn spread(wait: Duration, standing: &RetryContext) -> Duration {
    spread_by(wait, standing.fraction)
}

/// Google's quota days end at midnight in California.
fn pacific_midnight(now: Timestamp) -> Timestamp {
    now.in_tz("America/Los_Angeles")
        .and_then(|local| local.tomorrow())
        .and_then(|tomorrow| tomorrow.start_of_day())
        .map_or_else(|_| common::time::after(now, hours(24)), |midnight| midnight.timestamp())
}

#[cfg(test)]
mod tests;
