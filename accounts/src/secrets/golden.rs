//! The installation's own secret, as builds so far have written it, and what is hashed with it.

use super::*;
use common::golden;

const HASH_KEY: &str = include_str!("golden/hash_key.txt");

#[test]
fn a_hash_key_sealed_by_earlier_builds_opens_and_names_things_as_it_did() {
    golden::opens(HASH_KEY, &golden::key(), NAME, &[golden::key().to_base64().to_string()]);
    let ring = Keyring::new(golden::key(), Vec::new());
    let key = unseal(json!(HASH_KEY.trim()), &ring).unwrap();
    assert_eq!(NAME, "hash-key");
    // What quotas are counted by.
    assert_eq!(key.name("user", "123456789012345678901"), "a9e5c360cb9cc2d601248164de7ff86b");
}
