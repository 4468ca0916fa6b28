//! The suite of the port `Vault`.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use super::Bench;
use common::port::{Shelf, Vault, VaultError, Version};

type Vaults = dyn Vault;

/// A document is read as it was written, and survives a restart.
pub async fn a_document_is_kept(bench: &mut impl Bench<Vaults>) {
    let vault = bench.open().await;
    let value = json!({"title": "ünïcode 🗝", "nested": [1, 2.5, null, true], "big": u64::MAX});
    for name in ["plain", "with space", "a/b:c*", "ключ", "%_"] {
        let version = vault.put(Shelf::Accounts, name, &value, None).await.unwrap();
        let doc = vault.get(Shelf::Accounts, name).await.unwrap().unwrap();
        assert_eq!((doc.value, doc.version), (value.clone(), version));
    }
    assert_eq!(vault.get(Shelf::Secrets, "plain").await, Ok(None), "shelves are apart");
    drop(vault);
    let vault = bench.restart().await;
    let doc = vault.get(Shelf::Accounts, "ключ").await.unwrap().unwrap();
    assert_eq!(doc.value, value);
}

/// A document is replaced by whoever saw the one before, and by nobody else.
pub async fn only_who_saw_the_last_one_replaces_it(bench: &mut impl Bench<Vaults>) {
    let vault = bench.open().await;
    let put = async |value: i64, seen| vault.put(Shelf::Secrets, "x", &json!(value), seen).await;
    assert_eq!(put(1, Some(Version(1))).await, Err(VaultError::Changed), "there is none yet");
    let first = put(1, None).await.unwrap();
    assert_eq!(put(2, None).await, Err(VaultError::Changed));
    let second = put(2, Some(first)).await.unwrap();
    assert!(second > first);
    assert_eq!(put(3, Some(first)).await, Err(VaultError::Changed));
    let doc = vault.get(Shelf::Secrets, "x").await.unwrap().unwrap();
    assert_eq!((doc.value, doc.version), (json!(2), second));
}

/// Who saw a document that was removed does not replace the one that was made after it.
pub async fn a_version_is_never_used_again(bench: &mut impl Bench<Vaults>) {
    let vault = bench.open().await;
    let first = vault.put(Shelf::Accounts, "x", &json!("first"), None).await.unwrap();
    vault.remove(Shelf::Accounts, "x").await.unwrap();
    let second = vault.put(Shelf::Accounts, "x", &json!("second"), None).await.unwrap();
    assert_ne!(first, second);
    let late = vault.put(Shelf::Accounts, "x", &json!("late"), Some(first)).await;
    assert_eq!(late, Err(VaultError::Changed));
}

/// Among writers side by side no change is lost.
pub async fn no_change_is_lost_among_writers(bench: &mut impl Bench<Vaults>) {
    const WRITERS: u64 = 20;
    const CHANGES: u64 = 10;
    let vault = bench.open().await;
    vault.put(Shelf::Secrets, "count", &json!(0), None).await.unwrap();
    let mut writing = JoinSet::new();
    for _ in 0..WRITERS {
        let vault = vault.clone();
        writing.spawn(async move {
            for _ in 0..CHANGES {
                add_one(&vault).await;
            }
        });
    }
    writing.join_all().await;
    let doc = vault.get(Shelf::Secrets, "count").await.unwrap().unwrap();
    assert_eq!(doc.value, json!(WRITERS * CHANGES));
}

async fn add_one(vault: &Arc<Vaults>) {
    loop {
        let doc = vault.get(Shelf::Secrets, "count").await.unwrap().unwrap();
        let more = json!(doc.value.as_u64().unwrap() + 1);
        match vault.put(Shelf::Secrets, "count", &more, Some(doc.version)).await {
            Ok(_) => return,
            Err(VaultError::Changed) => {}
            Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => panic!("{error}"),
        }
    }
}

/// Of writers that all want to be the first, one is.
pub async fn one_of_many_is_the_first(bench: &mut impl Bench<Vaults>) {
    let vault = bench.open().await;
    let mut writing = JoinSet::new();
    for number in 0..20 {
        let vault = vault.clone();
        let put = async move { vault.put(Shelf::Secrets, "x", &json!(number), None).await };
        writing.spawn(put);
    }
    let outcomes = writing.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let changed = outcomes.iter().filter(|outcome| **outcome == Err(VaultError::Changed));
    assert_eq!(changed.count(), 19);
}

/// A shelf lists what is on it, by name; what was removed is gone.
pub async fn a_shelf_lists_what_is_on_it(bench: &mut impl Bench<Vaults>) {
    let vault = bench.open().await;
    for name in ["b", "c", "a"] {
        vault.put(Shelf::ApiKeys, name, &json!(name), None).await.unwrap();
    }
    vault.put(Shelf::Cancellations, "d", &json!("d"), None).await.unwrap();
    vault.remove(Shelf::ApiKeys, "b").await.unwrap();
    vault.remove(Shelf::ApiKeys, "never there").await.unwrap();
    assert_eq!(vault.get(Shelf::ApiKeys, "b").await, Ok(None));
    let listed = vault.list(Shelf::ApiKeys).await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|(name, doc)| (name, doc.value)).collect();
    assert_eq!(listed, [("a".to_owned(), json!("a")), ("c".to_owned(), json!("c"))]);
}

/// What was written since is given by version, a page at a time, with how many documents there are: at one instant.
pub async fn changes_come_by_version_and_page(bench: &mut impl Bench<Vaults>) {
    let vault = bench.open().await;
    let put = async |shelf, name: &str, value: u64, seen| {
        vault.put(shelf, name, &json!(value), seen).await.unwrap()
    };
    let changed = async |shelf, since, most| {
        let changes = vault.changes(shelf, since, most).await.unwrap();
        let names: Vec<String> = changes.docs.iter().map(|(name, _)| name.clone()).collect();
        (names.join(" "), changes.more, changes.total)
    };
    for shelf in [Shelf::Accounts, Shelf::Notices, Shelf::Nonces] {
        assert_eq!(changed(shelf, Version(0), 10).await, (String::new(), false, 0));
        let first = put(shelf, "z", 1, None).await;
        let second = put(shelf, "y", 2, None).await;
        put(shelf, "x", 3, None).await;
        assert_eq!(changed(shelf, Version(0), 10).await, ("z y x".to_owned(), false, 3));
        assert_eq!(changed(shelf, Version(0), 2).await, ("z y".to_owned(), true, 3));
        assert_eq!(changed(shelf, second, 2).await, ("x".to_owned(), false, 3));
        put(shelf, "z", 4, Some(first)).await;
        let last = vault.changes(shelf, second, 10).await.unwrap();
        let values: Vec<_> = last.docs.iter().map(|(_, doc)| doc.value.as_u64().unwrap()).collect();
        assert_eq!(values, [3, 4], "a document that was replaced comes once, at the end");
        let newest = last.docs.last().unwrap().1.version;
        assert_eq!(vault.get(shelf, "z").await.unwrap().unwrap().version, newest);
        vault.remove(shelf, "y").await.unwrap();
        assert_eq!(changed(shelf, newest, 10).await, (String::new(), false, 2), "one is gone");
        assert_eq!(changed(shelf, Version(0), 10).await, ("x z".to_owned(), false, 2));
    }
}
