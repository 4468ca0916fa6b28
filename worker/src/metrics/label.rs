//! The labels of a worker's metrics: closed lists, whatever Google or a caller says.

use common::port::{CalendarError, Grant, TokenError};

use crate::retry::Disposition;

/// An attempt whose event is in the calendar.
pub(super) const SUCCEEDED: &str = "succeeded";

/// What came of attempts.
pub(super) const DISPOSITIONS: [&str; 8] =
    [SUCCEEDED, "retry", "defer", "push_back", "block_account", "block_guests", "fail", "let_go"];

/// What came of requests to Google Calendar.
pub(super) const RESULTS: [&str; 13] = [
    "ok",
    "throttled",
    "usage_limits",
    "token_refused",
    "scope_missing",
    "api_disabled",
    "not_found",
    "duplicate",
    "conflict",
    "refused",
    "unavailable",
    "no_answer",
    "not_sent",
];

/// What came of requests for an access token.
pub(super) const REFRESHES: [&str; 5] = ["ok", "invalid_grant", "operator", "unavailable", "refused"];

/// The endpoints that are left alone while they fail.
pub(super) const CIRCUITS: [&str; 2] = ["calendar", "token"];

/// A request's method, in Google's words.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Method {
    Insert,
    Get,
    Delete,
}

/// How a look into the token cache ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cache {
    Hit,
    Miss,
}

impl Method {
    pub(super) const ALL: [Self; 3] = [Self::Insert, Self::Get, Self::Delete];

    pub(super) fn as_label(self) -> &'static str {
        match self {
            Self::Insert => "events.insert",
            Self::Get => "events.get",
            Self::Delete => "events.delete",
        }
    }
}

impl Cache {
    pub(super) const ALL: [Self; 2] = [Self::Hit, Self::Miss];

    pub(super) fn as_label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

pub(super) fn disposition(disposition: &Disposition) -> &'static str {
    match disposition {
        Disposition::Retry { .. } => "retry",
        Disposition::Defer { .. } => "defer",
        Disposition::PushBack { .. } => "push_back",
        Disposition::BlockAccount(_) => "block_account",
        Disposition::BlockGuests { .. } => "block_guests",
        Disposition::Fail { .. } => "fail",
        Disposition::LetGo | Disposition::HandBack => "let_go",
    }
}

pub(super) fn refresh(answer: &Result<Grant, TokenError>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(
            TokenError::InvalidGrant { .. }
            | TokenError::LoginRequired { .. }
            | TokenError::NoSuchUser { .. }
            | TokenError::Denied { .. },
        ) => "invalid_grant",
        Err(TokenError::InvalidClient { .. }) => "operator",
        Err(TokenError::Throttled { .. } | TokenError::Unavailable { .. } | TokenError::Transport(_)) => {
            "unavailable"
        }
        Err(TokenError::Refused { .. }) => "refused",
    }
}

pub(super) fn result(error: Option<&CalendarError>) -> &'static str {
    match error {
        None => "ok",
        Some(CalendarError::Throttled { .. } | CalendarError::DailyLimit) => "throttled",
        Some(CalendarError::UsageLimits) => "usage_limits",
        Some(CalendarError::TokenRefused) => "token_refused",
        Some(CalendarError::ScopeMissing) => "scope_missing",
        Some(CalendarError::ApiDisabled) => "api_disabled",
        Some(CalendarError::NotFound) => "not_found",
        Some(CalendarError::Duplicate) => "duplicate",
        Some(CalendarError::Conflict) => "conflict",
        Some(
            CalendarError::Deleted
            | CalendarError::ConferenceRefused { .. }
            | CalendarError::Refused { .. }
            | CalendarError::NotACalendarUser,
        ) => "refused",
        Some(CalendarError::Unavailable { .. }) => "unavailable",
        Some(CalendarError::NoAnswer(_) | CalendarError::Unintelligible(_)) => "no_answer",
        Some(CalendarError::NotSent(_)) => "not_sent",
    }
}
