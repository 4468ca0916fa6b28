//! What builds so far have given to browsers and callers: sessions, connections under way, and links.

use common::account::AccountId;
use common::seal::{Key, Keyring, Sealed};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::consent::Consent;
use crate::link::Link;
use crate::session::Session;

const SESSIONS: &str = include_str!("golden/sessions.jsonl");
const CONSENTS: &str = include_str!("golden/consents.jsonl");
/// Sealed with 32 bytes of 7: a session, a connection under way, and a link.
const SEALED: &str = include_str!("golden/sealed.txt");

fn until() -> Timestamp {
    "2027-01-01T10:20:30.123456789Z".parse().unwrap()
}

fn ring() -> Keyring {
    Keyring::new(Key::parse("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap(), Vec::new())
}

/// What is read is written again in the same words.
fn same<T: Serialize + DeserializeOwned>(line: &str) -> T {
    let read: T = serde_json::from_str(line).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), line);
    read
}

fn link() -> Link {
    Link {
        nonce: "n".repeat(64),
        account: AccountId::parse("team-7").unwrap(),
        email: Some("ada@example.com".to_owned()),
        return_url: Some("https://crm.example/back?x=1".parse().unwrap()),
        until: until(),
    }
}

fn consents() -> [Consent; 2] {
    let text = str::to_owned;
    let account = AccountId::parse("team-7").unwrap();
    let bare =
        Consent { account, link: None, verifier: text("v"), state: text("s"), until: until(), done: false };
    [Consent { link: Some(link()), done: true, ..bare.clone() }, bare]
}

#[test]
fn sessions_are_written_and_read_as_they_were() {
    let [full, bare] = ["full", "bare"].map(|name| {
        let line = SESSIONS.lines().nth(usize::from(name == "bare")).unwrap();
        same::<Session>(line)
    });
    assert_eq!(full.key().map(|key| key.expose_secret().to_owned()), Some("crk_x".to_owned()));
    assert_eq!((full.csrf(), full.until(), full.browser()), ("c", until(), "b".to_owned()));
    assert!(bare.key().is_none());
    assert_eq!((bare.csrf(), bare.until()), ("c", until()));
    assert_eq!(bare.browser(), "64f9a5e9dca7d4e5944ac31c032f468b6d0bff34709663b4dfdc7bf9396df241");
}

#[test]
fn connections_under_way_are_written_and_read_as_they_were() {
    let written = consents().map(|consent| serde_json::to_string(&consent).unwrap());
    assert_eq!(written.to_vec(), CONSENTS.lines().collect::<Vec<_>>());
    assert_eq!(CONSENTS.lines().map(same).collect::<Vec<Consent>>(), consents());
}

#[test]
fn what_earlier_builds_have_sealed_opens() {
    let sealed: Vec<&str> = SEALED.lines().collect();
    let session: Session = ring().open("session", &Sealed::try_from(sealed[0].to_owned()).unwrap()).unwrap();
    assert_eq!(serde_json::to_string(&session).unwrap(), SESSIONS.lines().next().unwrap());
    assert_eq!(Consent::open(sealed[1], &ring()), Some(consents()[0].clone()));
    assert_eq!(Link::open(sealed[2], &ring()), Some(link()));
}
