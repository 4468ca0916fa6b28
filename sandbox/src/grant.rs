//! What users have granted: refresh tokens, access tokens, authorization codes.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::identifier;

/// Google keeps this many live refresh tokens per account and client, and silently drops the oldest.
pub(crate) const LIVE_REFRESH_TOKENS: usize = 100;
/// A refresh token that nobody used for six months dies.
const UNUSED: SignedDuration = SignedDuration::from_hours(24 * 182);
/// Google's codes live about ten minutes.
pub(crate) const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

pub(crate) type Scopes = BTreeSet<String>;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RefreshToken {
    pub(crate) token: String,
    pub(crate) user: String,
    pub(crate) client: String,
    pub(crate) scopes: Scopes,
    pub(crate) issued: Timestamp,
    /// Its place in the order of issue, which decides when two were issued in one instant.
    #[serde(default)]
    pub(crate) serial: u64,
    pub(crate) used: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Timestamp>,
    /// The organisation wants its person to log in again: `invalid_rapt`.
    #[serde(default)]
    pub(crate) session_ended: bool,
}

impl RefreshToken {
    pub(crate) fn new_token() -> String {
        format!("1//0{}", identifier::opaque(48))
    }

    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires) && now.duration_since(self.used) < UNUSED
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    pub(crate) token: String,
    pub(crate) user: String,
    pub(crate) client: String,
    pub(crate) scopes: Scopes,
    pub(crate) expires: Timestamp,
    /// The refresh token it came from or with; revoking one revokes the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh: Option<String>,
    /// The service account that acts for the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delegate: Option<String>,
}

impl AccessToken {
    pub(crate) fn new_token() -> String {
        format!("ya29.{}", identifier::opaque(96))
    }

    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires
    }
}

/// How a code's verifier must be proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    Plain(String),
    S256(String),
}

/// An authorization code; short-lived, so kept in memory only.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) user: String,
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Scopes,
    pub(crate) offline: Offline,
    /// How long the person lets the app in, if not until further notice.
    pub(crate) lasting: Option<SignedDuration>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) nonce: Option<String>,
    pub(crate) expires: Timestamp,
    pub(crate) used: bool,
}

/// Whether the exchange gives a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offline {
    RefreshToken,
    AccessOnly,
}

impl Code {
    pub(crate) fn new_code() -> String {
        format!("4/0{}", identifier::opaque(40))
    }
}
