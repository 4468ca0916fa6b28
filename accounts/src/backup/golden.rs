//! A backup that an earlier build has made.

use std::sync::Arc;

use serde_json::json;

use super::*;
use adapter_embedded::{Embedded, Role};
use common::golden;
use common::port::SystemClock;

const PLAIN: &str = include_str!("golden/plain.json");
const BACKUP: &str = include_str!("golden/backup.txt");

/// One document of each shelf, of which those that are looked into are whole.
fn backup() -> Backup {
    serde_json::from_str(PLAIN).unwrap()
}

#[test]
fn a_backup_is_written_in_the_words_of_earlier_builds() {
    assert_eq!(serde_json::to_string(&backup()).unwrap(), PLAIN.trim_end());
    let shelves: Vec<_> = backup().docs.into_iter().map(|doc| doc.shelf).collect();
    assert_eq!(shelves, Shelf::ALL.map(Shelf::as_str));
    assert_eq!(HEADER, "calrelay vault backup 1");
}

#[tokio::test]
async fn a_backup_made_by_an_earlier_build_is_restored_whole() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Embedded::open(dir.path(), Role::Operator, Arc::new(SystemClock), None).await.unwrap();
    let (vault, ring) = (folder.vault(), Keyring::new(golden::key(), Vec::new()));
    let made = Backup::from_text(BACKUP, &ring).unwrap();
    assert_eq!((made.taken_at(), made.accounts()), ("2027-01-01T10:20:30.123456789Z".parse().unwrap(), 1));
    assert_eq!(made.docs, backup().docs);
    assert_eq!(made.restore(vault.as_ref(), Present::Keep, made.taken_at()).await, Ok(Shelf::ALL.len()));
    for Kept { shelf, name, value } in backup().docs {
        let shelf = Shelf::ALL.into_iter().find(|known| known.as_str() == shelf).unwrap();
        let doc = vault.get(shelf, &name).await.unwrap().unwrap();
        // An account comes back as one connection more.
        let mut expected = value;
        if shelf == Shelf::Accounts {
            expected["generation"] = json!(8);
        }
        assert_eq!(doc.value, expected);
    }
    folder.close().await;
}
