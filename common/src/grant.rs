//! What a user grants to an OAuth client, and the tokens that come of it.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::time;

/// A token that makes access tokens until the user or Google ends it.
#[derive(Debug, Clone)]
pub struct RefreshToken(pub SecretString);

/// Which OAuth client at which token endpoint.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientRef {
    /// The token endpoint's URL.
    pub token_uri: String,
    /// The client's id.
    pub client_id: String,
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
        time::until(now, self.expires_at)
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
