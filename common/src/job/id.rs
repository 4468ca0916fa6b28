//! Job ids, which are event ids.

use std::fmt;

use data_encoding::{BASE32HEX_NOPAD, Encoding, Specification};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::owner::Owner;
use crate::random;

/// Names a job and, for a job that creates an event, the event: 26 of `a-v 0-9`.
///
/// Google takes client-made event ids of 5 to 1024 base32hex characters and never frees one, so an
/// id that is derived from the caller's idempotency key names one event for ever, with or without
/// our own records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

/// The text is not a job id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a job id is 26 characters of a-v and 0-9")]
pub struct NotAJobId;

/// Base32hex characters in an id: 130 bits.
const LENGTH: usize = 26;
/// Bytes needed for them.
const BYTES: usize = 17;

impl JobId {
    /// The id that `key` names for `owner` on `route`, always the same.
    ///
    /// Parts are length-prefixed, so that no two different triples hash the same text.
    #[must_use]
    pub fn derived(owner: &Owner, route: &str, key: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [owner.as_str(), route, key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self::from_bytes(&hash.finalize()[..BYTES])
    }

    /// A fresh id, for a request without a key.
    #[must_use]
    pub fn random() -> Self {
        let bytes: [u8; BYTES] = random::bytes();
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = lowercase_base32hex().encode(bytes);
        text.truncate(LENGTH);
        Self(text)
    }

    /// Parses an id as callers send it.
    ///
    /// # Errors
    /// When `text` is not 26 characters of `a-v 0-9`.
    pub fn parse(text: &str) -> Result<Self, NotAJobId> {
        let allowed = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'v');
        if text.len() == LENGTH && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAJobId)
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn lowercase_base32hex() -> Encoding {
    let mut spec: Specification = BASE32HEX_NOPAD.specification();
    spec.symbols = spec.symbols.to_ascii_lowercase();
    spec.encoding().expect("lower case letters stay distinct")
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for JobId {
    type Error = NotAJobId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_the_same_id_for_ever() {
        let id = JobId::derived(&Owner::local(), "POST /api/v1/events", "order-17");
        // Pinned: a change here would create every keyed event a second time.
        assert_eq!(id.as_str(), GOLDEN);
        assert_eq!(JobId::parse(id.as_str()), Ok(id));
    }

    const GOLDEN: &str = "0mkbjdms6pa5a1hqhtr8nka50p";

    #[test]
    fn moving_a_letter_between_parts_changes_the_id() {
        let owner = Owner::local();
        assert_ne!(JobId::derived(&owner, "ab", "c"), JobId::derived(&owner, "a", "bc"));
    }

    #[test]
    fn random_ids_are_ids_google_takes() {
        for _ in 0..1000 {
            let id = JobId::random();
            assert_eq!(JobId::parse(id.as_str()), Ok(id));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for bad in ["", "abc", &"w".repeat(26), &"A".repeat(26), &"a".repeat(27)] {
            assert_eq!(JobId::parse(bad), Err(NotAJobId), "{bad}");
        }
    }
}
