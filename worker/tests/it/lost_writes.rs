//! A job whose last change was lost is brought to a worker anew, and what it had done by then stays.

use std::time::Duration;

use common::event::Priority;
use common::job::{Effect, Job, JobId, JobState, StateName, Tally, WaitReason};
use common::port::{CalendarError, JobQueue as _, Lane, Line, QueueError, Shelf, Vault as _};
use common::time::{hours, minutes};
use lifecycle::{Ports, Replayed, replay};
use testing::Gate;
use testing::google::Behaviour::{Hold, HoldThen, Late, LoseAnswer, Refuse};
use testing::google::Method::{Delete, Get, Insert};

use crate::bench::{Bench, message};
use crate::order::order;
use crate::wait::{eventually, soon};

const FAILING: CalendarError = CalendarError::Unavailable { status: 503, retry_after: None };
/// A worker's first look at what is overdue is over by then, and whatever was begun before is lost.
const LONG: Duration = minutes(17);
/// A revived job has come to a worker by then.
const SPREAD: Duration = Duration::from_secs(30);
/// The next look has begun by then, and not before a minute has passed.
const LOOK: Duration = Duration::from_secs(75);

/// The store comes back as it was when it had these records alone.
async fn falls_back(bench: &mut Bench, records: &[Job]) {
    bench.wipe().await;
    for record in records {
        bench.store.behind().restore(record).await.unwrap();
    }
}

/// A job that has succeeded, and its record as it was during the insert.
async fn succeeded(bench: &mut Bench) -> Job {
    let gate = Gate::new();
    bench.google.next(Insert, Hold(gate.clone()));
    bench.start();
    let id = bench.submit(order()).await;
    bench.under_way(1).await;
    let running = bench.until("a write", &id, |job| job.effect == Effect::Unknown).await;
    assert!(matches!(running.state, JobState::Running(_)));
    gate.open();
    bench.succeeded(&id).await;
    bench.quiet().await;
    running
}

/// Waits until the worker is between two looks at what is overdue.
async fn between_looks(bench: &Bench) {
    eventually("the end of a look", async || bench.clock.is_slept_between(minutes(1), LOOK).then_some(()))
        .await;
}

/// So much time passes that what was begun before is lost, and is seen to be.
async fn long_passes(bench: &Bench) {
    passes(bench, LONG).await;
}

/// So much time passes at once, after which no worker looks, and then what makes it look.
async fn passes(bench: &Bench, span: Duration) {
    between_looks(bench).await;
    let pauses = || bench.clock.begun_between(minutes(1), LOOK);
    let before = pauses();
    bench.turn(span);
    eventually("another pause", async || (pauses() > before).then_some(())).await;
    let looks = bench.store.looks();
    bench.turn(LOOK);
    eventually("a look", async || (bench.store.looks() > looks).then_some(())).await;
    between_looks(bench).await;
}

/// Time passes until the job is revived, and its message comes to a worker.
async fn revived(bench: &Bench) {
    long_passes(bench).await;
    bench.put_off(1).await;
    bench.turn(SPREAD);
}

/// Waits until another look at what is overdue has ended.
async fn looked(bench: &Bench) {
    between_looks(bench).await;
    let before = bench.store.looks();
    bench.turn(LOOK);
    eventually("a look", async || (bench.store.looks() > before).then_some(())).await;
    between_looks(bench).await;
}

async fn replay_job(bench: &Bench, id: &JobId) -> Replayed {
    let ports = Ports::from(&bench.ports());
    let job = bench.job(id).await;
    replay(&ports, &bench.settings.quotas, &job, bench.now()).await.unwrap()
}

/// Whatever the record says that the store has come back with, the event is found, and none is written beside it.
#[tokio::test]
async fn a_success_that_was_lost_is_found_again() {
    let states: [fn(&Job) -> JobState; 4] = [
        |job| job.state.clone(),
        |_| JobState::Queued,
        |job| JobState::Waiting { why: WaitReason::Retry, until: job.submitted_at },
        |job| JobState::Accepting { since: job.submitted_at },
    ];
    for (number, state) in states.into_iter().enumerate() {
        let mut bench = Bench::new().await;
        let older = succeeded(&mut bench).await;
        let effect = if number == 0 { Effect::Unknown } else { Effect::None };
        let older = older.with(|fields| {
            fields.state = state(&older);
            fields.effect = effect;
            fields.updated_at = older.submitted_at;
        });
        falls_back(&mut bench, std::slice::from_ref(&older)).await;
        revived(&bench).await;
        bench.succeeded(&older.id).await;
        assert_eq!(bench.google.methods(&older.id), [Insert, Get], "{:?}", older.state);
        assert_eq!(bench.google.count(), 1);
        let job = bench.job(&older.id).await;
        assert_eq!((job.tally, job.lost_at), (Tally::default(), None));
        assert_eq!(bench.quiet().await.delayed, 0);
        looked(&bench).await;
        assert_eq!(bench.queue.depth().await.unwrap().delayed, 0, "it is revived once");
    }
}

#[tokio::test]
async fn a_job_that_nobody_has_published_is_done_once() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await;
    falls_back(&mut bench, std::slice::from_ref(&job)).await;
    bench.start();
    revived(&bench).await;
    bench.succeeded(&job.id).await;
    assert_eq!(bench.google.methods(&job.id), [Get, Insert]);
    assert_eq!(bench.job(&job.id).await.tally, Tally::default());
}

#[tokio::test]
async fn a_message_that_was_stored_after_all_is_overtaken() {
    for late in [false, true] {
        let mut bench = Bench::new().await;
        let job = bench.job_for(&order()).await;
        falls_back(&mut bench, std::slice::from_ref(&job)).await;
        // It comes with the other one, or much later.
        let delay = if late { hours(1) } else { LONG + LOOK + SPREAD };
        bench.queue.publish(&message(&job), Lane::Due, delay).await.unwrap();
        bench.start();
        long_passes(&bench).await;
        bench.delayed(2).await;
        bench.turn(SPREAD);
        bench.succeeded(&job.id).await;
        bench.turn(hours(1));
        assert_eq!(bench.quiet().await.delayed, 0);
        assert_eq!(bench.google.methods(&job.id), [Get, Insert], "late: {late}");
    }
}

#[tokio::test]
async fn a_job_that_is_not_due_is_left_alone() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order().not_before(hours(2))).await;
    bench.submit_job(job.clone()).await;
    bench.start();
    passes(&bench, minutes(60)).await;
    looked(&bench).await;
    assert_eq!(bench.queue.publishes(), 1, "it is not due");
    bench.turn(hours(1));
    bench.succeeded(&job.id).await;
}

#[tokio::test]
async fn jobs_that_wait_in_a_long_queue_are_left_to_it() {
    let mut bench = Bench::new().await;
    let jobs = 12;
    for concurrency in [jobs - 1, jobs] {
        bench.settings.concurrency = concurrency;
        bench.queue.go_deaf();
        while bench.queue.depth().await.unwrap().fresh < jobs as u64 {
            bench.submit(order()).await;
        }
        let published = bench.queue.publishes();
        bench.start();
        long_passes(&bench).await;
        looked(&bench).await;
        let revived = bench.queue.publishes() - published;
        assert_eq!(revived, if concurrency < jobs { 0 } else { jobs }, "{concurrency} at a time");
        bench.stop().taking.cancel();
        bench.stopped().await;
    }
}

#[tokio::test]
async fn jobs_of_an_account_with_a_long_line_are_left_to_it() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await.with(|fields| fields.state = JobState::Queued);
    bench.store.behind().restore(&job).await.unwrap();
    let account = bench.account(&job.account).await;
    let line = bench.settings.quotas.line(&account, Priority::Normal, 1);
    let line = Line { charge: hours(1), ..line };
    bench.ports().throttle.place(&line).await;
    bench.start();
    long_passes(&bench).await;
    looked(&bench).await;
    assert_eq!(bench.queue.publishes(), 0);
    passes(&bench, hours(1)).await;
    bench.put_off(1).await;
    bench.turn(SPREAD);
    bench.succeeded(&job.id).await;
}

#[tokio::test]
async fn what_was_begun_is_revived_after_an_hour_however_long_the_queue() {
    let mut bench = Bench::new().await;
    let older = succeeded(&mut bench).await;
    bench.stop().taking.cancel();
    bench.stopped().await;
    falls_back(&mut bench, std::slice::from_ref(&older)).await;
    bench.settings.concurrency = 1;
    bench.queue.go_deaf();
    for _ in 0..3 {
        bench.submit(order()).await;
    }
    bench.start();
    long_passes(&bench).await;
    looked(&bench).await;
    assert_eq!(bench.queue.depth().await.unwrap().delayed, 0);
    passes(&bench, hours(1)).await;
    bench.delayed(1).await;
    bench.queue.recover();
    bench.turn(minutes(1));
    bench.succeeded(&older.id).await;
    assert_eq!(bench.google.methods(&older.id), [Insert, Get]);
}

#[tokio::test]
async fn a_hundred_jobs_are_revived_a_minute_and_spread_over_half_of_it() {
    let mut bench = Bench::new().await;
    let mut jobs = Vec::new();
    for _ in 0..130 {
        jobs.push(bench.job_for(&order()).await.with(|fields| fields.state = JobState::Queued));
    }
    falls_back(&mut bench, &jobs).await;
    bench.start();
    long_passes(&bench).await;
    bench.put_off(100).await;
    looked(&bench).await;
    bench.put_off(30).await;
    bench.turn(SPREAD);
    for job in &jobs {
        bench.succeeded(&job.id).await;
        assert_eq!(bench.google.methods(&job.id), [Get, Insert]);
    }
    assert_eq!(bench.google.count(), 130);
}

#[tokio::test]
async fn a_lost_job_that_is_replayed_goes_on_at_once() {
    let mut bench = Bench::new().await;
    let older = succeeded(&mut bench).await;
    falls_back(&mut bench, std::slice::from_ref(&older)).await;
    assert_eq!(replay_job(&bench, &older.id).await, Replayed::UnderWay);
    bench.stop().taking.cancel();
    bench.stopped().await;
    bench.turn(LONG);
    let not_after = older.not_after;
    assert_eq!(replay_job(&bench, &older.id).await, Replayed::Again { not_after });
    assert_eq!(replay_job(&bench, &older.id).await, Replayed::UnderWay, "its message is on its way");
    bench.start();
    bench.succeeded(&older.id).await;
    assert_eq!(bench.google.methods(&older.id), [Insert, Get]);
    assert_eq!(replay_job(&bench, &older.id).await, Replayed::Ended(StateName::Succeeded));
}

#[tokio::test]
async fn a_lost_job_whose_deadline_is_past_succeeds_if_its_event_is_there_and_expires_if_not() {
    let mut bench = Bench::new().await;
    let older = succeeded(&mut bench).await;
    let none = bench.job_for(&order()).await.with(|fields| fields.state = JobState::Queued);
    falls_back(&mut bench, &[older.clone(), none.clone()]).await;
    bench.stop().taking.cancel();
    bench.stopped().await;
    bench.clock.turn_to(older.not_after);
    bench.start();
    long_passes(&bench).await;
    bench.put_off(2).await;
    bench.turn(SPREAD);
    bench.succeeded(&older.id).await;
    bench.come_due(&none.id).await;
    bench.until("the second look", &none.id, |job| job.tally.deferrals == 2).await;
    bench.come_due(&none.id).await;
    assert_eq!(bench.failed(&none.id).await.effect, Effect::None);
    assert!(!bench.google.methods(&none.id).contains(&Insert));
}

/// The store comes back with a record from during the insert; the job is taken back before anybody looked at it.
#[tokio::test]
async fn taking_back_a_success_that_was_lost_leaves_its_event() {
    for minutes_later in [2, 3, 14] {
        let mut bench = Bench::new().await;
        let older = succeeded(&mut bench).await;
        falls_back(&mut bench, std::slice::from_ref(&older)).await;
        bench.turn(minutes(minutes_later));
        assert!(bench.cancel(&older.id).await.cancel_requested);
        bench.succeeded(&older.id).await;
        assert_eq!(bench.google.methods(&older.id), [Insert, Get], "{minutes_later} min");
        assert!(!bench.google.event(&older.id).unwrap().cancelled);
        let mark = bench.vault.get(Shelf::Cancellations, older.id.as_str()).await.unwrap();
        assert_eq!(mark, None, "a repeat is told of the event");
    }
}

#[tokio::test]
async fn taking_back_a_job_that_was_revived_leaves_the_event_that_was_there() {
    let mut bench = Bench::new().await;
    let older = succeeded(&mut bench).await;
    falls_back(&mut bench, std::slice::from_ref(&older)).await;
    long_passes(&bench).await;
    bench.put_off(1).await;
    assert!(bench.cancel(&older.id).await.cancel_requested);
    bench.succeeded(&older.id).await;
    bench.turn(SPREAD);
    assert_eq!(bench.quiet().await.delayed, 0);
    assert_eq!(bench.google.methods(&older.id), [Insert, Get]);
    assert!(!bench.google.event(&older.id).unwrap().cancelled);
}

#[tokio::test]
async fn taking_back_a_job_while_its_attempt_may_be_running_leaves_no_event() {
    let mut bench = Bench::new().await;
    let older = succeeded(&mut bench).await;
    falls_back(&mut bench, std::slice::from_ref(&older)).await;
    // Its lease has ended less than a minute ago.
    bench.turn(Duration::from_secs(119));
    assert!(bench.cancel(&older.id).await.cancel_requested);
    bench.cancelled(&older.id).await;
    assert!(bench.google.event(&older.id).unwrap().cancelled);
}

/// A job whose worker died during the insert, which Google has not carried out yet, and which nobody looks at.
async fn died_writing(bench: &mut Bench) -> Job {
    let gate = Gate::new();
    bench.google.next(Insert, HoldThen(gate.clone(), Box::new(Late)));
    bench.start();
    let id = bench.submit(order()).await;
    bench.under_way(1).await;
    let running = bench.until("a write", &id, |job| job.effect == Effect::Unknown).await;
    assert!(matches!(running.state, JobState::Running(_)));
    gate.open();
    bench.waiting(&id).await;
    bench.stop().taking.cancel();
    bench.stopped().await;
    // Whoever dies publishes no next message.
    bench.come_due(&id).await;
    let next = soon("its next message", bench.queue.receive()).await.unwrap();
    assert_eq!(next.message.unwrap().job, id);
    bench.queue.done(next.tag).await.unwrap();
    let depth = bench.quiet().await;
    assert_eq!(depth.delayed, 0, "nothing is left that would bring it to a worker");
    falls_back(bench, std::slice::from_ref(&running)).await;
    running
}

#[tokio::test]
async fn a_late_write_of_a_job_that_was_left_alone_is_deleted() {
    for landing in [true, false] {
        let mut bench = Bench::new().await;
        let older = died_writing(&mut bench).await;
        bench.turn(minutes(5));
        assert!(bench.cancel(&older.id).await.cancel_requested);
        if landing {
            bench.turn(Duration::from_secs(1));
            bench.google.land(&older.id);
        }
        bench.start();
        bench.cancelled(&older.id).await;
        if !landing {
            assert!(!bench.google.land(&older.id), "the id is used up");
        }
        assert!(bench.google.event(&older.id).unwrap().cancelled);
    }
}

#[tokio::test]
async fn a_write_that_began_after_the_job_was_revived_is_deleted() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await;
    falls_back(&mut bench, std::slice::from_ref(&job)).await;
    bench.start();
    bench.google.next(Insert, LoseAnswer);
    revived(&bench).await;
    bench.waiting(&job.id).await;
    assert!(bench.job(&job.id).await.lost_at.is_some());
    assert!(bench.cancel(&job.id).await.cancel_requested);
    bench.cancelled(&job.id).await;
    assert!(bench.google.event(&job.id).unwrap().cancelled);
    assert_eq!(bench.google.methods(&job.id), [Get, Insert, Get, Delete]);
}

/// The vault knows what the record has lost, and the reaper alone brings the job to a worker.
#[tokio::test]
async fn a_wish_that_its_record_has_lost_is_carried_out() {
    for landing in [true, false] {
        let mut bench = Bench::new().await;
        let older = died_writing(&mut bench).await;
        bench.cancel_in_the_vault(&older.id).await;
        bench.turn(minutes(1));
        if landing {
            bench.google.land(&older.id);
        }
        bench.start();
        between_looks(&bench).await;
        assert_eq!(bench.google.methods(&older.id), [Insert], "nobody has looked at it");
        revived(&bench).await;
        bench.cancelled(&older.id).await;
        let calls = if landing { &[Insert, Get, Delete][..] } else { &[Insert, Get, Insert, Delete] };
        assert_eq!(bench.google.methods(&older.id), calls);
        if !landing {
            assert!(!bench.google.land(&older.id), "the id is used up");
        }
        assert!(bench.google.event(&older.id).unwrap().cancelled, "it was created after the wish");
    }
}

#[tokio::test]
async fn a_lost_job_stays_as_it_is_while_the_queue_takes_nothing() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await;
    falls_back(&mut bench, std::slice::from_ref(&job)).await;
    bench.queue.refuse(|_, _| Some(QueueError::Unconfirmed));
    bench.start();
    long_passes(&bench).await;
    looked(&bench).await;
    assert_eq!(bench.job(&job.id).await, job);
    bench.queue.recover();
    bench.turn(LOOK);
    bench.put_off(1).await;
    bench.turn(SPREAD);
    bench.succeeded(&job.id).await;
}

/// Whoever stood still has not looked while the messages came that have come due meanwhile.
#[tokio::test]
async fn a_worker_that_stood_still_does_not_look_at_once() {
    let mut bench = Bench::new().await;
    bench.queue.go_deaf();
    let id = bench.submit(order()).await;
    bench.start();
    between_looks(&bench).await;
    let pauses = || bench.clock.begun_between(minutes(1), LOOK);
    let before = pauses();
    bench.turn(LONG);
    eventually("another pause", async || (pauses() > before).then_some(())).await;
    assert_eq!((bench.store.looks(), bench.queue.publishes()), (0, 1));
    bench.queue.recover();
    bench.turn(minutes(1));
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn a_revived_job_that_fails_goes_on_as_any_other() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await;
    falls_back(&mut bench, std::slice::from_ref(&job)).await;
    bench.google.next(Get, Refuse(FAILING));
    bench.start();
    revived(&bench).await;
    bench.come_due(&job.id).await;
    bench.succeeded(&job.id).await;
    assert_eq!(bench.google.methods(&job.id), [Get, Get, Insert]);
    assert_eq!(bench.job(&job.id).await.tally.attempts, 1);
}
