//! A job that is taken back ends with no event, or says that it could not find out.

use std::time::Duration;

use common::job::{Effect, FailureKind, JobId, JobState};
use common::port::{CalendarError, Shelf, Vault as _};
use common::time::{minutes, until};
use testing::Gate;
use testing::google::Behaviour::{Hang, Hold, HoldThen, LoseAnswer, Panic, Refuse};
use testing::google::Method::{Delete, Get, Insert};

use crate::bench::Bench;
use crate::logs::Logs;
use crate::order::order;

const FAILING: CalendarError = CalendarError::Unavailable { status: 503, retry_after: None };

#[tokio::test]
async fn a_job_that_has_written_nothing_is_cancelled_without_a_call() {
    let mut bench = Bench::new().await;
    let queued = bench.submit(order()).await;
    assert_eq!(bench.cancel(&queued).await.state, JobState::Cancelled);
    bench.start();
    bench.quiet().await;
    assert_eq!(bench.google.methods(&queued), []);

    bench.google.next(Insert, Refuse(CalendarError::NotSent(String::new())));
    let waiting = bench.submit(order()).await;
    let job = bench.waiting(&waiting).await;
    assert_eq!(bench.cancel(&waiting).await.state, JobState::Cancelled);
    bench.turn(until(bench.now(), job.next_attempt_at().unwrap()));
    bench.quiet().await;
    assert_eq!(bench.google.methods(&waiting), [Insert]);
}

#[tokio::test]
async fn a_record_from_before_its_job_was_taken_back_is_not_believed() {
    let mut bench = Bench::new().await;
    let id = bench.submit(order()).await;
    let mark = serde_json::json!({});
    bench.vault.put(Shelf::Cancellations, id.as_str(), &mark, None).await.unwrap();
    bench.store.fall_back(bench.now());
    bench.start();
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), []);
}

/// A job that waits, its insert having gone as told.
async fn unsure(bench: &mut Bench, insert: testing::google::Behaviour) -> JobId {
    bench.google.next(Insert, insert);
    bench.start();
    let id = bench.submit(order()).await;
    bench.waiting(&id).await;
    id
}

#[tokio::test]
async fn an_event_that_was_made_after_all_is_deleted() {
    let mut bench = Bench::new().await;
    let id = unsure(&mut bench, LoseAnswer).await;
    assert!(bench.cancel(&id).await.cancel_requested);
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Delete]);
    assert!(bench.google.event(&id).unwrap().cancelled);
    assert_eq!(bench.job(&id).await.effect, Effect::None);
}

#[tokio::test]
async fn an_event_that_was_not_made_cannot_be_made_any_more() {
    let mut bench = Bench::new().await;
    let id = unsure(&mut bench, Refuse(FAILING)).await;
    bench.cancel(&id).await;
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert, Delete]);
    assert!(bench.google.event(&id).unwrap().cancelled);
}

#[tokio::test]
async fn an_event_that_its_user_has_deleted_is_as_good_as_cancelled() {
    let mut bench = Bench::new().await;
    let id = unsure(&mut bench, LoseAnswer).await;
    bench.google.delete_by_user(&id);
    bench.cancel(&id).await;
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get]);
}

#[tokio::test]
async fn an_event_that_google_says_was_deleted_is_as_good_as_cancelled() {
    let mut bench = Bench::new().await;
    let id = unsure(&mut bench, LoseAnswer).await;
    bench.google.next(Get, Refuse(CalendarError::Deleted));
    bench.cancel(&id).await;
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get]);
    assert_eq!(bench.job(&id).await.effect, Effect::None);
}

#[tokio::test]
async fn a_cancellation_that_cannot_be_confirmed_in_time_says_so() {
    let mut bench = Bench::new().await;
    bench.google.rule(|call| (call.method == Get).then_some(Refuse(FAILING)));
    let id = unsure(&mut bench, LoseAnswer).await;
    bench.cancel(&id).await;
    let job = bench.until("a look in vain", &id, |job| job.tally.attempts == 2).await;
    assert!(!job.is_finished(), "there is time to ask again");
    bench.clock.turn_to(job.not_after);
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::CancellationUnconfirmed, Effect::Unknown));
}

#[tokio::test]
async fn a_cancellation_waits_for_the_connection_to_end_and_for_no_longer_than_the_job() {
    let mut bench = Bench::new().await;
    let id = unsure(&mut bench, LoseAnswer).await;
    bench.google.rule(|_| Some(Refuse(CalendarError::ScopeMissing)));
    bench.cancel(&id).await;
    let job = bench.blocked(&id).await;
    bench.clock.turn_to(job.not_after);
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::CancellationUnconfirmed, Effect::Unknown));
}

#[tokio::test]
async fn a_cancellation_is_confirmed_once_the_account_is_connected_again() {
    let mut bench = Bench::new().await;
    let id = unsure(&mut bench, LoseAnswer).await;
    bench.google.next(Get, Refuse(CalendarError::ScopeMissing));
    bench.cancel(&id).await;
    let job = bench.blocked(&id).await;
    let account = bench.connect(&job.account).await;
    assert_eq!(bench.resume(&account).await, 1);
    bench.cancelled(&id).await;
    assert!(bench.google.event(&id).unwrap().cancelled);
}

/// A job whose insert is under way behind a gate, and taken back.
async fn cancelled_in_flight(bench: &mut Bench, gate: &Gate) -> JobId {
    bench.google.next(Insert, Hold(gate.clone()));
    bench.start();
    let id = bench.submit(order()).await;
    bench.under_way(1).await;
    assert!(bench.cancel(&id).await.cancel_requested);
    id
}

#[tokio::test]
async fn a_cancellation_that_meets_an_insert_under_way_ends_with_no_event() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    let id = cancelled_in_flight(&mut bench, &gate).await;
    gate.open();
    bench.cancelled(&id).await;
    assert!(bench.google.event(&id).unwrap().cancelled);
    // The copy of the message that was to wake it finds nothing more to do.
    bench.quiet().await;
    bench.turn(minutes(1));
    assert_eq!(bench.quiet().await.delayed, 0);
    assert_eq!(bench.google.methods(&id), [Insert, Get, Delete]);
}

#[tokio::test]
async fn taking_an_event_back_survives_panics_and_hangs() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Get, Panic);
    bench.google.next(Get, Hang);
    let id = cancelled_in_flight(&mut bench, &gate).await;
    gate.open();
    bench.come_due(&id).await;
    bench.until("the hanging look", &id, |_| bench.google.methods(&id) == [Insert, Get, Get]).await;
    bench.cut_off().await;
    bench.until("the end of the hanging look", &id, |job| job.tally.attempts == 2).await;
    bench.come_due(&id).await;
    bench.cancelled(&id).await;
    assert!(bench.google.event(&id).unwrap().cancelled);
}

#[tokio::test]
async fn an_event_that_may_not_be_deleted_is_owned_up_to() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    let forbidden =
        CalendarError::Refused { status: 403, reason: "forbidden".to_owned(), message: String::new() };
    bench.google.next(Delete, Refuse(forbidden));
    let id = cancelled_in_flight(&mut bench, &gate).await;
    gate.open();
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::CancellationUnconfirmed, Effect::Unknown));
}

#[tokio::test]
async fn a_job_taken_back_during_a_write_that_is_refused_is_cancelled_whatever_the_account() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    let refusal = Box::new(Refuse(CalendarError::ScopeMissing));
    bench.google.next(Insert, HoldThen(gate.clone(), refusal));
    bench.start();
    let id = bench.submit(order()).await;
    bench.under_way(1).await;
    bench.cancel(&id).await;
    gate.open();
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert]);
}

#[tokio::test]
async fn a_cancellation_that_comes_before_the_write_stops_it() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.endpoint.next(testing::google::Answering::Hold(gate.clone(), None));
    bench.start();
    let id = bench.submit(order()).await;
    bench.until("the request for a token", &id, |_| bench.endpoint.refreshes() == 1).await;
    assert_eq!(bench.cancel(&id).await.state, JobState::Cancelled);
    gate.open();
    bench.quiet().await;
    assert_eq!(bench.google.methods(&id), []);
}

#[tokio::test]
async fn that_jobs_may_have_been_cancelled_is_said_once_a_minute_however_many_wait_for_it() {
    const JOBS: usize = 20;
    let logs = Logs::listen();
    let said = || logs.everything().matches("may have been cancelled").count();
    let mut bench = Bench::new().await;
    let mut ids = Vec::new();
    for _ in 0..JOBS {
        ids.push(bench.submit(order()).await);
    }
    bench.store.fall_back(bench.now());
    bench.vault.go_away();
    bench.start();
    bench.put_off(JOBS as u64).await;
    assert_eq!(said(), 1, "{}", logs.everything());
    let looks = bench.queue.publishes();
    for _ in 0..12 {
        bench.turn(Duration::from_secs(20));
        bench.put_off(JOBS as u64).await;
    }
    assert!(bench.queue.publishes() >= looks + 10 * JOBS, "they have asked again and again");
    assert!((2..=5).contains(&said()), "{}", logs.everything());
    bench.vault.recover();
    bench.turn(Duration::from_secs(20));
    for id in &ids {
        bench.succeeded(id).await;
    }
}
