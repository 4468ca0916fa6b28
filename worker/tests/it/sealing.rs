//! Keys that are missing, and keys that have been rotated: jobs wait, and none fails.

use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use common::account::{Account, AccountId};
use common::job::{FailureKind, Job, Tally};
use common::port::{Shelf, Vault as _};
use common::seal::{Key, Keyring};
use common::time::{after, hours, minutes, until};
use testing::google::Method::Insert;

use crate::bench::Bench;
use crate::order::order;

/// A job that a seal key of its account has sealed which the account does not have.
async fn sealed_with(bench: &Bench, key: &Key) -> Job {
    let order = order();
    let job = bench.job_for(&order).await;
    job.with(|fields| fields.payload = Some(key.seal(job.id.as_str(), &order.payload())))
}

/// Gives the account a key that was missing.
async fn find(bench: &Bench, key: &Key) {
    let id = AccountId::default_account();
    let doc = bench.vault.get(Shelf::Accounts, id.as_str()).await.unwrap().expect("connected");
    let mut account: Account = serde_json::from_value(doc.value).unwrap();
    account.older_seal_keys.push(bench.accounts.ring().seal(id.as_str(), key));
    let value = serde_json::to_value(&account).unwrap();
    bench.vault.put(Shelf::Accounts, id.as_str(), &value, Some(doc.version)).await.unwrap();
}

#[tokio::test]
async fn a_job_whose_key_is_missing_waits_an_hour_at_a_time_until_it_is_there() {
    let mut bench = Bench::new().await;
    let key = Key::random();
    let job = sealed_with(&bench, &key).await;
    bench.start();
    let id = bench.submit_job(job).await;
    let waiting = bench.waiting(&id).await;
    assert_eq!(waiting.tally, Tally { attempts: 0, deferrals: 1, crashes: 0 }, "it is not the job's fault");
    let then = waiting.next_attempt_at().expect("it says until when");
    assert_eq!(until(bench.now(), then), hours(1));
    assert_eq!(bench.google.methods(&id), []);

    bench.put_off(1).await;
    bench.turn(hours(1));
    bench.until("another try", &id, |job| job.tally.deferrals == 2).await;
    find(&bench, &key).await;
    bench.put_off(1).await;
    bench.turn(hours(1));
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert]);
}

#[tokio::test]
async fn a_job_whose_key_stays_missing_expires_like_any_other() {
    let mut bench = Bench::new().await;
    let job = sealed_with(&bench, &Key::random())
        .await
        .with(|fields| fields.not_after = after(bench.now(), minutes(90)));
    bench.start();
    let id = bench.submit_job(job).await;
    bench.waiting(&id).await;
    bench.put_off(1).await;
    bench.turn(hours(1));
    bench.until("another try", &id, |job| job.tally.deferrals == 2).await;
    bench.put_off(1).await;
    bench.turn(minutes(30));
    let failure = bench.failed(&id).await;
    assert_eq!(failure.kind, FailureKind::Expired);
}

#[tokio::test]
async fn a_rotation_beside_a_worker_holds_up_nothing() {
    let mut bench = Bench::new().await;
    let (old, new) = (bench.accounts.ring().newest().clone(), Key::random());
    let process = |newest: &Key, older: &Key| {
        let ring = Keyring::new(newest.clone(), vec![older.clone()]);
        let hash_key = bench.accounts.hash_key().clone();
        Arc::new(Accounts::new(bench.vault.clone(), ring, hash_key, bench.clock.clone()))
    };
    let (here, elsewhere) = (process(&old, &new), process(&new, &old));
    bench.accounts = here;
    bench.start();
    // The worker remembers the account from here on.
    let first = bench.submit(order()).await;
    bench.succeeded(&first).await;
    let waiting = bench.submit(order().not_before(minutes(10))).await;
    bench.turn(Duration::from_secs(2));

    let id = AccountId::default_account();
    assert!(elsewhere.rotate(&id).await.unwrap());
    let rotated = elsewhere.get(&id).await.unwrap().expect("connected");
    let fresh = sealed_with(&bench, rotated.seal_keys(elsewhere.ring()).unwrap().newest()).await;
    // What another ingress does has not refreshed what this process remembers.
    let remembered = bench.accounts.get(&id).await.unwrap().expect("connected");
    drop(remembered);
    let fresh = bench.submit_job(fresh).await;
    bench.succeeded(&fresh).await;
    bench.turn(minutes(10));
    bench.succeeded(&waiting).await;
    assert_eq!(bench.google.count(), 3);
}
