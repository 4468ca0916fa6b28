//! Birthdays bear no mark of calrelay's: Google forbids it. The worker knows its own all the same.

use common::event::Submission;
use common::job::{Conference, Effect, FailureKind, JobId};
use serde_json::{Map, Value, json};
use testing::google::Behaviour::{HangAfterEffect, LoseAnswer};
use testing::google::Method::{Get, Insert};

use crate::bench::Bench;
use crate::order::{Order, order};

fn fields(name: &str, day: &str, next: &str) -> Value {
    json!({
        "summary": name, "eventType": "birthday", "start": {"date": day}, "end": {"date": next},
        "visibility": "private", "transparency": "transparent", "recurrence": ["RRULE:FREQ=YEARLY"],
    })
}

/// The birthday that is asked for.
fn birthday() -> Order {
    order().with(fields("Ada", "2027-03-02", "2027-03-03"))
}

/// A birthday as Google has it.
fn stored(name: &str, day: &str, next: &str) -> Map<String, Value> {
    let body = fields(name, day, next).to_string();
    Submission::parse(body.as_bytes()).unwrap().event.resource().clone()
}

/// A bench with a birthday under the job's id that bears no mark; the job.
async fn beside(name: &str, day: &str, next: &str) -> (Bench, JobId) {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&birthday()).await;
    bench.google.plant_unmarked(&job.id, &job.account, &stored(name, day, next));
    bench.start();
    let id = bench.submit_job(job).await;
    (bench, id)
}

#[tokio::test]
async fn a_birthday_is_written_without_the_mark_and_without_a_conference() {
    let mut bench = Bench::new().await;
    bench.start();
    let id = bench.submit(birthday()).await;
    assert!(bench.succeeded(&id).await.conference == Conference::NotAsked);
    let event = bench.google.event(&id).unwrap();
    assert_eq!((event.fingerprint, event.conference), (None, false));
    let ordinary = bench.submit(order()).await;
    bench.succeeded(&ordinary).await;
    assert!(bench.google.event(&ordinary).unwrap().fingerprint.is_some(), "only birthdays go without");
}

#[tokio::test]
async fn a_birthday_whose_answer_was_lost_is_known_again_and_written_once() {
    for hangs in [false, true] {
        let mut bench = Bench::new().await;
        bench.google.next(Insert, if hangs { HangAfterEffect } else { LoseAnswer });
        bench.start();
        let id = bench.submit(birthday()).await;
        if hangs {
            bench.cut_off().await;
        }
        assert_eq!(bench.come_due(&id).await.effect, Effect::Unknown);
        bench.succeeded(&id).await;
        assert_eq!(bench.google.methods(&id), [Insert, Get]);
    }
}

#[tokio::test]
async fn a_birthday_under_its_id_is_its_own_by_day_and_name() {
    let (bench, id) = beside("Ada", "2027-03-02", "2027-03-03").await;
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get]);
}

#[tokio::test]
async fn a_birthday_of_another_request_under_the_same_key_is_not_taken_for_its_own() {
    for (name, day, next) in [("Grace", "2027-03-02", "2027-03-03"), ("Ada", "2027-03-09", "2027-03-10")] {
        let (bench, id) = beside(name, day, next).await;
        let failure = bench.failed(&id).await;
        assert_eq!(
            (failure.kind, failure.effect),
            (FailureKind::IdempotencyKeyReused, Effect::None),
            "{name} {day}"
        );
        assert_eq!(bench.google.count(), 1);
    }
}

#[tokio::test]
async fn a_birthday_that_its_user_deleted_is_not_written_again() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&birthday()).await;
    bench.google.plant_unmarked(&job.id, &job.account, &stored("Ada", "2027-03-02", "2027-03-03"));
    bench.google.delete_by_user(&job.id);
    bench.start();
    let id = bench.submit_job(job).await;
    assert_eq!(bench.failed(&id).await.kind, FailureKind::DeletedByUser);
}
