//! Two deliveries of one job never run at the same time, and copies die out.

use std::time::Duration;

use common::job::JobState;
use common::port::{JobQueue as _, JobStore as _, Lane};
use common::time::minutes;
use testing::Gate;
use testing::google::Behaviour::Hold;
use testing::google::Method::Insert;

use crate::bench::Bench;
use crate::order::order;
use crate::wait::eventually;

#[tokio::test]
async fn a_second_delivery_of_a_running_job_is_parked() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Insert, Hold(gate.clone()));
    bench.start();
    let job = bench.job_for(&order()).await;
    let id = bench.submit_job(job.clone()).await;
    bench.under_way(1).await;
    bench.publish_only(&job).await;
    eventually("parked", async || (bench.queue.depth().await.unwrap().delayed == 1).then_some(())).await;
    let running = bench.job(&id).await;
    assert!(matches!(running.state, JobState::Running(_)), "{:?}", running.state);
    gate.open();
    bench.succeeded(&id).await;
    bench.turn(minutes(1));
    assert_eq!(bench.quiet().await.delayed, 0);
    assert_eq!(bench.google.methods(&id), [Insert]);
    assert_eq!(bench.job(&id).await.tally, Default::default(), "nothing is counted");
}

#[tokio::test]
async fn a_stale_copy_is_forgotten() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await;
    bench
        .store
        .restore(&job.with(|fields| {
            fields.hop = 5;
            fields.state = JobState::Queued;
        }))
        .await
        .unwrap();
    bench.publish_only(&job).await;
    bench.start();
    assert_eq!(bench.quiet().await.delayed, 0);
    assert_eq!(bench.google.methods(&job.id), []);
    assert_eq!(bench.job(&job.id).await.state, JobState::Queued, "its newer message is still to come");
}

#[tokio::test]
async fn a_message_of_an_unknown_version_is_kept_as_a_dead_letter() {
    let mut bench = Bench::new().await;
    bench.publish_bytes(br#"{"v":99,"job":"?"}"#).await;
    bench.publish_bytes(b"not a message").await;
    bench.start();
    let id = bench.submit(order()).await;
    bench.succeeded(&id).await;
    let depth = bench.quiet().await;
    assert_eq!((depth.dead, depth.delayed), (2, 0));
}

#[tokio::test]
async fn two_workers_never_run_the_same_job_at_once() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    let held = gate.clone();
    bench.google.rule(move |_| Some(Hold(held.clone())));
    bench.start();
    let job = bench.job_for(&order()).await;
    bench.submit_job(job.clone()).await;
    for _ in 0..5 {
        bench.queue_copy(&job, Lane::Due).await;
    }
    eventually("all parked", async || (bench.queue.depth().await.unwrap().delayed == 5).then_some(())).await;
    bench.under_way(1).await;
    gate.open();
    bench.succeeded(&job.id).await;
    bench.turn(Duration::from_secs(60));
    assert_eq!(bench.quiet().await.delayed, 0);
    assert_eq!(bench.google.methods(&job.id), [Insert]);
}
