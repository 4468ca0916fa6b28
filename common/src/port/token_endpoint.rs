//! The port `TokenEndpoint`.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::grant::{ClientRef, GoogleUser, Grant, RefreshToken};

/// Google's OAuth endpoints.
#[async_trait]
pub trait TokenEndpoint: Send + Sync {
    /// Where to send a user's browser to ask for consent.
    fn consent_url(&self, request: &ConsentRequest) -> String;

    /// Trades the code that the browser brought back.
    ///
    /// # Errors
    /// [`TokenError`]; a code works once.
    async fn exchange(&self, code: &str, verifier: &str, now: Timestamp) -> Result<Grant, TokenError>;

    /// Makes an access token. `token_uri` and `client_id` are those of the account's connection: a
    /// refresh token is sent nowhere else.
    ///
    /// # Errors
    /// [`TokenError`]; a refresh may be repeated.
    async fn refresh(
        &self,
        connection: &ClientRef,
        token: &RefreshToken,
        now: Timestamp,
    ) -> Result<Grant, TokenError>;

    /// Ends the whole grant that the refresh token belongs to. `Ok` also when it had ended already.
    ///
    /// # Errors
    /// [`TokenError`] when Google could not be asked.
    async fn revoke(&self, connection: &ClientRef, token: &RefreshToken) -> Result<(), TokenError>;

    /// Whose token it is.
    ///
    /// # Errors
    /// [`TokenError`] when Google could not be asked.
    async fn user(&self, token: &SecretString) -> Result<GoogleUser, TokenError>;

    /// The client this process speaks as.
    fn client(&self) -> ClientRef;

    /// The scopes to ask for.
    fn scopes(&self) -> Vec<String>;
}

/// What a consent page is asked with.
#[derive(Debug, Clone)]
pub struct ConsentRequest {
    /// Comes back with the browser.
    pub state: String,
    /// S256 of the PKCE verifier, base64url.
    pub code_challenge: String,
    /// The user to suggest.
    pub login_hint: Option<String>,
}

/// Why there is no token, in the terms that decide what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The refresh token is dead, or the code was used, expired or garbled: the user must connect.
    #[error("invalid_grant: {description}")]
    InvalidGrant {
        /// Google's words.
        description: String,
    },
    /// `invalid_rapt`: the user's organisation wants its people to log in again, which connecting does.
    #[error("invalid_grant: {description}")]
    LoginRequired {
        /// Google's words.
        description: String,
    },
    /// Google knows no such user any more: deleted, or never one.
    #[error("invalid_grant: {description}")]
    NoSuchUser {
        /// Google's words.
        description: String,
    },
    /// Google does not know our client, or its secret is wrong: the operator's trouble.
    #[error("{error}: {description}")]
    InvalidClient {
        /// Google's code: `invalid_client`, `deleted_client`, `unauthorized_client`; `invalid_grant` of an
        /// assertion that we have signed.
        error: String,
        /// Google's words.
        description: String,
    },
    /// An administrator refuses this client or account: the user or an admin must act.
    #[error("access_denied: {description}")]
    Denied {
        /// Google's words.
        description: String,
    },
    /// Google asks for patience.
    #[error("the token endpoint throttles")]
    Throttled {
        /// From `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// Google is failing: 5xx, or an error that says "later".
    #[error("the token endpoint is failing (status {status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// No answer came.
    #[error("the token endpoint cannot be reached: {0}")]
    Transport(String),
    /// Any other refusal: the request itself is wrong.
    #[error("{error}: {description}")]
    Refused {
        /// Google's code.
        error: String,
        /// Google's words.
        description: String,
    },
}
