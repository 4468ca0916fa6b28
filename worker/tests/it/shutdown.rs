//! A worker that stops loses nothing, counts nothing, and takes no longer than it may.

use std::time::{Duration, Instant};

use common::job::{Effect, JobState, Tally};
use common::port::CalendarError;
use testing::Gate;
use testing::google::Behaviour::{Hang, HangAfterEffect, Hold, Refuse};
use testing::google::Method::{Get, Insert};

use crate::bench::{Bench, accounts};
use crate::order::order;
use crate::wait::eventually;

/// What a worker may take to stop beyond its drain time, on any machine.
const GRACE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_worker_that_takes_no_more_finishes_what_it_has() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Insert, Hold(gate.clone()));
    bench.start();
    let running = bench.submit(order()).await;
    bench.under_way(1).await;
    bench.stop().taking.cancel();
    eventually("not ready", async || (!bench.is_ready()).then_some(())).await;
    let later = bench.submit(order()).await;
    gate.open();
    assert_eq!(bench.stopped().await, 0, "nothing is handed back");
    bench.succeeded(&running).await;
    assert_eq!(bench.job(&later).await.state, JobState::Queued);
    assert_eq!(bench.google.methods(&later), []);
}

#[tokio::test]
async fn a_worker_that_must_end_hands_its_jobs_back_as_they_were() {
    for (hang, expected) in [(Hang, &[Insert, Get, Insert][..]), (HangAfterEffect, &[Insert, Get][..])] {
        let mut bench = Bench::new().await;
        bench.google.next(Insert, hang);
        bench.start();
        let id = bench.submit(order()).await;
        bench.under_way(1).await;
        bench.stop().taking.cancel();
        bench.stop().working.cancel();
        assert_eq!(bench.stopped().await, 1);
        let job = bench.job(&id).await;
        assert_eq!(
            (&job.state, job.tally, job.effect),
            (&JobState::Queued, Tally::default(), Effect::Unknown)
        );

        let mut bench = bench.reopen().await;
        bench.start();
        bench.succeeded(&id).await;
        assert_eq!(bench.google.methods(&id), expected);
        assert_eq!(bench.job(&id).await.tally, Tally::default(), "our own end costs nothing");
    }
}

#[tokio::test]
async fn the_drain_time_is_respected() {
    let mut bench = Bench::new().await;
    bench.settings.drain = Duration::from_millis(50);
    bench.google.next(Insert, Hang);
    bench.start();
    let id = bench.submit(order()).await;
    bench.under_way(1).await;
    let began = Instant::now();
    bench.stop().taking.cancel();
    assert_eq!(bench.stopped().await, 1);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(50) && took < GRACE, "{took:?}");
    assert_eq!(bench.job(&id).await.state, JobState::Queued);
}

#[tokio::test]
async fn the_drain_time_is_respected_while_google_is_down() {
    let mut bench = Bench::new().await;
    bench.settings.drain = Duration::from_millis(50);
    let accounts = accounts(5);
    let failing = CalendarError::Unavailable { status: 503, retry_after: None };
    bench.google.rule(move |_| Some(Refuse(failing.clone())));
    bench.start();
    for account in &accounts {
        bench.connect(account).await;
        let id = bench.submit(order().of(account)).await;
        bench.waiting(&id).await;
    }
    assert!(!bench.google_answers());
    bench.google.rule(|_| Some(Hang));
    bench.submit(order()).await;
    bench.pass_until("a probe", Duration::from_millis(100), || bench.google.in_progress() == 1).await;
    let began = Instant::now();
    bench.stop().taking.cancel();
    bench.stopped().await;
    assert!(began.elapsed() < GRACE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn jobs_that_wait_for_room_are_put_off_and_not_failed() {
    let mut bench = Bench::new().await;
    bench.settings.quotas.calendar_per_second = 1;
    bench.start();
    let first = bench.submit(order()).await;
    let second = bench.submit(order()).await;
    bench.until("one of them", &first, |_| bench.google.calls().len() == 1).await;
    bench.stop().taking.cancel();
    bench.turn(Duration::from_secs(2));
    bench.stopped().await;
    for id in [&first, &second] {
        assert_eq!(bench.job(id).await.tally.attempts, 0);
    }
    let mut bench = bench.reopen().await;
    bench.start();
    bench.pass_until_ended(Duration::from_secs(1), &[first.clone(), second.clone()]).await;
    for id in [&first, &second] {
        bench.succeeded(id).await;
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_over_a_restart() {
    let mut bench = Bench::new().await;
    bench.settings.concurrency = 10;
    let accounts = accounts(4);
    for account in &accounts {
        bench.connect(account).await;
    }
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(bench.submit(order().of(&accounts[number % 4])).await);
    }
    bench.google.rule(|_| Some(HangAfterEffect));
    bench.start();
    // One slot is kept for an account that has none.
    bench.pass_until("work", Duration::from_millis(5), || bench.google.in_progress() == 9).await;
    bench.stop().taking.cancel();
    bench.stop().working.cancel();
    assert_eq!(bench.stopped().await, 9);
    bench.google.recover();
    let mut bench = bench.reopen().await;
    bench.start();
    bench.pass_until_ended(Duration::from_millis(100), &ids).await;
    for id in &ids {
        let job = bench.job(id).await;
        assert!(matches!(job.state, JobState::Succeeded { .. }), "{:?}", job.state);
        assert_eq!(job.tally.attempts, 0);
        let inserts = bench.google.methods(id).iter().filter(|method| **method == Insert).count();
        assert_eq!(inserts, 1, "{:?}", bench.google.methods(id));
    }
    assert_eq!(bench.google.count(), ids.len());
}
