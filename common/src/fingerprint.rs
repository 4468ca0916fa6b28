//! Keyed hashes: names for things that must not be named in the clear.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::seal::Key;

/// Keyed hashes of a request, which tell a repeat of it from another request under the same key and tell
/// nothing else.
///
/// They are stored with the job, and with the event as private properties, so that a repeat is known even
/// when every record of ours is gone. Persisted: a version is added, never changed. Version 1 hashes what
/// was said, version 2 what it means. Both are written: a build that knows version 1 alone still
/// recognises every repeat in the same words, and never takes it for a new event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    #[serde(rename = "fingerprint")]
    v1: String,
    #[serde(rename = "fingerprint2", default, skip_serializing_if = "Option::is_none")]
    v2: Option<String>,
}

/// No hash: hashes are hexadecimal.
const SPENT: &str = "cancelled";

impl Fingerprint {
    /// A fingerprint as it was stored: 32 hexadecimal digits for each version.
    #[must_use]
    pub fn stored(v1: String, v2: Option<String>) -> Self {
        Self { v1, v2 }
    }

    /// Of no request: the mark of an event that was made to use an id up ([`Self::is_spent`]).
    #[must_use]
    pub fn spent() -> Self {
        Self { v1: SPENT.to_owned(), v2: None }
    }

    /// Whether the event that bears it was made to use its id up, after its job had been taken back.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.v1 == SPENT
    }

    /// The hash of version 1.
    #[must_use]
    pub fn v1(&self) -> &str {
        &self.v1
    }

    /// The hash of version 2, unless this was written by a build that did not know it.
    #[must_use]
    pub fn v2(&self) -> Option<&str> {
        self.v2.as_deref()
    }

    /// Whether both are of the same request, by the newest version that both have.
    ///
    /// Use this and not `==`, which compares what was written.
    #[must_use]
    pub fn is_same_request(&self, other: &Self) -> bool {
        match (&self.v2, &other.v2) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (Some(_), None) | (None, Some(_) | None) => self.v1 == other.v1,
        }
    }

    /// Whether they are of two requests for certain: what is left of one that is kept in few bytes cannot be compared
    /// with an older one.
    #[must_use]
    pub fn is_other_request(&self, other: &Self) -> bool {
        match (&self.v2, &other.v2) {
            (Some(ours), Some(theirs)) => ours != theirs,
            (Some(_), None) | (None, Some(_) | None) => {
                !self.v1.is_empty() && !other.v1.is_empty() && self.v1 != other.v1
            }
        }
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

    /// The fingerprint that a build made which knew version 1 alone.
    #[must_use]
    pub fn fingerprint(&self, former: &[u8]) -> Fingerprint {
        Fingerprint { v1: self.hash("request", former), v2: None }
    }

    /// The fingerprint of a request's bytes in both versions.
    #[must_use]
    pub fn fingerprint_of(&self, former: &[u8], canonical: &[u8]) -> Fingerprint {
        Fingerprint { v2: Some(self.hash("request 2", canonical)), ..self.fingerprint(former) }
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
    #[test]
    fn the_newest_version_that_both_have_decides() {
        let key = HashKey::new(Key::random());
        let both = |v1: &[u8], v2: &[u8]| key.fingerprint_of(v1, v2);
        for (one, other, same) in [
            (both(b"a", b"x"), both(b"a", b"x"), true),
            (both(b"a", b"x"), both(b"b", b"x"), true),
            (both(b"a", b"x"), both(b"a", b"y"), false),
            (both(b"a", b"x"), key.fingerprint(b"a"), true),
            (both(b"a", b"x"), key.fingerprint(b"b"), false),
            (key.fingerprint(b"a"), key.fingerprint(b"a"), true),
            (key.fingerprint(b"a"), key.fingerprint(b"b"), false),
        ] {
            assert_eq!(one.is_same_request(&other), same, "{one:?} {other:?}");
            assert_eq!(other.is_same_request(&one), same, "{other:?} {one:?}");
            assert_eq!((one.is_other_request(&other), other.is_other_request(&one)), (!same, !same));
        }
        // Of a record in few bytes the older hash is gone.
        let kept = |meant: &[u8]| Fingerprint::stored(String::new(), both(b"", meant).v2);
        assert!(kept(b"x").is_other_request(&both(b"a", b"y")));
        assert!(!kept(b"x").is_other_request(&both(b"a", b"x")));
        assert!(!kept(b"x").is_other_request(&key.fingerprint(b"a")), "nobody can tell");
    }

    #[test]
    fn what_is_stored_is_pinned_and_the_build_before_reads_it() {
        let hash = |bytes: &[u8], others: &[u8]| {
            let key = Key::parse(&data_encoding::BASE64.encode(&[7; 32])).unwrap();
            serde_json::to_value(HashKey::new(key).fingerprint_of(bytes, others)).unwrap()
        };
        let stored = hash(b"said", b"meant");
        assert_eq!(
            stored,
            serde_json::json!({"fingerprint": "77eec159575e4f250deb9e03820e5697", "fingerprint2": "cffd9c0b5ac28a3b3d2deb99193d179a"})
        );
        let former = serde_json::json!({"fingerprint": stored["fingerprint"]});
        let former: Fingerprint = serde_json::from_value(former).unwrap();
        assert_eq!((former.v1(), former.v2()), (stored["fingerprint"].as_str().unwrap(), None));
    }
}
