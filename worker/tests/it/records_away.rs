//! Records are away: jobs are done without them, and no job twice.

use std::time::Duration;

use common::job::{Effect, FailureKind, Job, JobId, JobState, Lease, Step, Tally, WorkerId};
use common::message::{Message, Progress};
use common::port::{CalendarError, Change, JobQueue as _, JobStore as _, Lane, ThrottledKey};
use common::time::{after, minutes, until};
use testing::Gate;
use testing::google::Answering;
use testing::google::Behaviour::{Hang, Hold, LoseAnswer, Refuse};
use testing::google::Method::{Delete, Get, Insert};

use crate::bench::{Bench, message};
use crate::order::order;
use crate::wait::eventually;

/// As long as an attempt can last.
const CLAIM: Duration = Duration::from_secs(60);
/// A worker without work notices within this that records are away.
const LOOK: Duration = Duration::from_secs(5);

const FAILING: CalendarError = CalendarError::Unavailable { status: 503, retry_after: None };

/// A worker whose first request for a token waits for a gate.
async fn waiting_for_a_token(bench: &mut Bench) -> (Job, Gate) {
    let gate = Gate::new();
    bench.endpoint.next(Answering::Hold(gate.clone(), None));
    bench.start();
    let job = bench.job_for(&order()).await;
    bench.submit_job(job.clone()).await;
    eventually("a request for a token", async || (bench.endpoint.refreshes() == 1).then_some(())).await;
    (job, gate)
}

/// The same, with the attempt begun while records were away; they are there again.
async fn begun_without_records(bench: &mut Bench) -> (Job, Gate) {
    bench.store.refuse(|step| matches!(step, Step::Start { .. }));
    let begun = waiting_for_a_token(bench).await;
    bench.store.recover();
    begun
}

fn insertions(bench: &Bench, id: &JobId) -> usize {
    bench.google.methods(id).iter().filter(|method| **method == Insert).count()
}

#[tokio::test]
async fn jobs_are_done_while_records_are_away_and_recorded_when_they_are_back() {
    let mut bench = Bench::new().await;
    let known = bench.submit(order()).await;
    let unknown = bench.job_for(&order()).await;
    bench.publish_only(&unknown).await;
    bench.store.go_away();
    bench.start();
    bench.put_off(2).await;
    // Not for as long as they are away.
    bench.turn(minutes(2));
    bench.put_off(2).await;
    assert_eq!(bench.google.count(), 2);
    assert_eq!(bench.job(&known).await.state, JobState::Queued);
    bench.store.recover();
    bench.turn(minutes(2));
    bench.quiet().await;
    for id in [&known, &unknown.id] {
        assert_eq!(bench.succeeded(id).await.event_id, id.as_str());
        assert_eq!(bench.job(id).await.tally, Tally::default());
        assert_eq!(bench.google.methods(id), [Get, Insert], "whatever was known of it is not known now");
    }
}

#[tokio::test]
async fn a_job_that_was_taken_back_while_records_were_away_is_not_done() {
    let mut bench = Bench::new().await;
    let id = bench.submit(order()).await;
    bench.store.go_away();
    bench.cancel_in_the_vault(&id).await;
    bench.start();
    bench.put_off(1).await;
    bench.store.recover();
    bench.turn(minutes(2));
    bench.cancelled(&id).await;
    assert_eq!(insertions(&bench, &id), 0);
}

#[tokio::test]
async fn a_job_that_was_taken_back_while_records_were_away_is_not_done_by_a_worker_that_missed_it() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, Refuse(FAILING));
    bench.start();
    let id = bench.submit(order()).await;
    bench.waiting(&id).await;
    bench.cancel_in_the_vault(&id).await;
    bench.come_due(&id).await;
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert, Delete], "its write may be on its way");
    assert!(bench.google.event(&id).unwrap().cancelled);
}

#[tokio::test]
async fn a_second_delivery_without_a_record_is_put_aside_for_as_long_as_an_attempt_lasts() {
    for away in [true, false] {
        let mut bench = Bench::new().await;
        let job = bench.job_for(&order()).await;
        if away {
            bench.submit_job(job.clone()).await;
            bench.store.go_away();
        }
        bench.start();
        bench.put_off(u64::from(away)).await;
        bench.queue.deliver_again(message(&job));
        bench.put_off(u64::from(away) + 1).await;
        let calls = bench.google.methods(&job.id);
        assert_eq!(calls.len(), if away { 2 } else { 0 }, "those of the first delivery");
        bench.store.recover();
        bench.turn(CLAIM.saturating_sub(Duration::from_millis(1)));
        assert_eq!(bench.google.methods(&job.id), calls);
        bench.turn(minutes(2));
        bench.quiet().await;
        let job = bench.ended(&job.id).await;
        assert!(matches!(job.state, JobState::Succeeded { .. }), "{:?}", job.state);
        assert_eq!(job.tally, Tally::default(), "nothing is counted");
        assert_eq!(bench.google.methods(&job.id)[..2], [Get, Insert]);
        assert_eq!(insertions(&bench, &job.id), 1);
    }
}

#[tokio::test]
async fn without_records_a_job_that_was_looked_for_and_lost_its_turn_is_not_looked_for_again() {
    let mut bench = Bench::new().await;
    // One call in ten seconds: the second does not wait for it in hand.
    bench.settings.quotas.account_per_minute = 6;
    let job = bench.job_for(&order()).await;
    bench.publish_only(&job).await;
    bench.store.go_away();
    bench.start();
    bench.put_off(1).await;
    assert_eq!(bench.google.methods(&job.id), [Get]);
    bench.pass_until("the insert", Duration::from_secs(1), || bench.google.methods(&job.id).len() == 2).await;
    assert_eq!(bench.google.methods(&job.id), [Get, Insert], "nobody can have written since");
    assert!(bench.google.event(&job.id).is_some());
}

#[tokio::test]
async fn without_records_a_job_is_looked_for_again_where_a_write_may_have_taken_effect_since() {
    for (began, redelivered, expected) in [
        (None, false, vec![Insert]),
        (Some(minutes(12)), false, vec![Insert]),
        // Google may have carried it out after the look.
        (Some(minutes(11)), false, vec![Get, Insert]),
        // An attempt at the first delivery may have.
        (None, true, vec![Get, Insert]),
    ] {
        let mut bench = Bench::new().await;
        bench.turn(minutes(60));
        let job = bench.job_for(&order()).await;
        let write_began_at = began.map(|ago: Duration| bench.now() - ago);
        let effect = if began.is_some() { Effect::Unknown } else { Effect::None };
        let progress = Progress { looked: Some(bench.now()), ..Progress::default() };
        let message = Message { write_began_at, effect, progress, ..message(&job) };
        bench.store.go_away();
        bench.start();
        if redelivered {
            bench.queue.deliver_again(message);
            bench.put_off(1).await;
            assert_eq!(bench.google.methods(&job.id), []);
            bench.turn(minutes(2));
        } else {
            bench.queue.publish(&message, Lane::Fresh, Duration::ZERO).await.unwrap();
        }
        eventually("the insert", async || (insertions(&bench, &job.id) == 1).then_some(())).await;
        assert_eq!(bench.google.methods(&job.id), expected, "{began:?} {redelivered}");
    }
}

#[tokio::test]
async fn a_second_delivery_of_a_job_that_was_looked_for_looks_again() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await;
    bench.store.restore(&job.with(|fields| fields.state = JobState::Queued)).await.unwrap();
    bench.start();
    let progress = Progress { looked: Some(bench.now()), ..Progress::default() };
    bench.queue.deliver_again(Message { progress, ..message(&job) });
    bench.succeeded(&job.id).await;
    assert_eq!(bench.google.methods(&job.id), [Get, Insert], "who had it before may have written");
}

#[tokio::test]
async fn a_second_delivery_soon_after_records_were_away_is_put_aside() {
    let mut bench = Bench::new().await;
    bench.store.go_away();
    bench.start();
    // It has nothing to do with records, and looks for them all the same.
    bench.sleeping_for(LOOK).await;
    bench.store.recover();
    let job = bench.job_for(&order()).await;
    bench.store.restore(&job.with(|fields| fields.state = JobState::Queued)).await.unwrap();
    bench.queue.deliver_again(message(&job));
    bench.put_off(1).await;
    assert_eq!(bench.google.methods(&job.id), []);
    bench.turn(CLAIM);
    bench.succeeded(&job.id).await;
    assert_eq!(bench.google.methods(&job.id), [Get, Insert]);
    // A while later the records can be believed again.
    bench.turn(CLAIM);
    let later = bench.job_for(&order()).await;
    bench.store.restore(&later.with(|fields| fields.state = JobState::Queued)).await.unwrap();
    bench.queue.deliver_again(message(&later));
    bench.succeeded(&later.id).await;
    assert_eq!(bench.google.methods(&later.id), [Get, Insert], "a second delivery asks first in any case");
}

#[tokio::test]
async fn a_first_delivery_soon_after_records_were_away_is_not_put_aside() {
    let mut bench = Bench::new().await;
    bench.store.go_away();
    bench.start();
    bench.sleeping_for(LOOK).await;
    bench.store.recover();
    let id = bench.submit(order()).await;
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert]);
}

#[tokio::test]
async fn no_insert_is_issued_by_a_second_worker_while_the_first_may_be_running() {
    let mut bench = Bench::new().await;
    // One job at a time each: whoever is free is the other one.
    bench.settings.concurrency = 1;
    bench.store.go_away();
    bench.google.next(Insert, Hang);
    bench.start();
    bench.start_second();
    let job = bench.job_for(&order()).await;
    bench.publish_only(&job).await;
    bench.under_way(1).await;
    bench.queue.deliver_again(message(&job));
    eventually("it to be put aside", async || {
        (bench.queue.depth().await.unwrap().delayed == 1).then_some(())
    })
    .await;
    bench.cut_off().await;
    bench.put_off(2).await;
    assert_eq!(bench.google.methods(&job.id), [Get, Insert]);
    bench.store.recover();
    bench.turn(CLAIM);
    bench.until("a record", &job.id, |job| matches!(job.state, JobState::Succeeded { .. })).await;
    let calls = bench.google.calls();
    assert!(calls.iter().all(|call| !call.overlapped), "{calls:#?}");
    assert_eq!(bench.google.count(), 1);
}

#[tokio::test]
async fn two_copies_of_a_job_without_a_record_do_not_run_side_by_side() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Insert, Hold(gate.clone()));
    bench.store.go_away();
    bench.start();
    let job = bench.job_for(&order()).await;
    bench.publish_only(&job).await;
    bench.under_way(1).await;
    bench.publish_only(&job).await;
    eventually("the other to be put aside", async || {
        (bench.queue.depth().await.unwrap().delayed == 1).then_some(())
    })
    .await;
    gate.open();
    bench.put_off(2).await;
    bench.store.recover();
    bench.turn(minutes(2));
    bench.quiet().await;
    bench.succeeded(&job.id).await;
    assert_eq!(insertions(&bench, &job.id), 1);
}

#[tokio::test]
async fn a_write_goes_on_when_records_go_away_just_before_it() {
    let mut bench = Bench::new().await;
    bench.store.refuse(|step| matches!(step, Step::BeginWrite(_)));
    bench.start();
    let id = bench.submit(order()).await;
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert]);
    // What the record does not say the message does.
    bench.google.next(Insert, LoseAnswer);
    let unsure = bench.submit(order()).await;
    let job = bench.come_due(&unsure).await;
    assert_eq!(job.effect, Effect::Unknown);
    bench.succeeded(&unsure).await;
    assert_eq!(bench.google.methods(&unsure), [Insert, Get]);
}

#[tokio::test]
async fn an_attempt_begun_without_records_is_known_to_them_once_they_are_back() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Insert, Hold(gate.clone()));
    let (job, token) = begun_without_records(&mut bench).await;
    token.open();
    bench.until("its claim", &job.id, |job| matches!(job.state, JobState::Running(_))).await;
    gate.open();
    bench.succeeded(&job.id).await;
    assert_eq!(bench.quiet().await.delayed, 0);
}

#[tokio::test]
async fn an_attempt_begun_without_records_does_not_write_what_another_worker_has_taken() {
    let mut bench = Bench::new().await;
    let (job, token) = begun_without_records(&mut bench).await;
    let lease = Lease { worker: WorkerId::random(), until: after(bench.now(), CLAIM) };
    let step = Step::Start { lease: lease.clone(), hop: 1, tally: Tally::default(), effect: Effect::None };
    let change = bench.store.take(&job.id, &step, bench.now()).await.unwrap();
    assert!(matches!(change, Change::Taken(_)), "{change:?}");
    token.open();
    assert_eq!(bench.quiet().await.delayed, 0);
    assert_eq!(insertions(&bench, &job.id), 0);
    assert_eq!(bench.job(&job.id).await.state, JobState::Running(lease));
}

#[tokio::test]
async fn an_attempt_begun_without_records_does_not_write_what_was_cancelled_since() {
    let mut bench = Bench::new().await;
    let (job, token) = begun_without_records(&mut bench).await;
    assert_eq!(bench.cancel(&job.id).await.state, JobState::Cancelled);
    token.open();
    bench.quiet().await;
    assert_eq!(insertions(&bench, &job.id), 0);
    assert_eq!(bench.job(&job.id).await.state, JobState::Cancelled);
}

#[tokio::test]
async fn an_event_made_while_its_job_was_recorded_as_cancelled_is_taken_back() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Insert, Hold(gate.clone()));
    let id = bench.submit(order()).await;
    bench.store.go_away();
    bench.start();
    bench.under_way(1).await;
    bench.store.recover();
    // The record knows of no write.
    assert_eq!(bench.cancel(&id).await.state, JobState::Cancelled);
    gate.open();
    bench
        .pass_until("the event to go", Duration::from_secs(1), || {
            bench.google.event(&id).is_some_and(|event| event.cancelled)
        })
        .await;
    bench.cancelled(&id).await;
    bench.turn(minutes(5));
    assert_eq!(bench.quiet().await.delayed, 0);
    assert_eq!(insertions(&bench, &id), 1);
    assert_eq!(bench.job(&id).await.state, JobState::Cancelled);
}

#[tokio::test]
async fn a_write_that_may_have_been_made_is_looked_for_though_its_job_is_recorded_as_cancelled() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, LoseAnswer);
    let id = bench.submit(order()).await;
    bench.store.go_away();
    bench.start();
    bench.put_off(1).await;
    bench.store.recover();
    assert_eq!(bench.cancel(&id).await.state, JobState::Cancelled);
    bench.turn(minutes(2));
    bench
        .pass_until("the event to go", Duration::from_secs(1), || {
            bench.google.event(&id).is_some_and(|event| event.cancelled)
        })
        .await;
    bench.cancelled(&id).await;
    assert_eq!(bench.google.methods(&id), [Get, Insert, Get, Delete]);
    assert_eq!(bench.quiet().await.delayed, 0);
}

#[tokio::test]
async fn a_job_that_waits_for_its_user_without_a_record_looks_again_soon() {
    let mut bench = Bench::new().await;
    let id = bench.submit(order()).await;
    bench.store.go_away();
    bench.google.next(Get, Refuse(CalendarError::ScopeMissing));
    bench.start();
    bench.put_off(1).await;
    bench.store.recover();
    let account = bench.job(&id).await.account.clone();
    bench.connect(&account).await;
    bench.turn(minutes(2));
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn a_job_that_may_have_been_taken_back_is_not_run_while_nobody_can_say() {
    for records_are_away in [false, true] {
        let mut bench = Bench::new().await;
        let job = bench.job_for(&order()).await;
        let job = job.with(|fields| fields.effect = Effect::Unknown);
        bench.submit_job(job.clone()).await;
        bench.vault.go_away();
        if records_are_away {
            bench.store.go_away();
        }
        bench.start();
        bench.put_off(1).await;
        let waiting = bench.job(&job.id).await;
        assert_eq!(
            (waiting.state.clone(), waiting.tally),
            (JobState::Queued, Tally::default()),
            "nobody holds it"
        );
        assert_eq!(bench.google.methods(&job.id), []);
        bench.vault.recover();
        bench.store.recover();
        bench.turn(minutes(1));
        bench.succeeded(&job.id).await;
        assert_eq!(bench.google.methods(&job.id), [Get, Insert]);
        assert_eq!(bench.job(&job.id).await.tally, Tally::default(), "nothing is counted");
    }
}

#[tokio::test]
async fn a_throttled_job_that_expires_without_its_record_is_over_after_one_look() {
    let mut bench = Bench::new().await;
    let reason = || "rateLimitExceeded".to_owned();
    let throttled =
        move || CalendarError::Throttled { key: ThrottledKey::User, retry_after: None, reason: reason() };
    bench.google.rule(move |call| (call.method == Insert).then(|| Refuse(throttled())));
    let job = bench.job_for(&order().not_after(Duration::from_secs(5))).await;
    bench.publish_only(&job).await;
    bench.store.go_away();
    bench.start();
    eventually("a look that the throttle puts off", async || {
        bench.turn(Duration::from_millis(125));
        (bench.google.methods(&job.id).len() >= 4).then_some(())
    })
    .await;
    bench.store.recover();
    bench.turn(Duration::from_secs(30));
    // Nothing was ever written: nobody waits twelve minutes for it.
    let failure = eventually("the deadline's end", async || {
        bench.turn(Duration::from_secs(5));
        let job = bench.store.behind().get(&job.id).await.unwrap()?;
        let soon = until(job.not_after, bench.now()) < minutes(10);
        assert!(soon, "{job:?}");
        if let JobState::Failed(failure) = job.state.clone() { Some(failure) } else { None }
    })
    .await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Expired, Effect::None));
}
