//! Once, for one holder, over many processes; and nothing left behind.

use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::*;
use crate::embedded::{Embedded, Role};
use crate::port::SystemClock;

/// A clock that stands still until it is told to go on.
struct StoppedClock(Mutex<Timestamp>);

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panics")
    }

    async fn sleep(&self, _: Duration) {}
}

async fn vault() -> (Arc<dyn Vault>, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let folder =
        Embedded::open(dir.path(), Role::Operator, Arc::new(SystemClock), None).await.expect("it opens");
    (folder.vault(), dir)
}

fn nonces(vault: &Arc<dyn Vault>) -> Nonces {
    Nonces::new(Arc::clone(vault), Arc::new(SystemClock))
}

fn soon() -> Timestamp {
    time::after(SystemClock.now(), time::minutes(10))
}

#[tokio::test]
async fn of_many_processes_that_spend_a_nonce_one_is_the_first() {
    let (vault, _dir) = vault().await;
    let mut spending = JoinSet::new();
    for _ in 0..20 {
        let nonces = nonces(&vault);
        spending.spawn(async move { nonces.spend("n", soon()).await.expect("the vault works") });
    }
    let firsts = spending.join_all().await.into_iter().filter(|first| *first).count();
    assert_eq!(firsts, 1);
    assert_eq!(nonces(&vault).is_spent("n").await, Ok(true));
    assert_eq!(nonces(&vault).is_spent("another").await, Ok(false));
}

#[tokio::test]
async fn a_claimed_nonce_is_its_holders_until_it_is_spent() {
    let (vault, _dir) = vault().await;
    let (one, other) = (nonces(&vault), nonces(&vault));
    assert_eq!(one.claimed("n", "ada").await, Ok(None));
    assert_eq!(one.claim("n", "ada", soon()).await, Ok(Claim::Yours));
    assert_eq!(other.claim("n", "ada", soon()).await, Ok(Claim::Yours), "they may begin again");
    assert_eq!(other.claim("n", "eve", soon()).await, Ok(Claim::Anothers));
    assert_eq!(other.claimed("n", "eve").await, Ok(Some(Claim::Anothers)));
    assert_eq!(other.is_spent("n").await, Ok(false));
    assert_eq!(one.spend("n", soon()).await, Ok(true));
    assert_eq!(other.spend("n", soon()).await, Ok(false));
    for holder in ["ada", "eve"] {
        assert_eq!(other.claim("n", holder, soon()).await, Ok(Claim::Spent), "{holder}");
    }
}

#[tokio::test]
async fn marks_go_once_their_nonces_are_refused_for_their_age() {
    let (vault, _dir) = vault().await;
    let start = SystemClock.now();
    let clock = Arc::new(StoppedClock(Mutex::new(start)));
    let nonces = Nonces::new(Arc::clone(&vault), Arc::clone(&clock) as Arc<dyn Clock>);
    nonces.spend("old", time::after(start, time::minutes(1))).await.expect("the vault works");
    nonces.spend("young", time::after(start, time::hours(1))).await.expect("the vault works");
    *clock.0.lock().expect("no panics") = time::after(start, time::minutes(15));
    nonces.claim("new", "ada", time::after(start, time::hours(1))).await.expect("the vault works");
    let left = vault.list(Shelf::Nonces).await.expect("the vault works");
    let left: Vec<String> = left.into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["new", "young"]);
}
