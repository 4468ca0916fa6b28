//! Calendar's refusals, decided by Google's `reason` and never by the status alone.

use std::time::SystemTime;

use common::port::{CalendarError, ThrottledKey};
use http::{HeaderMap, StatusCode, header};

use super::layout::Complaint;
use super::retry_after::retry_after;
use crate::http::Broken;

/// What an answer that is not a 2xx means.
pub(crate) fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> CalendarError {
    if status.is_server_error() {
        // Whatever the reason: from these on the request may have been done.
        return CalendarError::Unavailable {
            status: status.as_u16(),
            retry_after: retry_after(headers, now),
        };
    }
    let complaint = Complaint::parse(body);
    let known = complaint.as_ref().and_then(telling);
    let meaning = known.or_else(|| {
        challenges(headers, "insufficient_scope").then_some((Meaning::Is(CalendarError::ScopeMissing), ""))
    });
    match meaning {
        Some((Meaning::Is(error), _)) => error,
        Some((Meaning::TooFast(key), reason)) => too_fast(key, reason, headers, now),
        Some((Meaning::Failing, _)) => {
            CalendarError::Unavailable { status: status.as_u16(), retry_after: retry_after(headers, now) }
        }
        None => match status {
            StatusCode::TOO_MANY_REQUESTS => {
                let reason = complaint.as_ref().map(Complaint::told).map_or("", |(reason, _)| reason);
                too_fast(ThrottledKey::Project, reason, headers, now)
            }
            status => by_status(status, complaint, headers, now),
        },
    }
}

/// What a request without an answer means.
pub(crate) fn broken(broken: Broken) -> CalendarError {
    match broken {
        Broken::NotSent(text) => CalendarError::NotSent(text),
        Broken::NoAnswer(text) => CalendarError::NoAnswer(text),
        Broken::TooLong => CalendarError::Unintelligible(broken.to_string()),
    }
}

/// What a reason means, before what the headers add.
enum Meaning {
    Is(CalendarError),
    TooFast(ThrottledKey),
    Failing,
}

impl Meaning {
    /// Which of several entries decides: first what must be mended before anything can be asked, then the
    /// longest wait, because what else was said is said again afterwards, and last what is about the event.
    fn weight(&self) -> u8 {
        match self {
            Self::Is(CalendarError::TokenRefused) => 9,
            Self::Is(CalendarError::ScopeMissing) => 8,
            Self::Is(CalendarError::ApiDisabled) => 7,
            Self::Is(CalendarError::NotACalendarUser) => 6,
            Self::Is(CalendarError::UsageLimits) => 5,
            Self::Is(CalendarError::DailyLimit) => 4,
            Self::TooFast(ThrottledKey::Project) => 3,
            Self::TooFast(_) => 2,
            Self::Failing => 1,
            Self::Is(_) => 0,
        }
    }
}

/// What the complaint asks for, with the reason that says so. All entries of `errors` are read; where none
/// asks for more than giving up, `details` speak, and then `status`.
fn telling(complaint: &Complaint) -> Option<(Meaning, &str)> {
    let entries = complaint.entries.iter();
    let known = entries.filter_map(|entry| {
        let reason = entry.reason.as_str();
        by_reason(reason, &entry.message).map(|meaning| (meaning, reason))
    });
    // Of equals the first, which `max_by_key` would pass over.
    let heaviest = known.rev().max_by_key(|(meaning, _)| meaning.weight());
    heaviest.or_else(|| {
        complaint.others.iter().find_map(|reason| {
            by_reason(reason, &complaint.message).map(|meaning| (meaning, reason.as_str()))
        })
    })
}

/// The reasons that ask for more than giving up: the names of Calendar's own layout, and after them
/// those of `status` and `details` in the front's.
fn by_reason(reason: &str, message: &str) -> Option<Meaning> {
    let error = match reason {
        "rateLimitExceeded" | "RATE_LIMIT_EXCEEDED" | "RESOURCE_EXHAUSTED" => {
            return Some(Meaning::TooFast(pace_of(message)));
        }
        "userRateLimitExceeded" => return Some(Meaning::TooFast(ThrottledKey::User)),
        "backendError"
        | "badGateway"
        | "gatewayTimeout"
        | "internalError"
        | "transientError"
        | "serviceNotAvailable"
        | "INTERNAL"
        | "UNAVAILABLE"
        | "DEADLINE_EXCEEDED" => {
            return Some(Meaning::Failing);
        }
        "quotaExceeded" => CalendarError::UsageLimits,
        "dailyLimitExceeded" => CalendarError::DailyLimit,
        "authError" | "UNAUTHENTICATED" => CalendarError::TokenRefused,
        "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => CalendarError::ScopeMissing,
        "notACalendarUser" => CalendarError::NotACalendarUser,
        "accessNotConfigured" | "SERVICE_DISABLED" => CalendarError::ApiDisabled,
        "notFound" | "NOT_FOUND" => CalendarError::NotFound,
        "duplicate" | "ALREADY_EXISTS" => CalendarError::Duplicate,
        "conflict" | "conditionNotMet" | "ABORTED" => CalendarError::Conflict,
        "deleted" => CalendarError::Deleted,
        _ => return None,
    };
    Some(Meaning::Is(error))
}

/// Several limits come under one reason: only the words tell them apart. A project's names its quota:
/// "… and limit 'Queries per minute' of service …"; with "per user" it is that user's. Bare words
/// are about one user or one of their calendars, and must not slow everybody else down.
fn pace_of(message: &str) -> ThrottledKey {
    let message = message.to_ascii_lowercase();
    if message.contains("quota metric") && !message.contains("per user") {
        ThrottledKey::Project
    } else {
        ThrottledKey::User
    }
}

fn too_fast(key: ThrottledKey, reason: &str, headers: &HeaderMap, now: SystemTime) -> CalendarError {
    CalendarError::Throttled { key, retry_after: retry_after(headers, now), reason: reason.to_owned() }
}

/// When no reason decides: either none was given, or one that only says that it is for good.
fn by_status(
    status: StatusCode,
    complaint: Option<Complaint>,
    headers: &HeaderMap,
    now: SystemTime,
) -> CalendarError {
    match (status, complaint) {
        (StatusCode::UNAUTHORIZED, Some(_)) => CalendarError::TokenRefused,
        (StatusCode::UNAUTHORIZED, None) if challenges(headers, "Bearer ") => CalendarError::TokenRefused,
        (StatusCode::REQUEST_TIMEOUT, _) => {
            CalendarError::Unavailable { status: status.as_u16(), retry_after: retry_after(headers, now) }
        }
        (StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED, _) => CalendarError::Conflict,
        // Nothing in between us and Google answers so.
        (StatusCode::GONE, None) => CalendarError::Deleted,
        (StatusCode::NOT_FOUND, Some(complaint)) if complaint.is_without_reason() => CalendarError::NotFound,
        (status, Some(complaint)) if status.is_client_error() => refused(status, complaint),
        // Not Google's words: a redirect, or a page from something in between. Even a 404 of that
        // kind says nothing about the event.
        (status, _) => {
            CalendarError::Unintelligible(format!("status {} in no layout of Google's", status.as_u16()))
        }
    }
}

/// For good; where the complaint is about the conference alone, only as long as the event has one.
fn refused(status: StatusCode, complaint: Complaint) -> CalendarError {
    let status = status.as_u16();
    let (reason, message) = complaint.told();
    let reason = reason.to_owned();
    match complaint.about_conference {
        Some(message) => CalendarError::ConferenceRefused { status, reason, message },
        None => CalendarError::Refused { status, reason, message },
    }
}

/// Whether a `WWW-Authenticate` holds `word`. Google's 401 begin with `Bearer `, and name a scope
/// that is missing as `error="insufficient_scope"`.
fn challenges(headers: &HeaderMap, word: &str) -> bool {
    let mut values = headers.get_all(header::WWW_AUTHENTICATE).iter();
    values.any(|value| value.to_str().is_ok_and(|value| value.contains(word)))
}

#[cfg(test)]
mod tests;
