//! The documents about notices that builds so far have written.

use std::sync::Arc;

use adapter_embedded::{Embedded, Role};
use common::account::Generation;
use common::port::{Shelf, SystemClock, Vault as _};
use common::time::minutes;
use jiff::Timestamp;
use serde_json::Value;

use super::mute::{Mute, muted_since};
use super::progress::{Channel, Progress, Run};

const PROGRESS: &str = include_str!("golden/progress.jsonl");
const MUTED: &str = include_str!("golden/muted.json");

fn now() -> Timestamp {
    "2027-01-01T10:20:30.123456789Z".parse().unwrap()
}

#[test]
fn progress_is_written_and_read_as_it_was() {
    let new = Progress::new(Generation(7), &[Channel::Webhook, Channel::Operators, Channel::User], now());
    let tried = new.ran(&[(Channel::Operators, Run::Again(minutes(1)))], now());
    let all = [new, tried.claimed(now())];
    let written: Vec<String> = all.iter().map(|told| serde_json::to_string(told).unwrap()).collect();
    assert_eq!(written, PROGRESS.lines().collect::<Vec<_>>());
    let read: Vec<Progress> = PROGRESS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, all);
}

#[tokio::test]
async fn a_muted_receiver_is_written_and_read_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Embedded::open(dir.path(), Role::Operator, Arc::new(SystemClock), None).await.unwrap();
    let (vault, golden) = (folder.vault(), serde_json::from_str::<Value>(MUTED).unwrap());
    vault.put(Shelf::Notices, "webhook", &golden, None).await.unwrap();
    assert_eq!(muted_since(vault.as_ref()).await, Ok(Some(now())));
    let receiver = "00112233445566778899aabbccddeeff";
    assert!(Mute::default().holds(vault.as_ref(), receiver, now()).await);
    vault.remove(Shelf::Notices, "webhook").await.unwrap();
    assert_eq!(Mute::default().set(vault.as_ref(), receiver, now()).await, Ok(true));
    assert_eq!(vault.get(Shelf::Notices, "webhook").await.unwrap().unwrap().value, golden);
    folder.close().await;
}
