//! Google carries a write out after its client has given up: no end is concluded from its not being there yet.

use std::time::Duration;

use common::event::SendUpdates;
use common::job::{Effect, FailureKind, JobId, JobState, Tally, WaitReason};
use common::port::{CalendarError, JobStore as _};
use common::time::{after, minutes, until};
use serde_json::json;
use testing::google::Behaviour::{Late, LoseAnswer, Refuse};
use testing::google::Method::{Delete, Get, Insert};

use crate::bench::Bench;
use crate::order::{TITLE, order};

const FAILING: CalendarError = CalendarError::Unavailable { status: 503, retry_after: None };

/// A job that waits, its insert being on its way.
async fn on_its_way(bench: &mut Bench, order: crate::order::Order) -> JobId {
    bench.google.next(Insert, Late);
    bench.start();
    let id = bench.submit(order).await;
    let job = bench.waiting(&id).await;
    assert_eq!(job.write_began_at, Some(bench.now()));
    id
}

/// The job has ended with no event, and the insert that is still on its way makes none.
async fn leaves_nothing(bench: &Bench, id: &JobId) {
    assert_eq!(bench.job(id).await.effect, Effect::None);
    assert!(!bench.google.land(id), "the late write made an event");
    assert!(bench.google.event(id).is_none_or(|event| event.cancelled));
}

#[tokio::test]
async fn a_job_that_is_taken_back_while_its_write_is_on_its_way_uses_its_id_up() {
    let mut bench = Bench::new().await;
    let id = on_its_way(&mut bench, order().guests(2)).await;
    assert!(bench.cancel(&id).await.cancel_requested);
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert, Delete], "it need not wait for the write");
    let stored = bench.google.event(&id).expect("the id is taken");
    assert!(stored.cancelled);
    assert_eq!((stored.guests, &stored.resource["transparency"]), (0, &json!("transparent")));
    let written = serde_json::to_string(&stored.resource).expect("JSON");
    assert!(!written.contains(TITLE) && !written.contains("2027"), "{written}");
    assert_eq!(bench.google.told_of_deletions(&id), [SendUpdates::None]);
    leaves_nothing(&bench, &id).await;
}

#[tokio::test]
async fn a_late_write_that_is_there_first_is_deleted_as_its_creation_was_told_of() {
    let mut bench = Bench::new().await;
    let id = on_its_way(&mut bench, order().with(json!({"sendUpdates": "externalOnly"}))).await;
    bench.google.land(&id);
    // It is there only after the look: the insert that is to use the id up meets it.
    bench.google.next(Get, Refuse(CalendarError::NotFound));
    bench.cancel(&id).await;
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert, Get, Delete]);
    assert!(bench.google.event(&id).unwrap().cancelled);
    assert_eq!(bench.google.told_of_deletions(&id), [SendUpdates::ExternalOnly]);
}

#[tokio::test]
async fn the_write_that_uses_an_id_up_may_itself_be_late() {
    let mut bench = Bench::new().await;
    let id = on_its_way(&mut bench, order()).await;
    bench.google.next(Insert, Late);
    bench.cancel(&id).await;
    bench.until("a failed try", &id, |job| job.tally.attempts == 2).await;
    bench.put_off(2).await;
    bench.turn(minutes(2));
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert, Get, Insert, Delete]);
    leaves_nothing(&bench, &id).await;
}

#[tokio::test]
async fn an_id_whose_using_up_was_not_answered_is_found_again() {
    let mut bench = Bench::new().await;
    let id = on_its_way(&mut bench, order()).await;
    bench.google.next(Insert, LoseAnswer);
    bench.cancel(&id).await;
    bench.until("a failed try", &id, |job| job.tally.attempts == 2).await;
    bench.come_due(&id).await;
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert, Get, Delete]);
    assert_eq!(bench.google.told_of_deletions(&id), [SendUpdates::None]);
    leaves_nothing(&bench, &id).await;
}

#[tokio::test]
async fn a_cancellation_that_comes_long_after_the_write_only_looks() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(FAILING));
    bench.google.rule(|call| (call.method == Get).then_some(Refuse(CalendarError::ScopeMissing)));
    bench.start();
    let id = bench.submit(order()).await;
    bench.come_due(&id).await;
    let job = bench.blocked(&id).await;
    bench.google.recover();
    bench.clock.turn_to(after(job.updated_at, minutes(12)));
    bench.connect(&job.account).await;
    bench.cancel(&id).await;
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Get]);
    assert_eq!(bench.google.event(&id).map(|event| event.cancelled), None);
}

/// Google may not be given a write that uses the id up: the job says that it does not know.
#[tokio::test]
async fn an_id_that_cannot_be_used_up_is_owned_up_to() {
    let mut bench = Bench::new().await;
    let id = on_its_way(&mut bench, order()).await;
    let forbidden =
        CalendarError::Refused { status: 403, reason: "forbidden".to_owned(), message: String::new() };
    bench.google.next(Insert, Refuse(forbidden));
    bench.cancel(&id).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::CancellationUnconfirmed, Effect::Unknown));
}

/// Waits until the job looks for its write again at this instant, and turns the clock to it.
async fn looks_again(bench: &Bench, id: &JobId, at: jiff::Timestamp) {
    let state = JobState::Waiting { why: WaitReason::Retry, until: at };
    bench.until("a later look", id, |job| job.state == state).await;
    bench.put_off(1).await;
    bench.clock.turn_to(at);
}

/// A job whose only insert is on its way and whose time is over; answers when the insert began.
async fn overdue(bench: &mut Bench) -> (JobId, jiff::Timestamp) {
    let id = on_its_way(bench, order().not_after(Duration::from_secs(90))).await;
    let began = bench.now();
    bench.google.rule(|call| (call.method == Insert).then_some(Refuse(FAILING)));
    bench.clock.turn_to(bench.job(&id).await.not_after);
    (id, began)
}

#[tokio::test]
async fn a_job_that_expires_while_its_write_is_on_its_way_looks_again() {
    let mut bench = Bench::new().await;
    let (id, began) = overdue(&mut bench).await;
    looks_again(&bench, &id, after(began, minutes(2))).await;
    looks_again(&bench, &id, after(began, minutes(12))).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Expired, Effect::None));
    assert_eq!(bench.google.methods(&id), [Insert, Get, Get, Get]);
}

#[tokio::test]
async fn a_write_that_takes_effect_after_its_jobs_deadline_is_a_success() {
    for looks in [1, 2] {
        let mut bench = Bench::new().await;
        let (id, began) = overdue(&mut bench).await;
        let mut times = [minutes(2), minutes(12)].map(|span| after(began, span)).into_iter();
        for at in times.by_ref().take(looks - 1) {
            looks_again(&bench, &id, at).await;
        }
        let next = times.next().expect("another look");
        bench.until("a later look", &id, |job| job.next_attempt_at() == Some(next)).await;
        bench.google.land(&id);
        looks_again(&bench, &id, next).await;
        bench.succeeded(&id).await;
        assert!(!bench.google.event(&id).unwrap().cancelled);
    }
}

/// A job with so many failed attempts, of which the last has left its insert on its way.
async fn exhausted(bench: &mut Bench) -> JobId {
    // Few, so that the next delivery is not long after this one.
    bench.settings.max_attempts = 2;
    let job = bench.job_for(&order()).await;
    let tally = Tally { attempts: 1, ..Tally::default() };
    bench.google.next(Insert, Late);
    bench.start();
    let id = bench.submit_job(job.with(|fields| fields.tally = tally)).await;
    bench.come_due(&id).await;
    id
}

#[tokio::test]
async fn a_job_whose_last_attempt_is_on_its_way_looks_again_and_can_be_replayed() {
    let mut bench = Bench::new().await;
    let began = bench.now();
    let id = exhausted(&mut bench).await;
    looks_again(&bench, &id, after(began, minutes(2))).await;
    looks_again(&bench, &id, after(began, minutes(12))).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::AttemptsExhausted, Effect::None));
    assert!(failure.kind.retryable());
    assert!(bench.google.land(&id));
}

#[tokio::test]
async fn a_write_that_takes_effect_after_the_last_attempt_is_a_success() {
    let mut bench = Bench::new().await;
    let id = exhausted(&mut bench).await;
    bench.until("a later look", &id, |job| job.tally.deferrals == 1).await;
    bench.google.land(&id);
    bench.come_due(&id).await;
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn a_refusal_says_nothing_of_an_earlier_write_that_is_on_its_way() {
    let mut bench = Bench::new().await;
    let id = on_its_way(&mut bench, order()).await;
    let refusal =
        CalendarError::Refused { status: 400, reason: "invalid".to_owned(), message: String::new() };
    bench.google.next(Insert, Refuse(refusal));
    bench.come_due(&id).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Refused, Effect::Unknown));
}

#[tokio::test]
async fn a_job_that_looks_again_can_still_be_taken_back_at_once() {
    let mut bench = Bench::new().await;
    let (id, began) = overdue(&mut bench).await;
    let next = after(began, minutes(2));
    bench.until("a later look", &id, |job| job.next_attempt_at() == Some(next)).await;
    bench.google.recover();
    assert!(bench.cancel(&id).await.cancel_requested);
    bench.cancelled(&id).await;
    leaves_nothing(&bench, &id).await;
    assert!(until(bench.now(), next) > Duration::ZERO, "the clock stood still");
}

#[tokio::test]
async fn a_record_of_the_build_before_may_have_a_write_on_its_way() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order().not_after(minutes(1))).await;
    // That build wrote neither when its write began, nor looked again.
    let job = job.with(|fields| {
        fields.effect = Effect::Unknown;
        fields.state = JobState::Queued;
    });
    bench.store.restore(&job).await.unwrap();
    bench.publish_only(&job).await;
    bench.turn(minutes(1));
    let began = bench.now();
    bench.start();
    looks_again(&bench, &job.id, after(began, minutes(2))).await;
    looks_again(&bench, &job.id, after(began, minutes(12))).await;
    assert_eq!(bench.failed(&job.id).await.effect, Effect::None);
}
