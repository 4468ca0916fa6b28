//! Refusals of the token, revocation and token-info endpoints.

use serde_json::json;

use crate::api_error::ApiError;
use crate::catalogue::Layout;
use crate::reply::{Print, Reply};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OAuthError {
    pub(crate) status: u16,
    error: String,
    description: String,
    subtype: Option<&'static str>,
    pub(crate) layout: Layout,
    pub(crate) retry_after: Option<String>,
}

/// Google's usual status and words for an error. `invalid_grant` first means a dead refresh token.
const ROWS: &[(u16, &str, &str)] = &[
    (400, "invalid_grant", "Token has been expired or revoked."),
    (400, "redirect_uri_mismatch", "Bad Request"),
    (400, "invalid_scope", "Bad Request"),
    (400, "unsupported_grant_type", "Invalid grant_type"),
    (400, "invalid_request", "Bad Request"),
    (400, "invalid_token", "Token expired or revoked"),
    (
        400,
        "admin_policy_enforced",
        "Access to your account data is restricted by policies within your organization.",
    ),
    (401, "invalid_client", "The OAuth client was not found."),
    (401, "deleted_client", "The OAuth client was deleted."),
    (
        401,
        "unauthorized_client",
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
    ),
    (403, "access_denied", "Account restricted"),
    (429, "rate_limit_exceeded", "Rate Limit Exceeded"),
    (500, "internal_failure", "Backend Error"),
    (500, "server_error", "Internal Error"),
    (503, "temporarily_unavailable", "Service Unavailable"),
];

impl OAuthError {
    /// An error with Google's usual status.
    pub(crate) fn of(error: &str, description: impl Into<String>) -> Self {
        let row = ROWS.iter().find(|(_, name, _)| *name == error);
        Self {
            status: row.map_or(400, |(status, ..)| *status),
            error: error.to_owned(),
            description: description.into(),
            subtype: None,
            layout: Layout::Backend,
            retry_after: None,
        }
    }

    /// An error with Google's usual status and words.
    pub(crate) fn usual(error: &str) -> Self {
        Self::injected(None, Some(error), None)
    }

    /// Workspace session control wants the person to log in again.
    pub(crate) fn session_ended() -> Self {
        Self::usual("invalid_rapt")
    }

    /// A code or token that was given to another client.
    pub(crate) fn anothers() -> Self {
        Self::of("unauthorized_client", "Unauthorized")
    }

    pub(crate) fn dead_token() -> Self {
        Self::of("invalid_grant", "Token has been expired or revoked.")
    }

    /// What a fault asks for; `invalid_rapt` is spelled out as Google's session control spells it.
    pub(crate) fn injected(status: Option<u16>, reason: Option<&str>, message: Option<&str>) -> Self {
        let (reason, subtype) = match reason {
            Some("invalid_rapt") => (Some("invalid_grant"), Some("invalid_rapt")),
            other => (other, None),
        };
        let row = match (reason, status) {
            (Some(reason), _) => ROWS.iter().find(|(_, name, _)| *name == reason),
            (None, Some(status)) => {
                ROWS.iter().find(|row| row.0 == status).or_else(|| ROWS.iter().find(|row| row.0 == 500))
            }
            (None, None) => None,
        };
        let usual = match subtype {
            Some(_) => "reauth related error (invalid_rapt)",
            None => row.map_or("Bad Request", |(_, _, description)| *description),
        };
        let error = reason.or(row.map(|(_, name, _)| *name)).unwrap_or("internal_failure");
        let mut refusal = Self::of(error, message.unwrap_or(usual));
        refusal.status = status.unwrap_or(refusal.status);
        refusal.subtype = subtype;
        refusal
    }

    pub(crate) fn into_reply(self) -> Reply {
        let mut reply = match self.layout {
            // The token endpoint has one layout of its own.
            Layout::Backend | Layout::Frontend | Layout::Bare => {
                let mut body = json!({
                    "error": self.error,
                    "error_description": self.description,
                });
                if let Some(subtype) = self.subtype {
                    body["error_subtype"] = json!(subtype);
                }
                Reply::json(self.status, &body, Print::Pretty)
            }
            Layout::Html => ApiError::of_status(self.status).laid_out(Layout::Html).into_reply(),
        };
        if let Some(value) = self.retry_after {
            reply = reply.header("Retry-After", value);
        }
        reply.labelled(self.error)
    }
}

/// The journal could not be written.
impl From<ApiError> for OAuthError {
    fn from(_: ApiError) -> Self {
        Self::of("internal_failure", "Backend Error")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_injected_error_takes_googles_status_and_words_unless_told_otherwise() {
        let error = OAuthError::injected(None, Some("invalid_client"), None);
        assert_eq!((error.status, error.description.as_str()), (401, "The OAuth client was not found."));
        let error = OAuthError::injected(
            None,
            Some("invalid_client"),
            Some("The provided client secret is invalid."),
        );
        assert_eq!(error.description, "The provided client secret is invalid.");
        let error = OAuthError::injected(Some(503), None, None);
        assert_eq!((error.status, error.error.as_str()), (503, "temporarily_unavailable"));
        let error = OAuthError::injected(Some(502), None, None);
        assert_eq!((error.status, error.error.as_str()), (502, "internal_failure"));
        let error = OAuthError::injected(None, Some("invalid_rapt"), None);
        assert_eq!((error.status, error.error.as_str()), (400, "invalid_grant"));
        assert_eq!(error.subtype, Some("invalid_rapt"));
    }
}
