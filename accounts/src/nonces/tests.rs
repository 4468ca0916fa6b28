//! Once, for one holder, over many processes; and nothing left behind.

use tokio::task::JoinSet;

use super::*;
use adapter_embedded::{Embedded, Role};
use common::port::SystemClock;
use testing::ManualClock;

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
    for (holder, claim) in [("ada", Claim::SpentByYou), ("eve", Claim::Spent)] {
        assert_eq!(other.claim("n", holder, soon()).await, Ok(claim), "{holder}");
    }
}

#[tokio::test]
async fn marks_go_once_their_nonces_are_refused_for_their_age() {
    let (vault, _dir) = vault().await;
    let start = SystemClock.now();
    let clock = ManualClock::at(start);
    let nonces = Nonces::new(Arc::clone(&vault), Arc::clone(&clock) as Arc<dyn Clock>);
    nonces.spend("old", time::after(start, time::minutes(1))).await.expect("the vault works");
    nonces.spend("young", time::after(start, time::hours(1))).await.expect("the vault works");
    clock.turn(time::minutes(15));
    nonces.claim("new", "ada", time::after(start, time::hours(1))).await.expect("the vault works");
    let left = vault.list(Shelf::Nonces).await.expect("the vault works");
    let left: Vec<String> = left.into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["new", "young"]);
}

#[tokio::test]
async fn what_came_of_a_nonce_is_known_to_every_process_and_its_holder_stays() {
    let (vault, _dir) = vault().await;
    let (one, other) = (nonces(&vault), nonces(&vault));
    assert_eq!(other.outcome("n").await, Ok(Outcome::Unspent));
    assert_eq!(one.claim("n", "ada", soon()).await, Ok(Claim::Yours));
    assert_eq!(other.outcome("n").await, Ok(Outcome::Unspent));
    assert_eq!(one.spend("n", soon()).await, Ok(true));
    assert_eq!(other.outcome("n").await, Ok(Outcome::Open));
    assert_eq!(other.claimed("n", "ada").await, Ok(Some(Claim::SpentByYou)));
    assert_eq!(other.claim("n", "ada", soon()).await, Ok(Claim::SpentByYou));
    assert_eq!(other.claimed("n", "eve").await, Ok(Some(Claim::Spent)));
    for (succeeded, outcome) in [(false, Outcome::Failed), (true, Outcome::Succeeded)] {
        one.conclude("n", succeeded).await.expect("the vault works");
        assert_eq!(other.outcome("n").await, Ok(outcome));
    }
    assert_eq!(one.conclude("never", true).await, Ok(()), "there is nothing to say of what was not used");
    assert_eq!(other.outcome("never").await, Ok(Outcome::Unspent));
}

#[tokio::test]
async fn marks_of_the_version_before_are_understood_and_it_understands_ours() {
    let (vault, _dir) = vault().await;
    let until = soon();
    let former = serde_json::json!({"until": until, "holder": null, "spent": true});
    vault.put(Shelf::Nonces, "n", &former, None).await.expect("the vault works");
    assert_eq!(nonces(&vault).outcome("n").await, Ok(Outcome::Open));
    assert_eq!(nonces(&vault).claimed("n", "ada").await, Ok(Some(Claim::Spent)));
    assert_eq!(nonces(&vault).spend("m", until).await, Ok(true));
    let doc = vault.get(Shelf::Nonces, "m").await.expect("the vault works").expect("it is there");
    assert_eq!(doc.value, former, "what is not known is not written");
}
