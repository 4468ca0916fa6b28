//! The OAuth endpoints' refusals, decided by their `error`.

use std::time::SystemTime;

use common::port::TokenError;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::layout::Complaint;
use super::retry_after::retry_after;
use crate::http::Broken;

/// What an answer that is not a 200 means.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> TokenError {
    let throttled = || TokenError::Throttled { retry_after: retry_after(headers, now) };
    let unavailable = TokenError::Unavailable { status: status.as_u16() };
    if status == StatusCode::TOO_MANY_REQUESTS {
        return throttled();
    }
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return unavailable;
    }
    // Not Google's words: a page from something in between must not end anybody's grant.
    let Some((error, description)) = parse(body) else {
        return unavailable;
    };
    match error.as_str() {
        "invalid_grant" => grant(error, description),
        "invalid_client" | "deleted_client" | "disabled_client" | "unauthorized_client" => {
            TokenError::InvalidClient { error, description }
        }
        "access_denied" | "admin_policy_enforced" | "policy_enforced" => TokenError::Denied { description },
        "rate_limit_exceeded" | "slow_down" => throttled(),
        "internal_failure" | "server_error" | "temporarily_unavailable" => unavailable,
        _ => TokenError::Refused { error, description },
    }
}

/// `invalid_grant` has many meanings, told apart by Google's words alone (they stand in GAM's
/// `OAUTH2_TOKEN_ERRORS`); under words that nobody knows yet the grant has ended.
fn grant(error: String, description: String) -> TokenError {
    match description.as_str() {
        "The account has been deleted" | "Invalid email or User ID" | "Not a valid email" => {
            TokenError::NoSuchUser { description }
        }
        rapt if rapt.contains("invalid_rapt") => TokenError::LoginRequired { description },
        // An assertion of ours: no user can mend our key or our clock.
        jwt if jwt.starts_with("Invalid JWT") => TokenError::InvalidClient { error, description },
        _ => TokenError::InvalidGrant { description },
    }
}

/// What a request without an answer means.
pub(crate) fn broken(broken: &Broken) -> TokenError {
    TokenError::Transport(broken.to_string())
}

/// OAuth's layout, `{"error": "…", "error_description": "…"}`, or that of Google's APIs.
fn parse(body: &[u8]) -> Option<(String, String)> {
    if let Some(complaint) = Complaint::parse(body) {
        let (reason, message) = complaint.told();
        return Some((reason.to_owned(), message));
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |field: &str| body.get(field).and_then(Value::as_str).map(super::shortened);
    let error = text("error").filter(|error| !error.is_empty())?;
    let mut description = text("error_description").unwrap_or_default();
    // `invalid_rapt`: the organisation wants its people to log in again; worth showing.
    if let Some(subtype) = text("error_subtype").filter(|subtype| !description.contains(subtype)) {
        description = format!("{description} ({subtype})").trim_start().to_owned();
    }
    Some((error, description))
}

#[cfg(test)]
mod tests;
