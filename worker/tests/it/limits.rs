//! What Google says about pace and limits holds for whom it is said of, and no longer than said.

use std::time::Duration;

use common::account::{AccountId, GuestLimit};
use common::job::{BlockReason, JobState, WaitReason};
use common::port::{CalendarError, ThrottledKey};
use common::time::{after, hours, minutes, until};
use jiff::Timestamp;
use testing::Gate;
use testing::google::Behaviour::{HoldThen, Refuse};
use testing::google::Method::Insert;

use crate::bench::{Bench, accounts};
use crate::order::order;
use crate::wait::eventually;

fn throttled(key: ThrottledKey, retry_after: Option<u64>) -> CalendarError {
    let retry_after = retry_after.map(Duration::from_secs);
    CalendarError::Throttled { key, retry_after, reason: "rateLimitExceeded".to_owned() }
}

async fn guest_limit(bench: &Bench) -> Option<GuestLimit> {
    bench.account(&AccountId::default_account()).await.guest_limit
}

#[tokio::test]
async fn quota_exceeded_holds_back_jobs_with_guests_alone_and_grows() {
    let mut bench = Bench::new().await;
    bench.google.rule(|call| (call.guests > 0).then_some(Refuse(CalendarError::UsageLimits)));
    bench.start();
    let first = bench.submit(order().guests(1)).await;
    let blocked = bench.blocked(&first).await;
    let then = after(bench.now(), hours(1));
    assert_eq!(blocked.state, JobState::Blocked { why: BlockReason::CalendarLimits, until: Some(then) });
    assert_eq!(guest_limit(&bench).await, Some(GuestLimit { until: then, strikes: 1 }));

    let second = bench.submit(order().guests(3)).await;
    bench.blocked(&second).await;
    assert_eq!(bench.google.methods(&second), [], "held back without a call");
    let alone = bench.submit(order()).await;
    bench.succeeded(&alone).await;
    assert!(guest_limit(&bench).await.is_some(), "a job without guests says nothing about guests");

    // They come back within a quarter of the wait.
    bench.clock.turn_to(after(then, minutes(15)));
    let longer = async || guest_limit(&bench).await.filter(|limit| limit.strikes == 2);
    let limit = eventually("a longer wait", longer).await;
    bench.quiet().await;
    assert_eq!(guest_limit(&bench).await, Some(limit), "one of them asked");
    assert_eq!(until(bench.now(), limit.until), hours(2));

    bench.google.recover();
    bench.clock.turn_to(after(limit.until, minutes(30)));
    bench.pass_until_ended(Duration::from_secs(10), &[first.clone(), second.clone()]).await;
    for id in [&first, &second] {
        bench.succeeded(id).await;
    }
    assert_eq!(guest_limit(&bench).await, None, "a success clears it");
}

#[tokio::test]
async fn after_a_guest_limit_one_job_asks_whether_it_is_over() {
    const JOBS: usize = 20;
    let mut bench = Bench::new().await;
    let (gate, account) = (Gate::new(), AccountId::default_account());
    let limit = GuestLimit { until: bench.now(), strikes: 1 };
    bench.accounts.limit_guests(&account, Some(limit)).await.unwrap();
    let held = gate.clone();
    let refused = move |guests| {
        (guests > 0).then(|| HoldThen(held.clone(), Box::new(Refuse(CalendarError::UsageLimits))))
    };
    bench.google.rule(move |call| refused(call.guests));
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..JOBS {
        ids.push(bench.submit(order().guests(1)).await);
    }
    bench.delayed(JOBS as u64 - 1).await;
    assert_eq!(bench.google.in_progress(), 1);
    gate.open();
    for id in &ids {
        bench.blocked(id).await;
    }
    assert_eq!(bench.google.calls().len(), 1, "Google said it once");
    bench.google.recover();
    bench.turn(hours(3));
    bench.pass_until_ended(Duration::from_secs(10), &ids).await;
    assert_eq!(bench.google.count(), JOBS);
    assert_eq!(guest_limit(&bench).await, None);
}

#[tokio::test]
async fn refusals_of_calls_that_were_made_together_are_one_strike() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    let held = gate.clone();
    bench.google.rule(move |_| Some(HoldThen(held.clone(), Box::new(Refuse(CalendarError::UsageLimits)))));
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(bench.submit(order().guests(1)).await);
    }
    bench.under_way(8).await;
    gate.open();
    for id in &ids {
        bench.blocked(id).await;
    }
    let limit = guest_limit(&bench).await.expect("a limit");
    assert_eq!((limit.strikes, until(bench.now(), limit.until)), (1, hours(1)));
}

#[tokio::test]
async fn the_daily_limit_waits_for_midnight_in_california() {
    let mut bench = Bench::new().await;
    let midnight: Timestamp = "2026-12-31T00:00:00-08:00".parse().unwrap();
    bench.connect(&accounts(1)[0]).await;
    bench.google.next(Insert, Refuse(CalendarError::DailyLimit));
    bench.start();
    let first = bench.submit(order()).await;
    let other = {
        bench.waiting(&first).await;
        bench.submit(order().of(&accounts(1)[0])).await
    };
    for id in [&first, &other] {
        let then = bench.waiting(id).await.next_attempt_at().unwrap();
        assert!(then >= midnight && then <= after(midnight, minutes(10)), "{then}");
    }
    assert_eq!(bench.google.methods(&other), [], "the project's day is over for everybody");
    bench.clock.turn_to(after(midnight, minutes(10)));
    for id in [&first, &other] {
        bench.succeeded(id).await;
    }
}

#[tokio::test]
async fn a_throttled_user_holds_nobody_else_back() {
    let mut bench = Bench::new().await;
    let other = &accounts(1)[0];
    bench.connect(other).await;
    bench.google.next(Insert, Refuse(throttled(ThrottledKey::User, Some(20))));
    bench.start();
    let first = bench.submit(order()).await;
    let waiting = bench.waiting(&first).await;
    let JobState::Waiting { why: WaitReason::Quota, until: then } = waiting.state else {
        panic!("{:?}", waiting.state)
    };
    assert!((20..=25).contains(&until(bench.now(), then).as_secs()), "{then}");
    let second = bench.submit(order()).await;
    bench.waiting(&second).await;
    assert_eq!(bench.google.methods(&second), [], "nothing more for this user");
    let free = bench.submit(order().of(other)).await;
    bench.succeeded(&free).await;
    bench.turn(minutes(1));
    for id in [&first, &second] {
        bench.succeeded(id).await;
    }
}

#[tokio::test]
async fn calls_that_were_throttled_together_push_back_once() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    let held = gate.clone();
    bench
        .google
        .rule(move |_| Some(HoldThen(held.clone(), Box::new(Refuse(throttled(ThrottledKey::User, None))))));
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(bench.submit(order()).await);
    }
    bench.under_way(8).await;
    gate.open();
    for id in &ids {
        let then = bench.waiting(id).await.next_attempt_at().unwrap();
        assert!(until(bench.now(), then) <= Duration::from_millis(2_500), "the first pause is 2 s: {then}");
    }
}

#[tokio::test]
async fn pauses_double_while_google_goes_on_throttling_and_start_anew_after_a_success() {
    let mut bench = Bench::new().await;
    bench.google.rule(|_| Some(Refuse(throttled(ThrottledKey::User, None))));
    bench.start();
    let id = bench.submit(order()).await;
    for (deferrals, pause) in [(1, 2.0), (2, 4.0), (3, 8.0)] {
        let job = bench.until("a deferral", &id, |job| job.tally.deferrals == deferrals).await;
        let wait = until(bench.now(), job.next_attempt_at().unwrap()).as_secs_f64();
        assert!((pause..=pause * 1.25).contains(&wait), "{wait} after {deferrals}");
        bench.come_due(&id).await;
    }
    bench.until("a deferral", &id, |job| job.tally.deferrals == 4).await;
    bench.google.recover();
    bench.come_due(&id).await;
    bench.succeeded(&id).await;
    bench.google.next(Insert, Refuse(throttled(ThrottledKey::User, None)));
    bench.turn(minutes(1));
    let next = bench.submit(order()).await;
    let then = bench.waiting(&next).await.next_attempt_at().unwrap();
    assert!(until(bench.now(), then) <= Duration::from_millis(2_500), "{then}");
}
