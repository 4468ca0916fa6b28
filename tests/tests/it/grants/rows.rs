//! Every refusal that Google's token endpoint is known to give, and what it means: to a job, to its account, and to
//! whoever has to do something about it.

use serde_json::{Value, json};

/// A refusal, as Google sends it.
pub struct Row {
    /// The HTTP status.
    pub status: u16,
    /// `error`, or the `error_subtype` that goes with `invalid_grant`.
    pub error: &'static str,
    /// `error_description`.
    pub description: &'static str,
    /// What it means when a token is refreshed.
    pub refresh: Refresh,
    /// What it means when a code is traded: the page's status, and what it has to say.
    pub exchange: (u16, &'static [&'static str]),
}

/// What a refused refresh means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The account waits for its user, for this cause; what the setup page says of it.
    Reconnect { cause: &'static str, says: &'static str },
    /// Nobody's connection is at fault: an operator has to act.
    Operator,
    /// It is tried again.
    Retry,
}

const ENDED: Refresh = Refresh::Reconnect { cause: "grantEnded", says: "the permission has ended" };
const NO_SUCH_USER: Refresh =
    Refresh::Reconnect { cause: "noSuchUser", says: "can restore a deleted one, which has to come first" };
const ADMIN: Refresh =
    Refresh::Reconnect { cause: "adminForbids", says: "Ask them to allow it (Admin console" };
const LOGIN: Refresh = Refresh::Reconnect { cause: "loginRequired", says: "log in to Google again" };

const OLD_CODE: (u16, &[&str]) = (400, &["used before, or it is too old", "Begin again from the setup page"]);
const NO_USER: (u16, &[&str]) = (403, &["Google knows no such user", "can restore a deleted user"]);
const CLIENT: (u16, &[&str]) =
    (502, &["OAuth client not initialized", "JSON file again", "GOOGLE_CREDENTIALS"]);
const NOT_ALLOWED: (u16, &[&str]) =
    (403, &["An administrator does not allow this", "Ask them to allow the app"]);
const WRONG: (u16, &[&str]) = (502, &["Google refused", "An operator", "consent screen"]);

/// All of them.
pub const ROWS: &[Row] = &[
    row(400, "invalid_grant", "Token has been expired or revoked.", ENDED, OLD_CODE),
    row(400, "invalid_grant", "Bad Request", ENDED, OLD_CODE),
    row(400, "invalid_grant", "Malformed auth code.", ENDED, OLD_CODE),
    row(
        400,
        "invalid_rapt",
        "reauth related error (invalid_rapt)",
        LOGIN,
        (400, &["log in to Google again first"]),
    ),
    row(400, "invalid_grant", "The account has been deleted", NO_SUCH_USER, NO_USER),
    row(400, "invalid_grant", "Invalid email or User ID", NO_SUCH_USER, NO_USER),
    row(400, "invalid_grant", "Not a valid email", NO_SUCH_USER, NO_USER),
    row(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token", Refresh::Operator, CLIENT),
    row(
        400,
        "redirect_uri_mismatch",
        "Bad Request",
        Refresh::Operator,
        (502, &["The redirect URI is not registered", "GOOGLE_REDIRECT_URI", "/oauth2callback"]),
    ),
    row(401, "invalid_client", "The OAuth client was not found.", Refresh::Operator, CLIENT),
    row(401, "invalid_client", "The provided client secret is invalid.", Refresh::Operator, CLIENT),
    row(401, "deleted_client", "The OAuth client was deleted.", Refresh::Operator, CLIENT),
    row(
        401,
        "unauthorized_client",
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the \
         scopes requested.",
        Refresh::Operator,
        CLIENT,
    ),
    row(403, "access_denied", "Requested client not authorized", ADMIN, NOT_ALLOWED),
    row(403, "access_denied", "Account restricted", ADMIN, NOT_ALLOWED),
    row(400, "invalid_scope", "Bad Request", Refresh::Operator, WRONG),
    row(400, "unsupported_grant_type", "Invalid grant_type", Refresh::Operator, WRONG),
    row(400, "invalid_request", "Bad Request", Refresh::Operator, WRONG),
    row(
        500,
        "internal_failure",
        "Backend Error",
        Refresh::Retry,
        (503, &["Google cannot be reached", "Wait a little"]),
    ),
    row(
        503,
        "internal_failure",
        "Backend Error",
        Refresh::Retry,
        (503, &["Google cannot be reached", "Wait a little"]),
    ),
];

const fn row(
    status: u16,
    error: &'static str,
    description: &'static str,
    refresh: Refresh,
    exchange: (u16, &'static [&'static str]),
) -> Row {
    Row { status, error, description, refresh, exchange }
}

impl Row {
    /// The fault that gives this refusal to calls of `method`.
    pub fn fault(&self, method: &str) -> Value {
        json!({"method": method, "status": self.status, "reason": self.error, "message": self.description})
    }

    /// For a person who looks for the row that is wrong.
    pub fn name(&self) -> String {
        format!("{} {}: {}", self.status, self.error, self.description)
    }
}
