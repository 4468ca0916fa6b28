//! An attempt reads its account once, and has it in hand until its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use accounts::Accounts;
use async_trait::async_trait;
use common::account::AccountId;
use common::job::{JobId, StateName};
use common::port::{CalendarError, Clock, Shelf, ThrottledKey};
use common::time::{after, hours};
use jiff::Timestamp;
use testing::google::Behaviour::Refuse;
use testing::google::Method::Insert;

use crate::bench::Bench;
use crate::order::{Order, order};

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

/// A worker's bench whose accounts remember nothing. The account has an access
/// token already: a refresh reads the account anew on purpose.
async fn counted() -> Bench {
    let mut bench = Bench::new().await;
    bench.start();
    let first = bench.submit(order()).await;
    bench.succeeded(&first).await;
    bench.quiet().await;
    bench.stop().taking.cancel();
    bench.stopped().await;
    let hash_key = accounts::secrets::open(bench.vault.as_ref(), bench.accounts.ring()).await.unwrap();
    let clock = Arc::new(Forgetful { began: bench.now(), asked: AtomicUsize::new(0) });
    let ring = bench.accounts.ring().clone();
    bench.accounts = Arc::new(Accounts::new(bench.vault.clone(), ring, hash_key, clock));
    bench
}

/// How often the account is read until a job is as `state` says, and nothing is under way.
async fn reads_until(bench: &mut Bench, order: Order, state: StateName) -> (JobId, usize) {
    let id = bench.submit(order).await;
    let before = reads(bench);
    bench.start();
    bench.until("a decision", &id, |job| job.state.name() == state).await;
    bench.quiet().await;
    (id, reads(bench) - before)
}

/// How often accounts were read from the vault.
fn reads(bench: &Bench) -> usize {
    bench.vault.gets_of(Shelf::Accounts)
}

#[tokio::test]
async fn each_ask_for_an_account_is_seen_by_the_counter() {
    let bench = counted().await;
    let id = AccountId::default_account();
    let before = reads(&bench);
    for _ in 0..3 {
        bench.accounts.get(&id).await.unwrap().expect("it is connected");
    }
    assert_eq!(reads(&bench) - before, 3);
}

#[tokio::test]
async fn an_attempt_that_succeeds_reads_its_account_once() {
    let mut bench = counted().await;
    let (id, reads) = reads_until(&mut bench, order().conference(), StateName::Succeeded).await;
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
        let mut bench = counted().await;
        bench.google.next(Insert, Refuse(error.clone()));
        let (id, reads) = reads_until(&mut bench, order().guests(1), state).await;
        assert_eq!(bench.google.methods(&id), [Insert], "{error:?}");
        assert_eq!(reads, 1, "{error:?}");
    }
}

#[tokio::test]
async fn an_attempt_that_comes_too_early_reads_its_account_once() {
    let mut bench = counted().await;
    let later = order().not_before(hours(1));
    let id = bench.submit(later).await;
    bench.queue_copy(&bench.job(&id).await, common::port::Lane::Fresh).await;
    let before = reads(&bench);
    bench.start();
    bench.put_off(2).await;
    assert_eq!(reads(&bench) - before, 1);
}
