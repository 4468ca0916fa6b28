//! API keys: who may call, on whose behalf, and to do what.

mod lookups;

use std::convert::Infallible;
use std::sync::Arc;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use common::account::AccountId;
use common::owner::Owner;
use common::port::{Clock, Shelf, Vault, VaultError};
use common::random;
use lookups::Lookups;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Post jobs and take them back.
    Submit,
    /// Read jobs.
    Read,
    /// Everything, the setup pages too.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Submit, Self::Read, Self::Admin];

    /// The name in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// A key's record; the key itself is not in it. Persisted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Names the key to people: its first characters.
    pub name: String,
    /// On whose behalf it speaks.
    pub owner: Owner,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The accounts it may use: `*` stands for any run of characters; `None` is all.
    pub accounts: Option<String>,
    /// Requests a minute.
    pub requests_per_minute: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// From then on it is refused.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Requests a minute, unless a key says otherwise.
    pub const DEFAULT_REQUESTS_PER_MINUTE: u32 = 6_000;

    /// The name of a key.
    #[must_use]
    pub fn name_of(key: &SecretString) -> String {
        Self::name_in(key.expose_secret())
    }

    fn name_in(secret: &str) -> String {
        secret.chars().take(12).collect()
    }

    /// Whether the key may do `scope`: an admin may do everything.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// Whether the key may use `account`.
    #[must_use]
    pub fn may_use(&self, account: &AccountId) -> bool {
        self.accounts.as_deref().is_none_or(|pattern| fits(pattern, account.as_str()))
    }
}

/// Whether some account can fit `text` as a pattern: the characters of accounts' ids, and `*`.
#[must_use]
pub fn is_account_pattern(text: &str) -> bool {
    // An id that fits is what is left when each `*` stands for nothing, or, where nothing else is there, for one.
    let rest = text.replace('*', "");
    match rest.is_empty() {
        true => !text.is_empty(),
        false => AccountId::parse(&rest).is_ok(),
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any run of characters.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(tail) = text.strip_prefix(first) else {
        return false;
    };
    (0..=tail.len()).filter(|at| tail.is_char_boundary(*at)).any(|at| fits(rest, &tail[at..]))
}

/// The keys of an installation, as the vault has them; what was asked for is remembered for
/// [`FRESH`](crate::FRESH), and for an hour while the vault is away or does not answer.
pub struct ApiKeys {
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    lookups: Lookups,
}

impl ApiKeys {
    /// The keys in `vault`.
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Self {
        let lookups = Lookups::new(&vault, &clock);
        Self { vault, clock, lookups }
    }

    /// Makes a key and answers it: the only time it can be seen.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub async fn create(
        &self,
        owner: Owner,
        scopes: Vec<Scope>,
        accounts: Option<String>,
    ) -> Result<SecretString, VaultError> {
        let bytes: [u8; 32] = random::bytes();
        let secret = format!("crk_{}", BASE64URL_NOPAD.encode(&bytes));
        let key = ApiKey {
            name: ApiKey::name_in(&secret),
            owner,
            scopes,
            accounts,
            requests_per_minute: ApiKey::DEFAULT_REQUESTS_PER_MINUTE,
            created_at: self.clock.now(),
            revoked_at: None,
        };
        let value = serde_json::to_value(&key).expect("a key's record is plain data");
        self.vault.put(Shelf::ApiKeys, &hashed(&secret), &value, None).await?;
        Ok(SecretString::from(secret))
    }

    /// Takes back a key that was just made and that nobody has seen.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub async fn take_back(&self, secret: &SecretString) -> Result<(), VaultError> {
        self.vault.remove(Shelf::ApiKeys, &hashed(secret.expose_secret())).await
    }

    /// The record of the key a caller sent, unless it is unknown or revoked.
    ///
    /// # Errors
    /// When the vault cannot be read and the key was not seen within the hour.
    pub async fn find(&self, secret: &SecretString) -> Result<Option<ApiKey>, VaultError> {
        let Ok(found) = self.find_if(secret, || Ok::<(), Infallible>(())).await;
        found
    }

    /// The same; but a look-up of a key that was not good when it was last looked up needs `permit`,
    /// which is asked once, at the beginning, and by one of all who ask for the same key at once.
    /// Without a permit a key is good if it is among all keys, which are looked through every
    /// [`FRESH`](crate::FRESH) at most, however many ask.
    ///
    /// # Errors
    /// What `permit` says; inside, what [`find`](Self::find) says.
    pub async fn find_if<E>(
        &self,
        secret: &SecretString,
        permit: impl FnOnce() -> Result<(), E>,
    ) -> Result<Result<Option<ApiKey>, VaultError>, E> {
        self.lookups.find(&hashed(secret.expose_secret()), permit).await
    }

    /// The same, unless it takes the look-up of a key that was not good before: then `None`, and nothing is asked.
    pub async fn find_known(&self, secret: &SecretString) -> Option<Result<Option<ApiKey>, VaultError>> {
        self.lookups.find_known(&hashed(secret.expose_secret())).await
    }

    /// All keys, revoked ones too.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn list(&self) -> Result<Vec<ApiKey>, VaultError> {
        let docs = self.vault.list(Shelf::ApiKeys).await?;
        docs.into_iter()
            .map(|(name, doc)| serde_json::from_value(doc.value).map_err(|_| VaultError::Unreadable(name)))
            .collect()
    }

    /// Revokes the keys with this name; answers how many there were. Processes notice within [`FRESH`](crate::FRESH).
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub async fn revoke(&self, name: &str) -> Result<usize, VaultError> {
        let mut revoked = 0;
        for (hash, doc) in self.vault.list(Shelf::ApiKeys).await? {
            let Ok(mut key) = serde_json::from_value::<ApiKey>(doc.value) else {
                continue;
            };
            if key.name == name && key.revoked_at.is_none() {
                key.revoked_at = Some(self.clock.now());
                let value = serde_json::to_value(&key).expect("a key's record is plain data");
                self.vault.put(Shelf::ApiKeys, &hash, &value, Some(doc.version)).await?;
                revoked += 1;
            }
        }
        self.lookups.forget();
        Ok(revoked)
    }
}

/// A key has 256 random bits, so a plain hash is as good as a slow one.
fn hashed(secret: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_no_account_can_fit_is_none() {
        for good in ["*", "**", "default", "crm-*", "*_x", "a*b*c", &"x".repeat(64)] {
            assert!(is_account_pattern(good), "{good}");
        }
        for bad in ["", "[a-z", "a?", "a,b", "a b", "a.b", "é*", "a@b.example", "crm/*", &"x".repeat(65)] {
            assert!(!is_account_pattern(bad), "{bad}");
        }
    }

    #[test]
    fn patterns_take_any_run_for_a_star() {
        for (pattern, text, expected) in [
            ("default", "default", true),
            ("default", "defaults", false),
            ("*", "", true),
            ("team-*", "team-7", true),
            ("team-*", "tea", false),
            ("*-eu-*", "a-eu-b", true),
            ("*-eu-*", "a-us-b", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
