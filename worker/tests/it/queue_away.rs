//! The queue takes nothing, or gives nothing: what is held is kept, and nobody spins.

use std::time::Duration;

use common::job::{FailureKind, JobState, Step};
use common::message::Message;
use common::port::{CalendarError, JobQueue as _, Lane, QueueError};
use common::time::{hours, minutes};
use testing::google::Behaviour::Refuse;
use testing::google::Method::{Get, Insert};

use crate::bench::Bench;
use crate::order::order;
use crate::wait::eventually;

const FAILING: CalendarError = CalendarError::Unavailable { status: 503, retry_after: None };
/// Tries to publish are never further apart.
const AGAIN: Duration = Duration::from_secs(5);

fn refusal() -> CalendarError {
    CalendarError::Refused { status: 400, reason: "invalid".to_owned(), message: "No.".to_owned() }
}

/// Lets time pass while the worker tries in vain.
async fn in_vain(bench: &Bench) {
    for _ in 0..20 {
        bench.turn(AGAIN);
        tokio::task::yield_now().await;
    }
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.taken, depth.delayed, depth.dead), (1, 0, 0), "it is kept in hand");
    assert_eq!(bench.queue.put_backs(), 0);
}

#[tokio::test]
async fn a_retry_that_cannot_be_published_is_kept_in_hand_until_it_can() {
    for error in [QueueError::Full, QueueError::Unconfirmed, QueueError::Unreachable(String::new())] {
        let mut bench = Bench::new().await;
        bench.google.next(Insert, Refuse(FAILING));
        let id = bench.submit(order()).await;
        bench.queue.refuse(move |_, _| Some(error.clone()));
        bench.start();
        bench.until("its attempt", &id, |_| bench.google.methods(&id) == [Insert]).await;
        in_vain(&bench).await;
        bench.queue.recover();
        bench.pass_until("its next message", Duration::from_secs(1), || bench.google.count() == 1).await;
        bench.succeeded(&id).await;
        assert_eq!(bench.google.methods(&id), [Insert, Get, Insert]);
        assert_eq!(bench.job(&id).await.tally.attempts, 1);
        assert_eq!(bench.queue.put_backs(), 0);
    }
}

#[tokio::test]
async fn a_success_that_can_be_neither_recorded_nor_published_is_kept_in_hand() {
    let mut bench = Bench::new().await;
    let id = bench.submit(order()).await;
    bench.store.refuse(|step| matches!(step, Step::Succeed(_)));
    bench.queue.refuse_all();
    bench.start();
    bench.until("its attempt", &id, |_| bench.google.methods(&id) == [Insert]).await;
    in_vain(&bench).await;
    // The records are back first.
    bench.store.recover();
    bench.pass_until_ended(Duration::from_secs(1), std::slice::from_ref(&id)).await;
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert], "Google is not asked again");
}

#[tokio::test]
async fn a_failure_is_not_recorded_before_its_dead_letter_is_kept() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(refusal()));
    let id = bench.submit(order()).await;
    bench.queue.refuse_all();
    bench.start();
    bench.until("its attempt", &id, |_| bench.google.methods(&id) == [Insert]).await;
    in_vain(&bench).await;
    assert!(matches!(bench.job(&id).await.state, JobState::Running(_)));
    bench.queue.recover();
    bench.pass_until_ended(Duration::from_secs(1), std::slice::from_ref(&id)).await;
    bench.failed(&id).await;
    let letter = dead_letter(&bench).await.expect("a dead letter");
    assert_eq!((&letter.job, letter.failure().unwrap().kind), (&id, FailureKind::Refused));
}

async fn dead_letter(bench: &Bench) -> Option<Message> {
    Some(bench.queue.take_dead().await.unwrap()?.message.unwrap())
}

#[tokio::test]
async fn every_job_that_fails_leaves_a_dead_letter_and_no_other_does() {
    let mut bench = Bench::new().await;
    bench.start();
    bench.google.next(Insert, Refuse(CalendarError::UsageLimits));
    let expired = bench.submit(order().guests(1).not_after(minutes(30))).await;
    bench.blocked(&expired).await;
    bench.turn(minutes(30));
    bench.failed(&expired).await;
    let done = bench.submit(order()).await;
    bench.succeeded(&done).await;
    let cancelled = bench.submit(order().not_before(hours(1))).await;
    bench.cancel(&cancelled).await;
    assert_eq!(bench.quiet().await.dead, 1);
    let letter = dead_letter(&bench).await.unwrap();
    assert_eq!(letter.failure().unwrap().kind, FailureKind::Expired);
}

#[tokio::test]
async fn a_worker_that_must_end_while_the_queue_takes_nothing_hands_its_job_back() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(FAILING));
    let id = bench.submit(order()).await;
    bench.queue.refuse(|_, lane| (lane == Lane::Due).then_some(QueueError::Full));
    bench.start();
    bench.until("its attempt", &id, |_| bench.google.methods(&id) == [Insert]).await;
    bench.stop().taking.cancel();
    bench.stop().working.cancel();
    bench.stopped().await;
    assert_eq!(bench.job(&id).await.state, JobState::Queued);
    assert_eq!(bench.queue.put_backs(), 1);
    let mut bench = bench.reopen().await;
    bench.start();
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert]);
}

#[tokio::test]
async fn a_worker_that_can_receive_nothing_asks_again_after_pauses() {
    let mut bench = Bench::new().await;
    bench.queue.go_deaf();
    bench.start();
    eventually("not ready", async || (!bench.is_ready()).then_some(())).await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.queue.receives(), 1, "the clock stands still");
    bench.turn(Duration::from_secs(15));
    eventually("another try", async || (bench.queue.receives() == 2).then_some(())).await;
    let id = bench.submit(order()).await;
    bench.queue.recover();
    bench.turn(Duration::from_secs(15));
    bench.succeeded(&id).await;
    assert!(bench.is_ready());
}
