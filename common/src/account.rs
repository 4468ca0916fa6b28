//! Accounts: whose calendar a job writes to.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::grant::{ClientRef, GoogleUser, RefreshToken};
use crate::seal::{Key, Keyring, OpenError, Sealed, reseal};

/// The caller's name for a connected Google user: 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// The text is not an account id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an account id is 1 to 64 letters, digits, underscores or hyphens")]
pub struct NotAnAccountId;

impl AccountId {
    /// Parses an account id.
    ///
    /// # Errors
    /// When `text` is empty, longer than 64, or holds any other character.
    pub fn parse(text: &str) -> Result<Self, NotAnAccountId> {
        let fits = (1..=64).contains(&text.len());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if fits && text.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(NotAnAccountId) }
    }

    /// The account that requests mean when they name none: `default`.
    #[must_use]
    pub fn default_account() -> Self {
        Self("default".to_owned())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AccountId {
    type Error = NotAnAccountId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}

/// How often an account has been connected: a refusal names the connection it was about, so that a
/// late one cannot block a newer connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

/// An account as the vault keeps it: everything secret or personal in it is sealed. Persisted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// Raised by each connection.
    pub generation: Generation,
    /// Whether jobs may run.
    pub state: AccountState,
    /// Seals this account's jobs and tokens; itself sealed with the master key.
    pub seal_key: Sealed<Key>,
    /// The seal keys before it, which still open what they sealed: a job may wait in the queue for
    /// a year. They too are sealed with the master key, so that an older master key may go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older_seal_keys: Vec<Sealed<Key>>,
    /// The Google user it is bound to, from the first connection on.
    pub user: Sealed<GoogleUser>,
    /// Keyed hash of the user's `sub`: what quotas are counted by.
    pub user_key: String,
    /// The refresh token, while connected.
    pub refresh_token: Option<Sealed<String>>,
    /// The client and token endpoint it was connected with: its tokens go nowhere else.
    pub client: ClientRef,
    /// What Google really granted.
    pub scopes: Vec<String>,
    /// When it was last connected.
    pub connected_at: Timestamp,
    /// Google's limit on inviting guests, while it lasts.
    #[serde(default)]
    pub guest_limit: Option<GuestLimit>,
}

/// Whether an account's jobs may run. Persisted: variants may be added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum AccountState {
    /// They may.
    Connected,
    /// Google no longer takes the grant: the user has to connect again. Jobs wait.
    NeedsReauthorization {
        /// Since when.
        since: Timestamp,
        /// Why.
        cause: ReauthorizationCause,
    },
    /// Somebody disconnected it. New jobs are refused, waiting ones wait.
    Disconnected {
        /// Since when.
        since: Timestamp,
    },
}

/// Why a user has to connect again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReauthorizationCause {
    /// `invalid_grant`: revoked, expired, or ended by an administrator.
    GrantEnded,
    /// A second 401 with a fresh token.
    TokenRefused,
    /// The calendar scope was not granted.
    ScopeMissing,
    /// The user has no Google Calendar.
    NotACalendarUser,
    /// The grant belongs to another OAuth client than the one configured.
    ClientChanged,
    /// `invalid_rapt`: the user's organisation wants its people to log in again.
    LoginRequired,
    /// An administrator of the user's organisation refuses this app.
    AdminForbids,
    /// Google knows no such user any more.
    NoSuchUser,
}

impl ReauthorizationCause {
    /// Every cause.
    pub const ALL: [Self; 8] = [
        Self::GrantEnded,
        Self::TokenRefused,
        Self::ScopeMissing,
        Self::NotACalendarUser,
        Self::ClientChanged,
        Self::LoginRequired,
        Self::AdminForbids,
        Self::NoSuchUser,
    ];

    /// Why, for a person, and what has to come before connecting again helps.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::GrantEnded => "Google says that the permission has ended or was withdrawn.",
            Self::TokenRefused => "Google no longer takes what it has given us.",
            Self::ScopeMissing => "The permission does not include the calendar. Tick its box this time.",
            Self::NotACalendarUser => {
                "This Google user has no Google Calendar. An administrator of the organisation can turn it on, which has to come first."
            }
            Self::ClientChanged => "It was connected with another OAuth client.",
            Self::LoginRequired => {
                "The user's organisation wants its people to log in to Google again now and then, and it is time."
            }
            Self::AdminForbids => {
                "An administrator of the user's organisation does not let it use this app. Ask them to allow it (Admin console, Security, API controls), which has to come first."
            }
            Self::NoSuchUser => {
                "Google says that there is no such user any more. An administrator of the organisation can restore a deleted one, which has to come first."
            }
        }
    }
}

/// `quotaExceeded`: jobs with guests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuestLimit {
    /// They are tried again then.
    pub until: Timestamp,
    /// How often in a row Google has said so: the wait grows with it.
    pub strikes: u32,
}

impl Account {
    /// The key that seals this account's jobs and tokens, and the earlier ones that open older ones.
    ///
    /// # Errors
    /// As [`Keyring::open`], for the newest; an earlier one that cannot be opened opens nothing.
    pub fn seal_keys(&self, ring: &Keyring) -> Result<Keyring, OpenError> {
        let open = |sealed| ring.open(self.id.as_str(), sealed);
        let older = self.older_seal_keys.iter().filter_map(|sealed| open(sealed).ok()).collect();
        Ok(Keyring::new(open(&self.seal_key)?, older))
    }

    /// The Google user.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn user(&self, ring: &Keyring) -> Result<GoogleUser, OpenError> {
        self.seal_keys(ring)?.open(self.id.as_str(), &self.user)
    }

    /// The refresh token; `None` when it was forgotten.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn refresh_token(&self, ring: &Keyring) -> Result<Option<RefreshToken>, OpenError> {
        let Some(sealed) = &self.refresh_token else {
            return Ok(None);
        };
        let token: String = self.seal_keys(ring)?.open(self.id.as_str(), sealed)?;
        Ok(Some(RefreshToken(SecretString::from(token))))
    }

    /// Seals a refresh token for this account.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn seal_refresh_token(
        &self,
        ring: &Keyring,
        token: &RefreshToken,
    ) -> Result<Sealed<String>, OpenError> {
        Ok(self.seal_keys(ring)?.seal(self.id.as_str(), &token.0.expose_secret().to_owned()))
    }

    /// The account with a new seal key; `None` when the one it has is sealed with the newest master key.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn rotated(&self, ring: &Keyring) -> Result<Option<Self>, OpenError> {
        if self.seal_key.key_id()? == ring.newest().id() {
            return Ok(None);
        }
        let context = self.id.as_str();
        let (seal_key, keys) = {
            let fresh = Key::random();
            let before = self.seal_keys(ring)?;
            let older = [before.newest()].into_iter().chain(before.older()).cloned().collect();
            (ring.seal(context, &fresh), Keyring::new(fresh, older))
        };
        // One that cannot be opened stays as it is: its master key may yet be found.
        let rewrapped = |sealed| reseal(ring, context, sealed);
        Ok(Some(Self {
            seal_key,
            older_seal_keys: [&self.seal_key]
                .into_iter()
                .chain(&self.older_seal_keys)
                .map(rewrapped)
                .collect(),
            user: keys.reseal(context, &self.user)?,
            refresh_token: match &self.refresh_token {
                Some(sealed) => Some(keys.reseal(context, sealed)?),
                None => None,
            },
            ..self.clone()
        }))
    }
}

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_are_short_and_plain() {
        for good in ["default", "a", "team_1-b", &"x".repeat(64)] {
            assert!(AccountId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "é", "a/b", "a@b.c", &"x".repeat(65)] {
            assert_eq!(AccountId::parse(bad), Err(NotAnAccountId), "{bad}");
        }
    }
}
