//! Accounts: whose calendar a job writes to.

use std::fmt;

use serde::{Deserialize, Serialize};

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
        if fits && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnAccountId)
        }
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
