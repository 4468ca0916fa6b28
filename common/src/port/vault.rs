//! The port `Vault`.

use async_trait::async_trait;
use serde_json::Value;

/// Keeps what cannot be rebuilt from anywhere: small documents, each replaced only by somebody who
/// has seen the one before. What a document means is the business of its owner
/// (in the crate `accounts`), so every adapter is five queries.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Reads a document.
    ///
    /// # Errors
    /// When the vault cannot be used.
    async fn get(&self, shelf: Shelf, name: &str) -> Result<Option<Doc>, VaultError>;

    /// Writes a document if `seen` is still its version (`None`: if there is none yet). `Ok` means
    /// that it is on disk.
    ///
    /// # Errors
    /// [`VaultError::Changed`] when somebody was faster: read again.
    async fn put(
        &self,
        shelf: Shelf,
        name: &str,
        value: &Value,
        seen: Option<Version>,
    ) -> Result<Version, VaultError>;

    /// Removes a document, if it is there.
    ///
    /// # Errors
    /// When the vault cannot be used.
    async fn remove(&self, shelf: Shelf, name: &str) -> Result<(), VaultError>;

    /// All documents of a shelf, by name.
    ///
    /// # Errors
    /// When the vault cannot be used.
    async fn list(&self, shelf: Shelf) -> Result<Vec<(String, Doc)>, VaultError>;

    /// A page of the documents of a shelf that were written after `since`, by version: at most `most`. What it
    /// costs the vault grows with the page, not with the shelf.
    ///
    /// Writers side by side may be confirmed in another order than their versions have: whoever follows a shelf
    /// asks once more for what is a little older (the mirror in the crate `accounts` does).
    ///
    /// # Errors
    /// When the vault cannot be used.
    async fn changes(&self, shelf: Shelf, since: Version, most: u32) -> Result<Changes, VaultError>;
}

/// A page of what was written to a shelf, as it was at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The documents by version, each once.
    pub docs: Vec<(String, Doc)>,
    /// Whether there may be more after the last one.
    pub more: bool,
    /// How many documents are on the shelf in all: of one that was removed nothing else tells.
    pub total: u64,
}

/// The kinds of documents. Persisted: kinds may be added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// Connected accounts.
    Accounts,
    /// API keys, by the hash of the key.
    ApiKeys,
    /// What the installation itself needs to know.
    Secrets,
    /// Jobs that must not run any more.
    Cancellations,
    /// What may be used once, and has been.
    Nonces,
    /// How often accounts that were removed had been connected, by a keyed hash of their names.
    FormerAccounts,
    /// How far notices have come, and whether anybody still wants them.
    Notices,
}

impl Shelf {
    /// Every kind: what is not here is missing from backups.
    pub const ALL: [Self; 7] = [
        Self::Accounts,
        Self::ApiKeys,
        Self::Secrets,
        Self::Cancellations,
        Self::Nonces,
        Self::FormerAccounts,
        Self::Notices,
    ];

    /// The name at rest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::ApiKeys => "api-keys",
            Self::Secrets => "secrets",
            Self::Cancellations => "cancellations",
            Self::Nonces => "nonces",
            Self::FormerAccounts => "former-accounts",
            Self::Notices => "notices",
        }
    }
}

/// Names one writing of a document: higher each time, and never used again, not even after the
/// document was removed and made anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A document as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Doc {
    /// Its content.
    pub value: Value,
    /// What to name when replacing it.
    pub version: Version,
}

/// Why the vault did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Somebody else replaced the document first.
    #[error("the document was changed by somebody else")]
    Changed,
    /// It cannot be reached, or not written.
    #[error("the vault cannot be used: {0}")]
    Unusable(String),
    /// What is stored cannot be understood.
    #[error("the vault holds something unreadable: {0}")]
    Unreadable(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_among_all() {
        // Whoever adds a kind comes by here, and adds it to `ALL` too.
        let place = |shelf| match shelf {
            Shelf::Accounts => 0,
            Shelf::ApiKeys => 1,
            Shelf::Secrets => 2,
            Shelf::Cancellations => 3,
            Shelf::Nonces => 4,
            Shelf::FormerAccounts => 5,
            Shelf::Notices => 6,
        };
        let places: Vec<usize> = Shelf::ALL.into_iter().map(place).collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6]);
    }
}
