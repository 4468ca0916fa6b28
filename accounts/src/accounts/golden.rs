//! What remains of a removed account, as builds so far have written it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use adapter_embedded::{Embedded, Role};
use common::golden;
use common::port::SystemClock;

/// The document's name and the document.
const FORMER: (&str, &str) = ("27d9c9a8bc76de2e744a5aca0bc136bb", include_str!("golden/former_account.json"));

#[tokio::test]
async fn what_remains_of_a_removed_account_is_found_and_written_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let folder = Embedded::open(dir.path(), Role::Operator, Arc::clone(&clock), None).await.unwrap();
    let (vault, hash_key) = (folder.vault(), HashKey::new(golden::key()));
    let ring = Keyring::new(golden::key(), Vec::new());
    let accounts = Accounts::new(vault.clone(), ring, hash_key, clock);
    let (name, doc) = (FORMER.0, serde_json::from_str::<Value>(FORMER.1).unwrap());
    vault.put(Shelf::FormerAccounts, name, &doc, None).await.unwrap();
    let id = AccountId::parse("team-7").unwrap();
    assert!(accounts.was_removed(&id).await.unwrap());
    let connection = Connection {
        user: GoogleUser { sub: "1".to_owned(), email: "ada@example.com".to_owned() },
        refresh_token: RefreshToken("1//0".into()),
        client: ClientRef { token_uri: "https://t".to_owned(), client_id: "c".to_owned() },
        scopes: Vec::new(),
    };
    assert_eq!(accounts.connect(&id, &connection).await.unwrap().generation, Generation(8), "after the last");
    accounts.remove(&id).await.unwrap();
    let kept = vault.list(Shelf::FormerAccounts).await.unwrap();
    let kept: Vec<(&str, &Value)> = kept.iter().map(|(name, doc)| (name.as_str(), &doc.value)).collect();
    assert_eq!(kept, [(name, &json!({ "lastGeneration": 9 }))]);
    folder.close().await;
}
