//! Attempts that panic, hang, or take their worker with them.

use std::time::Duration;

use common::job::{Effect, FailureKind, JobId, JobState, Lease, Step, Tally, WorkerId};
use common::port::{CalendarError, Change, JobQueue as _, JobStore as _, Meeting};
use common::time::minutes;
use testing::Gate;
use testing::google::Behaviour::{Hang, HangAfterEffect, Hold, Panic, Refuse};
use testing::google::Method::{Get, Insert};

use crate::bench::{Bench, message};
use crate::order::order;
use crate::wait::eventually;

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

/// A job whose worker died: its lease is past, and its message comes again.
async fn left_behind(bench: &Bench, crashes: u32) -> JobId {
    let job = bench.job_for(&order()).await;
    let job = job.with(|fields| fields.tally = Tally { crashes, ..Tally::default() });
    bench.store.restore(&job).await.unwrap();
    let lease = Lease { worker: WorkerId::random(), until: bench.now() };
    let step = Step::Start { lease, hop: 1, tally: job.tally, effect: Effect::None };
    let change = bench.store.take(&job.id, &step, bench.now()).await.unwrap();
    assert!(matches!(change, Change::Taken(_)), "{change:?}");
    bench.queue.publish(&message(&job), common::port::Lane::Fresh, std::time::Duration::ZERO).await.unwrap();
    job.id.clone()
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

/// So many jobs that are charged with so many deaths, the last of which has yet to be noticed; and a worker for whose
/// calls Google answers once the gate is open.
async fn suspects(bench: &mut Bench, deaths: u32, jobs: usize) -> (Vec<JobId>, Gate) {
    let mut ids = Vec::new();
    for _ in 0..jobs {
        ids.push(left_behind(bench, deaths - 1).await);
    }
    let (gate, suspects) = (Gate::new(), ids.clone());
    let held = gate.clone();
    bench.google.rule(move |call| suspects.contains(&call.id).then(|| Hold(held.clone())));
    bench.start();
    (ids, gate)
}

#[tokio::test]
async fn after_each_death_the_suspects_run_in_smaller_groups_beside_all_other_work() {
    // 256 slots.
    for (deaths, group) in [(1, 32), (2, 4), (3, 1), (4, 1)] {
        let mut bench = Bench::new().await;
        let (ids, gate) = suspects(&mut bench, deaths, 40).await;
        bench.under_way(group).await;
        // Neither a new job nor a conference that is waited for is held up.
        let fresh = bench.submit(order()).await;
        bench.succeeded(&fresh).await;
        bench.google.meetings(&[Meeting::Pending, Meeting::Ready("later".to_owned())]);
        let with_conference = bench.submit(order().conference()).await;
        bench.sleeping_for(Duration::from_secs(2)).await;
        bench.turn(Duration::from_secs(2));
        bench.succeeded(&with_conference).await;
        bench.google.meetings(&[]);
        assert_eq!(bench.google.in_progress(), group, "after {deaths} deaths");
        gate.open();
        for id in &ids {
            eventually("the end of a suspect", async || {
                bench.turn(Duration::from_millis(250));
                bench.job(id).await.is_finished().then_some(())
            })
            .await;
            bench.succeeded(id).await;
            // Those that waited for a seat are charged with nothing for that.
            let tally = Tally { crashes: deaths, ..Tally::default() };
            assert_eq!(bench.job(id).await.tally, tally);
            assert_eq!(bench.google.methods(id), [Get, Insert]);
        }
    }
}

#[tokio::test]
async fn no_other_suspect_runs_beside_one_that_runs_alone() {
    let mut bench = Bench::new().await;
    let (alone, gate) = suspects(&mut bench, 3, 1).await;
    bench.under_way(1).await;
    let other = left_behind(&bench, 0).await;
    bench.delayed(1).await;
    assert_eq!(bench.google.methods(&other), []);
    gate.open();
    bench.succeeded(&alone[0]).await;
    bench.turn(Duration::from_secs(2));
    bench.succeeded(&other).await;
    let calls = bench.google.calls();
    assert!(calls.iter().all(|call| !call.overlapped), "{calls:#?}");
}

/// A delivery that came before is known for a suspect before it is leased: were the worker to die now, the job would
/// not be charged with that.
#[tokio::test]
async fn a_suspect_that_waits_for_its_group_is_not_claimed() {
    let mut bench = Bench::new().await;
    let (alone, gate) = suspects(&mut bench, 3, 1).await;
    bench.under_way(1).await;
    let job = bench.job_for(&order()).await;
    bench.store.restore(&job).await.unwrap();
    let lease = Lease { worker: WorkerId::random(), until: bench.now() };
    let step = Step::Start { lease, hop: 1, tally: job.tally, effect: Effect::None };
    bench.store.take(&job.id, &step, bench.now()).await.unwrap();
    let before = bench.job(&job.id).await;
    bench.queue.deliver_again(message(&job));
    bench.delayed(1).await;
    assert_eq!(bench.job(&job.id).await, before);
    gate.open();
    bench.succeeded(&alone[0]).await;
    bench.turn(Duration::from_secs(2));
    bench.succeeded(&job.id).await;
    assert_eq!(bench.job(&job.id).await.tally.crashes, 1);
}

/// At its start a worker that is alone takes back what the one before it left running: nothing is waited for then.
#[tokio::test]
async fn a_suspect_that_was_taken_back_at_the_start_waits_for_its_turn_alone() {
    let mut bench = Bench::new().await;
    let (alone, gate) = suspects(&mut bench, 3, 1).await;
    bench.under_way(1).await;
    let job = bench.job_for(&order()).await;
    let recovered = job.with(|fields| {
        fields.tally = Tally { crashes: 1, ..Tally::default() };
        fields.effect = Effect::Unknown;
        fields.state = JobState::Queued;
    });
    bench.store.restore(&recovered).await.unwrap();
    bench.queue.deliver_again(message(&recovered));
    bench.delayed(1).await;
    gate.open();
    bench.succeeded(&alone[0]).await;
    bench.turn(Duration::from_secs(2));
    bench.succeeded(&recovered.id).await;
}

#[tokio::test]
async fn a_record_that_was_left_running_while_the_store_was_away_is_no_death() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(CalendarError::Unavailable { status: 503, retry_after: None }));
    bench.store.refuse(|step| matches!(step, Step::Postpone { .. }));
    bench.start();
    let id = bench.submit(order()).await;
    bench.put_off(1).await;
    assert!(matches!(bench.job(&id).await.state, JobState::Running(_)));
    bench.store.recover();
    bench.turn(minutes(5));
    bench.succeeded(&id).await;
    assert_eq!(bench.job(&id).await.tally, one_attempt());
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
