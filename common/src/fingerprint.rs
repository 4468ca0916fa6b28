//! Keyed hashes: names for things that must not be named in the clear.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::seal::Key;

/// The keyed hash of a request: equal for equal requests, and tells nothing else.
///
/// It is stored with the event as the private property `calrelayBody`, so that a repeat can be told
/// from another request under the same key even when every record of ours is gone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The hash as 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key behind every fingerprint and hashed name; made once, kept in the vault.
#[derive(Clone)]
pub struct HashKey(Key);

impl HashKey {
    /// A hash key from its raw key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self(key)
    }

    /// The fingerprint of a request's canonical bytes.
    #[must_use]
    pub fn fingerprint(&self, canonical: &[u8]) -> Fingerprint {
        Fingerprint(self.hash("request", canonical))
    }

    /// A stand-in for `text` (a calendar id, a Google user) in keys and logs; `kind` keeps equal
    /// texts of different kinds apart.
    #[must_use]
    pub fn name(&self, kind: &str, text: &str) -> String {
        self.hash(kind, text.as_bytes())
    }

    fn hash(&self, kind: &str, bytes: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.bytes()).expect("HMAC takes any key");
        mac.update(&(kind.len() as u64).to_be_bytes());
        mac.update(kind.as_bytes());
        mac.update(bytes);
        HEXLOWER.encode(&mac.finalize().into_bytes()[..16])
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_differ_by_key_by_kind_and_by_text() {
        let key = HashKey::new(Key::random());
        let other = HashKey::new(Key::random());
        assert_eq!(key.fingerprint(b"x"), key.fingerprint(b"x"));
        assert_ne!(key.fingerprint(b"x"), other.fingerprint(b"x"));
        assert_ne!(key.fingerprint(b"x"), key.fingerprint(b"y"));
        assert_ne!(key.name("calendar", "x"), key.name("user", "x"));
    }
}
