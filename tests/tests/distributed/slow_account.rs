//! An account for which Google is slow holds up itself alone.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde_json::json;
use tests::{Caller, Installation, Plan, connect, event_of, eventually, succeeded};

/// Accounts for which Google is slow, and the account for which it is not.
const SLOW: [(&str, &str); 2] = [("a", "ada@example.com"), ("c", "charles@example.com")];
const B: (&str, &str) = ("b", "grace@example.com");

/// How long Google takes for the slow ones.
const LATENCY: Duration = Duration::from_secs(15);
/// Within so long B's jobs are done, on a machine that does much else: a third of what one call of the slow ones takes.
const SOON: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(120);

/// One ingress and one worker with so many slots, and `slow` accounts for which Google takes its time.
async fn installation(plan: Plan, slots: usize, slow: usize) -> Installation {
    let calrelay = plan.with("WORKER_CONCURRENCY", slots).start().await;
    // The backlog of the slow ones would take minutes.
    calrelay.vhost().leaves_anything();
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    connect(&calrelay, B.0, B.1, &[]).await;
    for (account, user) in &SLOW[..slow] {
        connect(&calrelay, account, user, &[]).await;
        let latency = u64::try_from(LATENCY.as_millis()).unwrap();
        google.fault(json!({"method": "events.insert", "user": user, "latencyMs": latency})).await;
    }
    calrelay
}

async fn post(caller: &Caller, account: &str, jobs: usize) -> Vec<String> {
    stream::iter(0..jobs)
        .map(|number| async move {
            let title = format!("{account} {number}");
            let accepted = caller.post(&event_of(account, "primary", &title), None).await.unwrap();
            assert_eq!(accepted.status, 202, "{accepted:?}");
            accepted.body["jobId"].as_str().unwrap().to_owned()
        })
        .buffered(16)
        .collect()
        .await
}

/// From acceptance to its end.
async fn took(caller: &Caller, id: &str) -> Duration {
    let job = succeeded(caller, id, LIMIT).await;
    let at = |name: &str| job[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    at("finishedAt").duration_since(at("submittedAt")).unsigned_abs()
}

async fn in_flight(calrelay: &Installation) -> f64 {
    calrelay.workers()[0].process().metric("calrelay_jobs_in_flight").await
}

/// Fills the worker's slots with jobs of the slow accounts, then posts one of B's after another. Answers the longest
/// that one took.
async fn b_is_done_at_once(slots: usize, slow: usize) -> Duration {
    let calrelay = installation(Plan::new(1, 1).unlimited(), slots, slow).await;
    let caller = calrelay.caller();
    // Its first job also fetches a token.
    took(&caller, &post(&caller, B.0, 1).await[0]).await;
    for (account, _) in &SLOW[..slow] {
        post(&caller, account, slots * 3 / slow).await;
    }
    let most = (slots * 7 / 8) as f64;
    eventually("slots that are taken", LIMIT, || async {
        (in_flight(&calrelay).await >= most).then_some(())
    })
    .await;
    let mut worst = Duration::ZERO;
    for _ in 0..5 {
        let this = took(&caller, &post(&caller, B.0, 1).await[0]).await;
        worst = worst.max(this);
    }
    // Several at once, too.
    for id in post(&caller, B.0, 4).await {
        let this = took(&caller, &id).await;
        worst = worst.max(this);
    }
    assert!(worst < SOON, "{worst:?} beside {} in flight", in_flight(&calrelay).await);
    worst
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_slow_account_another_is_done_at_once_with_few_slots() {
    println!("B waits {:?} at most", b_is_done_at_once(16, 1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_slow_account_another_is_done_at_once_with_many_slots() {
    println!("B waits {:?} at most", b_is_done_at_once(256, 1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_two_slow_accounts_a_third_is_done_at_once() {
    // Of sixteen slots the first leaves one, and the second takes it.
    println!("B waits {:?} at most", b_is_done_at_once(64, 2).await);
}

/// The pace of an account that has the worker to itself, over minutes; `./test.sh --long` alone runs these.
mod rarely {
    use super::*;

    /// Jobs of A that are done a second, once its slots are full, over `span`.
    async fn pace(plan: Plan, slots: usize, jobs: usize, span: Duration) -> f64 {
        let calrelay = installation(plan, slots, 1).await;
        let caller = calrelay.caller();
        post(&caller, SLOW[0].0, jobs).await;
        let done = async || calrelay.sandbox().view().events().await.len();
        eventually("the first", LIMIT, async || (done().await > 0).then_some(())).await;
        tokio::time::sleep(LATENCY).await;
        let before = done().await;
        tokio::time::sleep(span).await;
        (done().await - before) as f64 / span.as_secs_f64()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_slow_account_alone_uses_all_slots_but_one() {
        let pace = pace(Plan::new(1, 1).unlimited(), 16, 150, LATENCY * 6).await;
        println!("with 16 slots A alone does {pace:.2} jobs a second");
        assert!(pace >= 0.9 * 15.0 / LATENCY.as_secs_f64(), "{pace}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_slow_account_alone_uses_its_quota() {
        let plan = Plan::new(1, 1)
            .unlimited()
            .with("QUOTA_ACCOUNT_PER_MINUTE", 600)
            .with("QUOTA_CALENDAR_PER_SECOND", 1_000_000);
        let pace = pace(plan, 256, 1_500, LATENCY * 5).await;
        println!("with 256 slots A alone does {pace:.2} jobs a second");
        assert!(pace >= 0.9 * 10.0, "{pace}");
    }
}
