//! An attempt reads its account once, and has it in hand until its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use accounts::Accounts;
use async_trait::async_trait;
use common::account::AccountId;
use common::job::{JobId, StateName};
use common::port::{CalendarError, Changes, Clock, Doc, Shelf, ThrottledKey, Vault, VaultError, Version};
use common::time::{after, hours};
use jiff::Timestamp;
use serde_json::Value;

use crate::bench::Bench;
use crate::google::Behaviour::Refuse;
use crate::google::Method::Insert;
use crate::moody::MoodyVault;
use crate::order::{Order, order};

/// A vault that counts how often an account is read.
struct CountingVault {
    inner: Arc<MoodyVault>,
    reads: AtomicUsize,
}

impl CountingVault {
    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Vault for CountingVault {
    async fn get(&self, shelf: Shelf, name: &str) -> Result<Option<Doc>, VaultError> {
        if shelf == Shelf::Accounts {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.get(shelf, name).await
    }

    async fn put(
        &self,
        shelf: Shelf,
        name: &str,
        value: &Value,
        seen: Option<Version>,
    ) -> Result<Version, VaultError> {
        self.inner.put(shelf, name, value, seen).await
    }

    async fn remove(&self, shelf: Shelf, name: &str) -> Result<(), VaultError> {
        self.inner.remove(shelf, name).await
    }

    async fn list(&self, shelf: Shelf) -> Result<Vec<(String, Doc)>, VaultError> {
        self.inner.list(shelf).await
    }

    async fn changes(&self, shelf: Shelf, since: Version, most: u32) -> Result<Changes, VaultError> {
        self.inner.changes(shelf, since, most).await
    }
}

/// A clock of the accounts alone: whatever they remember is too old to be used again, so that each time they are
/// asked for an account shows at the vault.
struct Forgetful {
    began: Timestamp,
    asked: AtomicUsize,
}

#[async_trait]
impl Clock for Forgetful {
    fn now(&self) -> Timestamp {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        after(self.began, Duration::from_secs(31) * u32::try_from(asked).unwrap())
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}

/// A worker's bench whose accounts remember nothing, and the vault that they are read from. The account has an access
/// token already: a refresh reads the account anew on purpose.
async fn counted() -> (Bench, Arc<CountingVault>) {
    let mut bench = Bench::new().await;
    bench.start();
    let first = bench.submit(order()).await;
    bench.succeeded(&first).await;
    bench.quiet().await;
    bench.stop().taking.cancel();
    bench.stopped().await;
    let vault = Arc::new(CountingVault { inner: bench.vault.clone(), reads: AtomicUsize::new(0) });
    let hash_key = accounts::secrets::open(bench.vault.as_ref(), bench.accounts.ring()).await.unwrap();
    let clock = Arc::new(Forgetful { began: bench.now(), asked: AtomicUsize::new(0) });
    let ring = bench.accounts.ring().clone();
    bench.accounts = Arc::new(Accounts::new(vault.clone(), ring, hash_key, clock));
    (bench, vault)
}

/// How often the account is read until a job is as `state` says, and nothing is under way.
async fn reads_until(
    bench: &mut Bench,
    vault: &CountingVault,
    order: Order,
    state: StateName,
) -> (JobId, usize) {
    let id = bench.submit(order).await;
    let before = vault.reads();
    bench.start();
    bench.until("a decision", &id, |job| job.state.name() == state).await;
    bench.quiet().await;
    (id, vault.reads() - before)
}

#[tokio::test]
async fn each_ask_for_an_account_is_seen_by_the_counter() {
    let (bench, vault) = counted().await;
    let id = AccountId::default_account();
    let before = vault.reads();
    for _ in 0..3 {
        bench.accounts.get(&id).await.unwrap().expect("it is connected");
    }
    assert_eq!(vault.reads() - before, 3);
}

#[tokio::test]
async fn an_attempt_that_succeeds_reads_its_account_once() {
    let (mut bench, vault) = counted().await;
    let (id, reads) = reads_until(&mut bench, &vault, order().conference(), StateName::Succeeded).await;
    assert_eq!(bench.google.methods(&id), [Insert]);
    assert_eq!(reads, 1);
}

#[tokio::test]
async fn an_attempt_that_fails_reads_its_account_once() {
    let throttled = |key| CalendarError::Throttled { key, retry_after: None, reason: String::new() };
    let refused = || (400, "required".to_owned(), "Google's words".to_owned());
    let (status, reason, message) = refused();
    for (error, state) in [
        (CalendarError::Unavailable { status: 503, retry_after: None }, StateName::Waiting),
        (CalendarError::NotSent(String::new()), StateName::Waiting),
        (throttled(ThrottledKey::User), StateName::Waiting),
        (throttled(ThrottledKey::Project), StateName::Waiting),
        (CalendarError::Deleted, StateName::Failed),
        (CalendarError::Refused { status, reason, message }, StateName::Failed),
    ] {
        let (mut bench, vault) = counted().await;
        bench.google.next(Insert, Refuse(error.clone()));
        let (id, reads) = reads_until(&mut bench, &vault, order().guests(1), state).await;
        assert_eq!(bench.google.methods(&id), [Insert], "{error:?}");
        assert_eq!(reads, 1, "{error:?}");
    }
}

#[tokio::test]
async fn an_attempt_that_comes_too_early_reads_its_account_once() {
    let (mut bench, vault) = counted().await;
    let later = order().not_before(hours(1));
    let id = bench.submit(later).await;
    bench.queue_copy(&bench.job(&id).await, common::port::Lane::Fresh).await;
    let before = vault.reads();
    bench.start();
    bench.put_off(2).await;
    assert_eq!(vault.reads() - before, 1);
}
