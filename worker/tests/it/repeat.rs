//! The id is taken: whose event is it, and what then?

use common::fingerprint::Fingerprint;
use common::job::{Effect, FailureKind, Job, JobState};
use common::port::CalendarError;
use testing::Gate;
use testing::google::Behaviour::{Hold, Refuse};
use testing::google::Method::{Delete, Get, Insert};

use crate::bench::Bench;
use crate::order::order;

const FAILING: CalendarError = CalendarError::Unavailable { status: 503, retry_after: None };

/// A job whose event somebody has made before, with this fingerprint or its own.
async fn taken(bench: &Bench, fingerprint: Option<&str>) -> Job {
    let job = bench.job_for(&order()).await;
    bench.google.plant(&job.id, &job.account, Some(fingerprint.unwrap_or(job.fingerprint.v1())));
    job
}

#[tokio::test]
async fn an_id_that_is_taken_by_our_own_event_is_success() {
    let mut bench = Bench::new().await;
    bench.start();
    let job = taken(&bench, None).await;
    let id = bench.submit_job(job).await;
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get]);
}

#[tokio::test]
async fn an_event_of_another_request_is_left_alone() {
    let mut bench = Bench::new().await;
    bench.start();
    let job = taken(&bench, Some("another request")).await;
    let id = bench.submit_job(job).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::IdempotencyKeyReused, Effect::None));
    assert_eq!(bench.google.methods(&id), [Insert, Get]);
    assert!(!bench.google.event(&id).unwrap().cancelled);
}

#[tokio::test]
async fn an_event_that_its_user_deleted_is_not_made_again() {
    let mut bench = Bench::new().await;
    bench.start();
    let job = taken(&bench, None).await;
    bench.google.delete_by_user(&job.id);
    let id = bench.submit_job(job).await;
    assert_eq!(bench.failed(&id).await.kind, FailureKind::DeletedByUser);
    assert!(bench.google.event(&id).unwrap().cancelled);
}

#[tokio::test]
async fn an_id_that_is_taken_by_nothing_to_be_seen_is_an_ordinary_retry() {
    let mut bench = Bench::new().await;
    bench.google.rule(|call| (call.method == Insert).then_some(Refuse(CalendarError::Duplicate)));
    bench.start();
    let id = bench.submit(order()).await;
    // More often than a calendar that is not found would be looked for.
    for attempts in 1..=4 {
        let job = bench.until("another attempt", &id, |job| job.tally.attempts == attempts).await;
        assert!(matches!(job.state, JobState::Waiting { .. }), "{:?}", job.state);
        assert_eq!(job.effect, Effect::Unknown, "something has the id: it may be ours");
        bench.come_due(&id).await;
    }
    bench.until("a fifth attempt", &id, |job| job.tally.attempts == 5).await;
    bench.google.recover();
    bench.come_due(&id).await;
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn what_has_the_id_is_asked_for_again_before_the_job_fails() {
    let mut bench = Bench::new().await;
    bench.settings.max_attempts = 1;
    bench.google.next(Get, Refuse(FAILING));
    bench.start();
    let job = taken(&bench, None).await;
    let id = bench.submit_job(job).await;
    bench.come_due(&id).await;
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Get]);
}

#[tokio::test]
async fn an_event_that_was_there_is_deleted_when_its_job_is_taken_back_meanwhile() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Get, Hold(gate.clone()));
    bench.start();
    let job = taken(&bench, None).await;
    let id = bench.submit_job(job).await;
    bench.under_way(1).await;
    bench.until("the look", &id, |_| bench.google.methods(&id) == [Insert, Get]).await;
    bench.cancel(&id).await;
    gate.open();
    bench.cancelled(&id).await;
    assert!(bench.google.event(&id).unwrap().cancelled);
    assert!(bench.google.methods(&id).ends_with(&[Get, Delete]));
}

#[tokio::test]
async fn an_event_of_the_same_request_in_other_words_is_our_own() {
    let mut bench = Bench::new().await;
    bench.start();
    let job = bench.job_for(&order()).await;
    let there = Fingerprint::stored("other words".to_owned(), Some("the same meaning".to_owned()));
    bench.google.plant_with(&job.id, &job.account, Some(there.clone()));
    let v1 = job.fingerprint.v1().to_owned();
    let job = job.with(|fields| fields.fingerprint = Fingerprint::stored(v1, there.v2().map(str::to_owned)));
    let id = bench.submit_job(job).await;
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get]);
}
