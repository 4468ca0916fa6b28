//! Attempts that panic, hang, or take their worker with them.

use common::job::{Claim, Effect, FailureKind, Job, JobId, Step, Tally, WorkerId};
use common::port::{Change, JobQueue as _, JobStore as _};

use crate::bench::{Bench, message};
use crate::google::Behaviour::{Hang, HangAfterEffect, Hold, Panic};
use crate::google::Gate;
use crate::google::Method::{Get, Insert};
use crate::order::order;

fn one_attempt() -> Tally {
    Tally { attempts: 1, ..Tally::default() }
}

#[tokio::test]
async fn a_panic_is_caught_and_counts_as_one_attempt() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Panic);
    bench.start();
    let id = bench.submit(order()).await;
    let job = bench.come_due(&id).await;
    assert_eq!((job.tally, job.effect), (one_attempt(), Effect::Unknown));
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert]);
}

#[tokio::test]
async fn a_hang_is_cut_at_the_deadline_and_counts_as_one_attempt() {
    for (hang, expected) in [(Hang, &[Insert, Get, Insert][..]), (HangAfterEffect, &[Insert, Get][..])] {
        let mut bench = Bench::new().await;
        bench.google.next(Insert, hang);
        bench.start();
        let id = bench.submit(order()).await;
        bench.cut_off().await;
        let job = bench.come_due(&id).await;
        assert_eq!((job.tally, job.effect), (one_attempt(), Effect::Unknown));
        bench.succeeded(&id).await;
        assert_eq!(bench.google.methods(&id), expected);
    }
}

/// A job whose worker died: its claim is past, and its message comes again.
async fn left_behind(bench: &Bench, crashes: u32) -> JobId {
    let job = bench.job_for(&order()).await;
    let job = Job { tally: Tally { crashes, ..Tally::default() }, ..job };
    bench.store.restore(&job).await.unwrap();
    let claim = Claim { worker: WorkerId::random(), until: bench.now() };
    let step = Step::Start { claim, hop: 1, tally: job.tally, effect: Effect::None };
    let change = bench.store.take(&job.id, &step, bench.now()).await.unwrap();
    assert!(matches!(change, Change::Taken(_)), "{change:?}");
    bench.queue.publish(&message(&job), common::port::Lane::Fresh, std::time::Duration::ZERO).await.unwrap();
    job.id
}

#[tokio::test]
async fn a_job_whose_worker_died_is_taken_over_and_the_crash_counted() {
    let mut bench = Bench::new().await;
    let id = left_behind(&bench, 0).await;
    bench.start();
    bench.succeeded(&id).await;
    assert_eq!(bench.job(&id).await.tally, Tally { crashes: 1, ..Tally::default() });
    assert_eq!(bench.google.methods(&id), [Get, Insert], "the write may have happened");
}

#[tokio::test]
async fn a_job_that_killed_two_workers_runs_alone() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    for _ in 0..4 {
        bench.google.next(Insert, Hold(gate.clone()));
    }
    bench.start();
    let mut ordinary = Vec::new();
    for _ in 0..4 {
        ordinary.push(bench.submit(order()).await);
    }
    bench.under_way(4).await;
    let suspect = left_behind(&bench, 1).await;
    bench.until("its crash to be noticed", &suspect, |job| job.tally.crashes == 2).await;
    // It waits for the others, and whoever comes now waits for it.
    let after = bench.submit(order()).await;
    bench.until("it to let go again", &suspect, |job| job.state.name().as_str() == "queued").await;
    assert_eq!(bench.google.methods(&suspect), []);
    gate.open();
    bench.succeeded(&suspect).await;
    for id in ordinary.iter().chain([&after]) {
        bench.succeeded(id).await;
    }
    let calls = bench.google.calls();
    assert!(calls.iter().filter(|call| call.id == suspect).all(|call| !call.overlapped), "{calls:#?}");
    assert!(calls.iter().any(|call| call.overlapped), "the others ran together");
    assert_eq!(bench.google.methods(&suspect), [Get, Insert]);
}

#[tokio::test]
async fn a_job_that_killed_five_workers_is_poison() {
    let mut bench = Bench::new().await;
    let id = left_behind(&bench, 4).await;
    bench.start();
    // What the last worker may have written is looked for again until it cannot be on its way any more.
    bench.come_due(&id).await;
    bench.until("a later look", &id, |job| job.tally.deferrals == 2).await;
    bench.come_due(&id).await;
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Poison, Effect::None));
    assert_eq!(bench.google.methods(&id), [Get, Get, Get], "asked, and not tried again");
}

#[tokio::test]
async fn poison_that_left_its_event_behind_has_succeeded() {
    let mut bench = Bench::new().await;
    let id = left_behind(&bench, 4).await;
    let job = bench.job(&id).await;
    bench.google.plant(&id, &job.account, Some(job.fingerprint.v1()));
    bench.start();
    bench.succeeded(&id).await;
}
