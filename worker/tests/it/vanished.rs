//! Records vanish under an attempt: it puts its own back, and lets nobody be misled.

use common::job::{Effect, Job, JobState, Step, Tally};
use common::port::{CalendarError, JobStore as _};
use testing::Gate;
use testing::google::Answering;
use testing::google::Behaviour::{Hold, HoldThen, Refuse};
use testing::google::Method::{Delete, Get, Insert};

use crate::bench::{Bench, message};
use crate::order::order;
use crate::wait::eventually;

const FAILING: CalendarError = CalendarError::Unavailable { status: 503, retry_after: None };

/// A job whose insert is under way behind a gate; all records have been lost meanwhile.
async fn wiped_in_flight(bench: &mut Bench, gate: &Gate) -> Job {
    bench.start();
    let job = bench.job_for(&order()).await;
    bench.submit_job(job.clone()).await;
    bench.under_way(1).await;
    assert!(!gate.is_open());
    bench.wipe().await;
    job
}

#[tokio::test]
async fn a_success_is_recorded_though_its_record_has_vanished() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Insert, Hold(gate.clone()));
    let job = wiped_in_flight(&mut bench, &gate).await;
    gate.open();
    bench.until("a record", &job.id, |job| matches!(job.state, JobState::Succeeded { .. })).await;
    assert_eq!(bench.google.methods(&job.id), [Insert]);
}

#[tokio::test]
async fn a_retry_is_recorded_though_its_record_has_vanished() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Insert, HoldThen(gate.clone(), Box::new(Refuse(FAILING))));
    let job = wiped_in_flight(&mut bench, &gate).await;
    gate.open();
    let waiting = bench.until("a record", &job.id, |job| matches!(job.state, JobState::Waiting { .. })).await;
    assert_eq!((waiting.tally, waiting.effect), (Tally::default().attempted(), Effect::Unknown));
    bench.come_due(&job.id).await;
    bench.succeeded(&job.id).await;
    assert_eq!(bench.google.methods(&job.id), [Insert, Get, Insert]);
}

#[tokio::test]
async fn a_record_that_somebody_else_has_restored_does_not_lose_the_job() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Insert, HoldThen(gate.clone(), Box::new(Refuse(FAILING))));
    let job = wiped_in_flight(&mut bench, &gate).await;
    bench.store.restore(&message(&job).rebuild(bench.now())).await.unwrap();
    gate.open();
    bench.come_due(&job.id).await;
    bench.succeeded(&job.id).await;
}

#[tokio::test]
async fn a_record_that_vanishes_before_the_write_is_put_back_with_the_claim() {
    let mut bench = Bench::new().await;
    let (token, gate) = (Gate::new(), Gate::new());
    bench.endpoint.next(Answering::Hold(token.clone(), None));
    bench.google.next(Insert, Hold(gate.clone()));
    bench.start();
    let id = bench.submit(order()).await;
    eventually("a request for a token", async || (bench.endpoint.refreshes() == 1).then_some(())).await;
    bench.wipe().await;
    token.open();
    let marked = |job: &Job| matches!(job.state, JobState::Running(_)) && job.effect == Effect::Unknown;
    bench.until("its claim and its mark", &id, marked).await;
    gate.open();
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn a_job_that_was_taken_back_before_its_record_vanished_is_not_written() {
    let mut bench = Bench::new().await;
    let token = Gate::new();
    bench.endpoint.next(Answering::Hold(token.clone(), None));
    bench.start();
    let id = bench.submit(order()).await;
    eventually("a request for a token", async || (bench.endpoint.refreshes() == 1).then_some(())).await;
    bench.cancel(&id).await;
    bench.wipe().await;
    token.open();
    bench.until("its end", &id, |job| job.state == JobState::Cancelled).await;
    assert!(!bench.google.methods(&id).contains(&Insert));
}

#[tokio::test]
async fn an_event_whose_job_was_taken_back_before_its_record_vanished_goes_again() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Insert, Hold(gate.clone()));
    bench.start();
    let id = bench.submit(order()).await;
    bench.under_way(1).await;
    assert!(bench.cancel(&id).await.cancel_requested);
    bench.wipe().await;
    gate.open();
    bench.until("its end", &id, |job| job.state == JobState::Cancelled).await;
    assert!(bench.google.event(&id).unwrap().cancelled);
    assert_eq!(bench.google.methods(&id), [Insert, Get, Delete]);
}

#[tokio::test]
async fn a_job_that_was_taken_back_stays_so_when_records_vanish_while_it_waits() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(FAILING));
    bench.start();
    let id = bench.submit(order()).await;
    let waiting = bench.waiting(&id).await;
    // Its caller's wish is recorded, and lost with the record before anybody could act on it.
    bench.cancel_in_the_vault(&id).await;
    bench.store.take(&id, &Step::Cancel, bench.now()).await.unwrap();
    bench.wipe().await;
    bench.clock.turn_to(waiting.next_attempt_at().unwrap());
    bench.until("its end", &id, |job| job.state == JobState::Cancelled).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert, Delete], "its write may be on its way");
    assert!(bench.google.event(&id).unwrap().cancelled);
}
