//! Neither before `notBefore` nor after `notAfter`, and no end without having asked.

use std::time::Duration;

use common::job::{Effect, FailureKind, JobId, JobState, WaitReason};
use common::port::CalendarError;
use common::time::{after, hours, minutes};
use testing::google::Behaviour::{LoseAnswer, Refuse};
use testing::google::Method::{Get, Insert};

use crate::bench::Bench;
use crate::order::order;

const FAILING: CalendarError = CalendarError::Unavailable { status: 503, retry_after: None };

fn away() -> CalendarError {
    CalendarError::NotSent("no route".to_owned())
}

#[tokio::test]
async fn a_job_never_starts_before_its_time() {
    let mut bench = Bench::new().await;
    bench.start();
    let job = bench.job_for(&order().not_before(hours(1))).await;
    let start = job.not_before.unwrap();
    let id = bench.submit_job(job.clone()).await;
    // However early a copy of its message comes.
    bench.publish_only(&job).await;
    let waiting = bench.waiting(&id).await;
    assert_eq!(waiting.state, JobState::Waiting { why: WaitReason::Schedule, until: start });
    bench.quiet().await;
    bench.clock.turn_to(start);
    bench.turn(Duration::ZERO);
    bench.succeeded(&id).await;
    let calls = bench.google.calls();
    assert!(calls.iter().all(|call| call.at >= start), "{calls:?}");
    assert_eq!(bench.job(&id).await.tally.attempts, 0);
}

#[tokio::test]
async fn a_job_that_waits_is_back_in_time_to_expire() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(CalendarError::DailyLimit));
    bench.start();
    let id = bench.submit(order().not_after(minutes(30))).await;
    let waiting = bench.waiting(&id).await;
    assert!(waiting.next_attempt_at() > Some(waiting.not_after), "it would be too late");
    bench.clock.turn_to(waiting.not_after);
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Expired, Effect::None));
    assert_eq!(bench.google.methods(&id), [Insert]);
}

/// A job whose only insert went as told and whose time is over.
async fn overdue(bench: &mut Bench, insert: testing::google::Behaviour) -> JobId {
    bench.google.next(Insert, insert);
    bench.start();
    let id = bench.submit(order().not_after(minutes(30))).await;
    let waiting = bench.waiting(&id).await;
    bench.clock.turn_to(waiting.not_after);
    id
}

#[tokio::test]
async fn a_job_that_expires_with_an_unknown_effect_asks_first() {
    let mut bench = Bench::new().await;
    let id = overdue(&mut bench, LoseAnswer).await;
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get]);

    let mut bench = Bench::new().await;
    let id = overdue(&mut bench, Refuse(FAILING)).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Expired, Effect::None));
    assert_eq!(bench.google.methods(&id), [Insert, Get]);
}

#[tokio::test]
async fn a_job_that_expires_while_google_fails_says_that_it_does_not_know() {
    let mut bench = Bench::new().await;
    bench.google.next(Get, Refuse(FAILING));
    let id = overdue(&mut bench, LoseAnswer).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Expired, Effect::Unknown));
}

#[tokio::test]
async fn without_a_connection_an_expired_job_goes_on_asking_for_an_hour() {
    let mut bench = Bench::new().await;
    bench.google.rule(|call| (call.method == Get).then(|| Refuse(away())));
    let id = overdue(&mut bench, LoseAnswer).await;
    let job = bench.until("a deferral", &id, |job| job.tally.deferrals == 1).await;
    assert!(!job.is_finished());
    bench.clock.turn_to(after(job.not_after, hours(1)));
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Expired, Effect::Unknown));
}

#[tokio::test]
async fn an_expired_job_with_nothing_written_never_calls_google() {
    let mut bench = Bench::new().await;
    let id = bench.submit(order().not_after(minutes(1))).await;
    bench.turn(minutes(1));
    bench.start();
    assert_eq!(bench.failed(&id).await.kind, FailureKind::Expired);
    assert_eq!(bench.google.methods(&id), []);
    assert_eq!(bench.endpoint.refreshes(), 0);
}

#[tokio::test]
async fn a_blocked_job_expires_too() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(CalendarError::ScopeMissing));
    bench.start();
    let id = bench.submit(order().not_after(minutes(30))).await;
    let blocked = bench.blocked(&id).await;
    bench.clock.turn_to(blocked.not_after);
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Expired, Effect::None));
}
