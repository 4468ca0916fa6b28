//! The keys' records that builds so far have written.

use super::*;
use common::golden;

const KEYS: &str = include_str!("golden/keys.jsonl");
/// A key, and the name of its document.
const KEY: (&str, &str) = ("crk_golden", "2dbd5d09b68de5c4e095f033d131f358d7d21377ee07c3c9c576e51b734c9f16");

fn at(day: u8) -> Timestamp {
    format!("2027-01-0{day}T10:20:30.123456789Z").parse().unwrap()
}

fn keys() -> Vec<ApiKey> {
    let bare = ApiKey {
        name: "crk_01234567".to_owned(),
        owner: Owner::local(),
        scopes: Scope::ALL.to_vec(),
        accounts: None,
        requests_per_minute: 6_000,
        created_at: at(1),
        revoked_at: None,
    };
    let full = ApiKey {
        owner: Owner::parse("crm").unwrap(),
        scopes: vec![Scope::Read],
        accounts: Some("team-*".to_owned()),
        requests_per_minute: 7,
        revoked_at: Some(at(2)),
        ..bare.clone()
    };
    vec![full, bare]
}

#[test]
fn keys_are_written_and_read_as_they_were() {
    golden::json_holds(KEYS, &keys());
    assert_eq!(hashed(KEY.0), KEY.1);
}
