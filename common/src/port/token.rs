//! The ports `TokenCache` and `TokenEndpoint`.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::account::{AccountId, Generation};
use crate::time;

/// A token that Google takes for about an hour.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The bearer token.
    pub secret: SecretString,
    /// Google stops taking it then.
    pub expires_at: Timestamp,
    /// The connection it was made from.
    pub generation: Generation,
}

/// A token is refreshed this long before Google stops taking it, as Google's own libraries do.
const SKEW: Duration = Duration::from_secs(225);
/// No token is kept longer, whatever it says of itself.
const LONGEST: Duration = time::hours(1);

impl AccessToken {
    /// Until when the token is used: less the skew, or half its life when it lives shorter than two skews.
    #[must_use]
    pub fn good_until(&self, now: Timestamp) -> Timestamp {
        let life = time::until(now, self.expires_at);
        let used = if life < SKEW * 2 { life / 2 } else { life - SKEW };
        time::after(now, used.min(LONGEST))
    }
}

/// A token that makes access tokens until the user or Google ends it.
#[derive(Debug, Clone)]
pub struct RefreshToken(pub SecretString);

/// Keeps access tokens while they are good. A cache: losing it costs a refresh, never a job.
#[async_trait]
pub trait TokenCache: Send + Sync {
    /// The token of this connection of the account, if one is known to be good for a while yet.
    async fn get(&self, account: &AccountId, generation: Generation, now: Timestamp) -> Option<AccessToken>;

    /// Keeps a token until shortly before it expires, and never longer than an hour.
    async fn put(&self, account: &AccountId, token: &AccessToken, now: Timestamp);

    /// Forgets the token that Google refused, but not a newer one.
    async fn forget(&self, account: &AccountId, refused: &AccessToken);

    /// Waits for the right to refresh this account's token: one holder at a time. Look into the
    /// cache again once you hold it.
    async fn refresh_turn(&self, account: &AccountId) -> RefreshTurn;
}

/// The right to refresh one account's token; ends when dropped.
pub struct RefreshTurn {
    _held: Box<dyn Send>,
}

impl RefreshTurn {
    /// A turn that ends when `held` is dropped.
    #[must_use]
    pub fn holding(held: impl Send + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

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

/// Which OAuth client at which token endpoint.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientRef {
    /// The token endpoint's URL.
    pub token_uri: String,
    /// The client's id.
    pub client_id: String,
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

/// What Google granted.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Good until `expires_at`.
    pub access_token: SecretString,
    /// Its expiry.
    pub expires_at: Timestamp,
    /// Only when Google gave a new one; keep the old one otherwise.
    pub refresh_token: Option<RefreshToken>,
    /// The scopes that were really granted.
    pub scopes: Vec<String>,
}

impl Grant {
    /// How long the access token is good from `now` on.
    #[must_use]
    pub fn valid_for(&self, now: Timestamp) -> Duration {
        crate::time::until(now, self.expires_at)
    }
}

/// A Google user.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GoogleUser {
    /// Never reused, never changes.
    pub sub: String,
    /// For people to read.
    pub email: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn good_until(now: Timestamp, expires_at: Timestamp) -> Timestamp {
        let secret = SecretString::from("t");
        AccessToken { secret, expires_at, generation: Generation(1) }.good_until(now)
    }

    #[test]
    fn a_token_is_used_less_the_skew_half_its_life_and_never_beyond_an_hour() {
        let now = Timestamp::UNIX_EPOCH;
        for (life, used) in
            [(3_600, 3_375), (86_400, 3_600), (3_826, 3_600), (450, 225), (449, 224), (10, 5), (0, 0)]
        {
            let until = good_until(now, time::after(now, Duration::from_secs(life)));
            assert_eq!(time::until(now, until).as_secs(), used, "a life of {life} s");
        }
        let past = time::after(now, time::hours(1));
        assert_eq!(good_until(past, now), past, "a token that is dead on arrival");
    }
}
