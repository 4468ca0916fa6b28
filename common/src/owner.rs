//! Owners: on whose behalf a caller's key speaks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The party that jobs, lists and idempotency keys belong to; it stays the same when keys are rotated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner(String);

/// The text is not an owner's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an owner is 1 to 64 letters, digits, underscores or hyphens")]
pub struct NotAnOwner;

impl Owner {
    /// Parses an owner's name: the alphabet of account ids.
    ///
    /// # Errors
    /// When `text` is empty, longer than 64, or holds any other character.
    pub fn parse(text: &str) -> Result<Self, NotAnOwner> {
        crate::account::AccountId::parse(text).map(|plain| Self(plain.into())).map_err(|_| NotAnOwner)
    }

    /// The owner that `run` makes at its first start, and that keyless loopback callers speak for.
    #[must_use]
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Owner {
    type Error = NotAnOwner;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.0
    }
}
