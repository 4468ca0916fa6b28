//! What is in a backup, and what is refused before anything is touched.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::accounts::{Accounts, Connection};
use adapter_embedded::{Embedded, Role};
use common::account::AccountId;
use common::port::{ClientRef, Clock, GoogleUser, RefreshToken, SystemClock};
use common::seal::Key;

/// Long enough that what is sealed does not hold it by chance, as base64 does a word of three letters.
const SUB: &str = "adalovelace";

struct Place {
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    _dir: TempDir,
}

async fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let folder = Embedded::open(dir.path(), Role::Operator, Arc::clone(&clock), None).await.unwrap();
    Place { vault: folder.vault(), clock, _dir: dir }
}

fn id() -> AccountId {
    AccountId::default_account()
}

impl Place {
    async fn accounts(&self, ring: &Keyring) -> Accounts {
        let hash_key = secrets::open(self.vault.as_ref(), ring).await.unwrap();
        Accounts::new(Arc::clone(&self.vault), ring.clone(), hash_key, Arc::clone(&self.clock))
    }

    async fn fill(&self, ring: &Keyring) {
        let connection = Connection {
            user: GoogleUser { sub: SUB.to_owned(), email: "ada@example.com".to_owned() },
            refresh_token: RefreshToken(SecretString::from("very-secret")),
            client: ClientRef { token_uri: "https://t".to_owned(), client_id: "c".to_owned() },
            scopes: Vec::new(),
        };
        self.accounts(ring).await.connect(&id(), &connection).await.unwrap();
        for shelf in Shelf::ALL {
            if shelf != Shelf::Accounts {
                self.vault.put(shelf, "some", &json!({"is": shelf.as_str()}), None).await.unwrap();
            }
        }
    }

    /// All there is, but for versions.
    async fn content(&self) -> Vec<(Shelf, String, Value)> {
        let mut content = Vec::new();
        for shelf in Shelf::ALL {
            let docs = self.vault.list(shelf).await.unwrap();
            content.extend(docs.into_iter().map(|(name, doc)| (shelf, name, doc.value)));
        }
        content
    }

    async fn text(&self, ring: &Keyring) -> String {
        Backup::of(self.vault.as_ref(), ring, self.clock.now()).await.unwrap().to_text(ring)
    }

    async fn restore(&self, text: &str, ring: &Keyring, present: Present) -> Result<usize, BackupError> {
        let backup = Backup::from_text(text, ring)?;
        backup.restore(self.vault.as_ref(), present, self.clock.now()).await
    }
}

fn ring() -> Keyring {
    Keyring::new(Key::random(), Vec::new())
}

#[tokio::test]
async fn what_was_backed_up_is_restored_on_every_shelf() {
    let (ring, before, after) = (ring(), place().await, place().await);
    before.fill(&ring).await;
    let text = before.text(&ring).await;
    for secret in [SUB, "ada@example.com", "default", "accounts"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert_eq!(after.restore(&text, &ring, Present::Keep).await, Ok(Shelf::ALL.len() + 1));

    let without_accounts =
        |content: Vec<(Shelf, String, Value)>| content.into_iter().filter(|doc| doc.0 != Shelf::Accounts);
    let contents = [&before, &after].map(|place| place.content());
    let [was, is] = futures_util::future::join_all(contents).await.try_into().unwrap();
    assert!(without_accounts(was).eq(without_accounts(is)));
    let account = after.accounts(&ring).await.get(&id()).await.unwrap().expect("restored");
    assert_eq!(account.user(&ring).unwrap().sub, SUB);
    assert!(account.refresh_token(&ring).unwrap().is_some());
}

#[tokio::test]
async fn a_restored_account_has_a_number_that_no_connection_since_had() {
    let (ring, place) = (ring(), place().await);
    place.fill(&ring).await;
    let backup = Backup::of(place.vault.as_ref(), &ring, place.clock.now()).await.unwrap();
    let before = place.accounts(&ring).await.get(&id()).await.unwrap().expect("there").generation;
    let later = time::after(backup.taken_at(), time::minutes(1));
    backup.restore(place.vault.as_ref(), Present::Replace, later).await.unwrap();
    let after = place.accounts(&ring).await.get(&id()).await.unwrap().expect("there").generation;
    assert!(after.0 > before.0 + 60, "{before:?} {after:?}");
}

#[tokio::test]
async fn a_backup_that_cannot_be_trusted_is_refused_before_anything_is_touched() {
    let (ring, place) = (ring(), place().await);
    place.fill(&ring).await;
    let text = place.text(&ring).await;
    let before = place.content().await;
    let wrong = Keyring::new(Key::random(), Vec::new());
    let missing = BackupError::MissingKey(ring.newest().id());
    assert_eq!(place.restore(&text, &wrong, Present::Replace).await, Err(missing));

    let sealed = text.lines().nth(1).unwrap();
    let swap = |at: usize| {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        format!("{HEADER}\n{}\n", String::from_utf8(bytes).unwrap())
    };
    let damaged = [
        swap(60),
        swap(sealed.len() / 2),
        swap(sealed.len() - 8),
        format!("{HEADER}\n{}\n", &sealed[..sealed.len() - 40]),
        format!("{HEADER}\n"),
    ];
    for text in damaged {
        let refused = place.restore(&text, &ring, Present::Replace).await;
        assert!(matches!(refused, Err(BackupError::Damaged(_))), "{refused:?}");
    }
    for text in ["", "something else", "something\nelse\n"] {
        assert_eq!(place.restore(text, &ring, Present::Replace).await, Err(BackupError::NotABackup));
    }
    let newer = text.replacen("backup 1", "backup 2", 1);
    assert_eq!(place.restore(&newer, &ring, Present::Replace).await, Err(BackupError::Newer));
    assert_eq!(place.content().await, before);
}

#[tokio::test]
async fn what_a_vault_holds_is_replaced_only_when_that_is_asked_for() {
    let (ring, before, after) = (ring(), place().await, place().await);
    before.fill(&ring).await;
    let text = before.text(&ring).await;
    let other_ring = self::ring();
    after.fill(&other_ring).await;
    after.vault.put(Shelf::ApiKeys, "another", &json!(1), None).await.unwrap();
    let held = after.content().await;
    let refused = after.restore(&text, &ring, Present::Keep).await;
    assert_eq!(refused, Err(BackupError::NotEmpty { accounts: 1, keys: 2 }));
    assert_eq!(after.content().await, held);
    after.restore(&text, &ring, Present::Replace).await.unwrap();
    assert!(after.content().await.iter().all(|(_, name, _)| name != "another"));
    after.accounts(&ring).await;
}

#[tokio::test]
async fn a_backup_needs_every_key_that_sealed_something_in_it() {
    let (old, new) = (Key::random(), Key::random());
    let (before, after) = (place().await, place().await);
    before.fill(&Keyring::new(old.clone(), Vec::new())).await;
    // Half-way through a rotation: sealed with the new key, and what is in it still with the old one.
    let both = Keyring::new(new.clone(), vec![old.clone()]);
    let text = before.text(&both).await;
    let only_new = Keyring::new(new, Vec::new());
    let refused = after.restore(&text, &only_new, Present::Keep).await;
    assert_eq!(refused, Err(BackupError::MissingKey(old.id())));
    assert_eq!(after.content().await, []);
    after.restore(&text, &both, Present::Keep).await.unwrap();
    let refused = Backup::of(before.vault.as_ref(), &only_new, before.clock.now()).await.map(drop);
    assert_eq!(refused, Err(BackupError::MissingKey(old.id())), "nor is one made that nobody could restore");
}

#[tokio::test]
async fn there_is_no_backup_of_nothing() {
    let place = place().await;
    let refused = Backup::of(place.vault.as_ref(), &ring(), place.clock.now()).await.map(drop);
    assert_eq!(refused, Err(BackupError::Nothing));
}
