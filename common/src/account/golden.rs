//! The accounts that builds so far have written.

use super::*;
use crate::golden::{self, sealed};

const ACCOUNTS: &str = include_str!("golden/accounts.jsonl");
/// A seal key and the one before it, sealed with [`golden::key`].
const SEAL_KEYS: &str = include_str!("golden/seal_keys.txt");
/// The user and the refresh token, sealed with that seal key.
const USER: &str = include_str!("golden/user.txt");
const TOKEN: &str = include_str!("golden/token.txt");

const ID: &str = "team-7";

fn at(day: u8) -> Timestamp {
    format!("2027-01-0{day}T10:20:30.123456789Z").parse().unwrap()
}

/// The two seal keys: 32 bytes of 8, and of 9.
fn seal_keys() -> [Key; 2] {
    let key = |byte: u8| Key::parse(&data_encoding::BASE64.encode(&[byte; 32])).unwrap();
    [key(8), key(9)]
}

fn user() -> GoogleUser {
    GoogleUser { sub: "123456789012345678901".to_owned(), email: "ada@example.com".to_owned() }
}

fn bare() -> Account {
    Account {
        id: AccountId::parse(ID).unwrap(),
        generation: Generation(1),
        state: AccountState::Connected,
        seal_key: sealed(SEAL_KEYS.lines().next().unwrap()),
        older_seal_keys: Vec::new(),
        user: sealed(USER.trim()),
        user_key: "00112233445566778899aabbccddeeff".to_owned(),
        refresh_token: None,
        client: ClientRef { token_uri: "https://oauth2.example/token".to_owned(), client_id: "c".to_owned() },
        scopes: Vec::new(),
        connected_at: at(1),
        guest_limit: None,
    }
}

fn full() -> Account {
    Account {
        generation: Generation(7),
        older_seal_keys: SEAL_KEYS.lines().skip(1).map(sealed).collect(),
        refresh_token: Some(sealed(TOKEN.trim())),
        scopes: vec!["openid".to_owned(), "https://www.googleapis.com/auth/calendar.events".to_owned()],
        guest_limit: Some(GuestLimit { until: at(2), strikes: 3 }),
        ..bare()
    }
}

fn accounts() -> Vec<Account> {
    let needs = |cause| AccountState::NeedsReauthorization { since: at(3), cause };
    let states = ReauthorizationCause::ALL.map(needs).into_iter();
    let states = states.chain([AccountState::Disconnected { since: at(4) }]);
    [full(), bare()].into_iter().chain(states.map(|state| Account { state, ..bare() })).collect()
}

#[test]
fn accounts_are_written_and_read_as_they_were() {
    golden::json_holds(ACCOUNTS, &accounts());
}

#[test]
fn seal_keys_sealed_by_earlier_builds_open() {
    let texts = |keys: &[Key]| keys.iter().map(|key| key.to_base64().to_string()).collect::<Vec<_>>();
    golden::opens(SEAL_KEYS, &golden::key(), ID, &texts(&seal_keys()));
    let ring = Keyring::new(golden::key(), Vec::new());
    let keys = full().seal_keys(&ring).unwrap();
    assert_eq!(texts(&[keys.newest().clone()]), texts(&seal_keys()[..1]));
    assert_eq!(texts(keys.older()), texts(&seal_keys()[1..]));
}

#[test]
fn a_user_sealed_by_earlier_builds_opens() {
    golden::opens(USER, &seal_keys()[0], ID, &[user()]);
    assert_eq!(full().user(&Keyring::new(golden::key(), Vec::new())), Ok(user()));
}

#[test]
fn a_refresh_token_sealed_by_earlier_builds_opens() {
    golden::opens(TOKEN, &seal_keys()[0], ID, &["1//0refresh".to_owned()]);
    let token = full().refresh_token(&Keyring::new(golden::key(), Vec::new())).unwrap().unwrap();
    assert_eq!(token.0.expose_secret(), "1//0refresh");
}
