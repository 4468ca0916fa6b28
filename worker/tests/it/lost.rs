//! Our own records fail or are gone: no event is lost, and none is made twice.

use common::job::{JobState, Step, Tally};
use common::port::{JobQueue as _, Shelf};
use common::time::minutes;
use serde_json::json;
use testing::google::Method::{Delete, Get, Insert};

use crate::bench::Bench;
use crate::order::order;
use crate::wait::eventually;

#[tokio::test]
async fn a_record_that_is_gone_is_rebuilt_and_google_asked_first() {
    let mut bench = Bench::new().await;
    let there = bench.job_for(&order()).await;
    bench.google.plant(&there.id, &there.account, Some(there.fingerprint.v1()));
    let absent = bench.job_for(&order()).await;
    for job in [&there, &absent] {
        bench.publish_only(job).await;
    }
    bench.start();
    for job in [&there, &absent] {
        bench.until("a record", &job.id, |job| matches!(job.state, JobState::Succeeded { .. })).await;
    }
    assert_eq!(bench.google.methods(&there.id), [Get]);
    assert_eq!(bench.google.methods(&absent.id), [Get, Insert]);
}

#[tokio::test]
async fn a_job_that_was_taken_back_stays_so_when_its_record_is_gone() {
    let mut bench = Bench::new().await;
    let there = bench.job_for(&order()).await;
    bench.google.plant(&there.id, &there.account, Some(there.fingerprint.v1()));
    let absent = bench.job_for(&order()).await;
    for job in [&there, &absent] {
        let vault = bench.ports().vault;
        vault.put(Shelf::Cancellations, job.id.as_str(), &json!({}), None).await.unwrap();
        bench.publish_only(job).await;
    }
    bench.start();
    bench.cancelled(&there.id).await;
    bench.cancelled(&absent.id).await;
    assert_eq!(bench.google.methods(&there.id), [Get, Delete]);
    assert_eq!(bench.google.methods(&absent.id), [Get]);
}

/// An event is there, and its success could not be recorded.
async fn unrecorded(bench: &mut Bench) -> common::job::JobId {
    bench.store.refuse(|step| matches!(step, Step::Succeed(_)));
    bench.start();
    let id = bench.submit(order()).await;
    eventually("its outcome to travel", async || {
        let depth = bench.queue.depth().await.unwrap();
        (depth.delayed == 1 && depth.taken == 0).then_some(())
    })
    .await;
    assert!(matches!(bench.job(&id).await.state, JobState::Running(_)));
    bench.store.recover();
    id
}

#[tokio::test]
async fn a_success_that_cannot_be_recorded_travels_with_its_message() {
    let mut bench = Bench::new().await;
    let id = unrecorded(&mut bench).await;
    bench.turn(minutes(2));
    let result = bench.succeeded(&id).await;
    assert_eq!(result.event_id, id.as_str());
    assert_eq!(bench.google.methods(&id), [Insert]);
    assert_eq!(bench.job(&id).await.tally, Tally::default());
}

#[tokio::test]
async fn an_unrecorded_success_that_is_taken_back_is_undone() {
    let mut bench = Bench::new().await;
    let id = unrecorded(&mut bench).await;
    bench.cancel(&id).await;
    bench.turn(minutes(2));
    bench.cancelled(&id).await;
    assert!(bench.google.event(&id).unwrap().cancelled);
}
