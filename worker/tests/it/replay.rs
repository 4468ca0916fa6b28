//! Jobs that have ended are run again when an operator says so, and only then.

use std::time::Duration;

use common::job::{Effect, Failure, FailureKind, Job, JobId, JobState, StateName, Tally};
use common::message::{End, Message, Work};
use common::port::{CalendarError, JobQueue as _, JobStore as _, Lane, Shelf, Vault as _};
use common::time::{after, days};
use lifecycle::{Ports, Replayed, replay, replay_letter};
use testing::google::Behaviour::{LoseAnswer, Refuse};
use testing::google::Method::{Delete, Get, Insert};

use crate::bench::{Bench, message};
use crate::order::order;

/// A replayed message is under way for so long at least.
const LEAD: Duration = Duration::from_secs(5);

async fn replay_job(bench: &Bench, id: &JobId) -> Replayed {
    let ports = Ports::from(&bench.ports());
    let job = bench.job(id).await;
    replay(&ports, &bench.settings.quotas, &job, bench.now()).await.unwrap()
}

async fn replay_dead(bench: &Bench, letter: &Message) -> Replayed {
    replay_letter(&Ports::from(&bench.ports()), &bench.settings.quotas, letter).await.unwrap()
}

/// A job that Google has refused.
async fn refused(bench: &mut Bench) -> JobId {
    let no = CalendarError::Refused { status: 400, reason: "invalid".to_owned(), message: String::new() };
    bench.google.next(Insert, Refuse(no));
    bench.start();
    let id = bench.submit(order().not_after(Duration::from_secs(60))).await;
    bench.failed(&id).await;
    id
}

/// A job's dead letter.
fn letter(job: &Job, kind: FailureKind) -> Message {
    let failure =
        Failure { kind, google_status: None, google_reason: None, effect: Effect::None, detail: None };
    let tally = Tally { attempts: 12, ..Tally::default() };
    Message { work: Work::Record(End::Failed(failure)), tally, not_after: job.submitted_at, ..message(job) }
}

#[tokio::test]
async fn a_failed_job_that_is_replayed_is_done_with_a_fresh_deadline() {
    let mut bench = Bench::new().await;
    let id = refused(&mut bench).await;
    bench.turn(days(1));
    let not_after = after(bench.now(), days(7));
    assert_eq!(replay_job(&bench, &id).await, Replayed::Again { not_after });
    let job = bench.job(&id).await;
    assert_eq!((&job.state, job.not_after, job.tally), (&JobState::Queued, not_after, Tally::default()));
    bench.turn(LEAD);
    bench.succeeded(&id).await;
    assert_eq!(bench.google.methods(&id), [Insert, Insert]);
}

#[tokio::test]
async fn replayed_jobs_go_at_their_accounts_pace() {
    let mut bench = Bench::new().await;
    let ids = [bench.submit(order()).await, bench.submit(order()).await, bench.submit(order()).await];
    for id in &ids {
        bench.cancel(id).await;
    }
    bench.settings.quotas.account_per_minute = 2;
    for id in &ids {
        replay_job(&bench, id).await;
    }
    for (seconds, due) in [(5, 1), (30, 2), (30, 3)] {
        bench.turn(Duration::from_secs(seconds));
        assert_eq!(bench.queue.depth().await.unwrap().due, due, "{seconds} s later");
    }
}

#[tokio::test]
async fn a_cancelled_job_that_is_replayed_loses_its_mark_and_is_done() {
    let mut bench = Bench::new().await;
    bench.start();
    let id = bench.submit(order().not_before(days(1))).await;
    bench.cancel(&id).await;
    replay_job(&bench, &id).await;
    assert_eq!(bench.vault.get(Shelf::Cancellations, id.as_str()).await.unwrap(), None);
    bench.turn(days(1));
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn a_cancellation_that_could_not_be_confirmed_goes_on_when_it_is_replayed() {
    let mut bench = Bench::new().await;
    bench.google.next(Insert, LoseAnswer);
    bench.start();
    let id = bench.submit(order()).await;
    bench.waiting(&id).await;
    let no = CalendarError::Refused { status: 403, reason: "forbidden".to_owned(), message: String::new() };
    bench.google.next(Delete, Refuse(no));
    bench.cancel(&id).await;
    assert_eq!(bench.failed(&id).await.kind, FailureKind::CancellationUnconfirmed);
    let Replayed::Again { not_after } = replay_job(&bench, &id).await else { panic!("it has failed") };
    let mark = bench.vault.get(Shelf::Cancellations, id.as_str()).await.unwrap().expect("its mark");
    assert_eq!(mark.value["until"], not_after.to_string(), "the mark outlives the job");
    bench.turn(LEAD);
    bench.cancelled(&id).await;
    assert!(bench.google.event(&id).unwrap().cancelled);
    assert_eq!(bench.google.methods(&id), [Insert, Get, Delete, Get, Delete]);
}

#[tokio::test]
async fn a_job_that_failed_is_brought_back_though_all_records_are_lost() {
    let mut bench = Bench::new().await;
    let id = refused(&mut bench).await;
    bench.wipe().await;
    let letter = bench.queue.take_dead().await.unwrap().expect("a dead letter").message.unwrap();
    assert_eq!(letter.job, id);
    assert!(matches!(replay_dead(&bench, &letter).await, Replayed::Again { .. }));
    bench.turn(LEAD);
    bench.until("a record", &id, |job| matches!(job.state, JobState::Succeeded { .. })).await;
    assert_eq!(bench.google.methods(&id), [Insert, Get, Insert]);
}

#[tokio::test]
async fn a_job_that_is_under_way_or_done_is_not_replayed() {
    let mut bench = Bench::new().await;
    let id = bench.submit(order()).await;
    let before = bench.job(&id).await;
    assert_eq!(replay_job(&bench, &id).await, Replayed::UnderWay);
    assert_eq!(bench.job(&id).await, before);
    bench.start();
    bench.succeeded(&id).await;
    assert_eq!(replay_job(&bench, &id).await, Replayed::Ended(StateName::Succeeded));
    assert_eq!(bench.quiet().await.delayed, 0);
}

#[tokio::test]
async fn a_dead_letter_brings_back_a_job_that_has_failed() {
    let mut bench = Bench::new().await;
    let id = refused(&mut bench).await;
    let letter = letter(&bench.job(&id).await, FailureKind::Refused);
    assert!(matches!(replay_dead(&bench, &letter).await, Replayed::Again { .. }));
    assert_eq!(replay_dead(&bench, &letter).await, Replayed::UnderWay, "a second copy of it does nothing");
    bench.turn(LEAD);
    bench.succeeded(&id).await;
    assert_eq!(replay_dead(&bench, &letter).await, Replayed::Ended(StateName::Succeeded));
}

#[tokio::test]
async fn a_dead_letter_brings_back_a_job_whose_record_is_gone() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await;
    let letter = letter(&job, FailureKind::Expired);
    bench.turn(days(8));
    let not_after = after(bench.now(), days(7));
    assert_eq!(replay_dead(&bench, &letter).await, Replayed::Again { not_after });
    bench.start();
    bench.until("a record", &job.id, |job| matches!(job.state, JobState::Succeeded { .. })).await;
    assert_eq!(bench.google.methods(&job.id), [Get, Insert]);
    assert_eq!(bench.job(&job.id).await.tally, Tally::default());
}

#[tokio::test]
async fn a_dead_letter_does_not_bring_back_what_its_caller_took_back() {
    let mut bench = Bench::new().await;
    let id = bench.submit(order()).await;
    let letter = letter(&bench.job(&id).await, FailureKind::Poison);
    bench.cancel(&id).await;
    assert_eq!(replay_dead(&bench, &letter).await, Replayed::Ended(StateName::Cancelled));
    bench.start();
    bench.quiet().await;
    assert_eq!(bench.google.methods(&id), []);
}

#[tokio::test]
async fn a_message_that_the_queue_has_given_up_on_is_published_anew() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await;
    bench.store.restore(&job.with(|fields| fields.state = JobState::Queued)).await.unwrap();
    let given_up = message(&job);
    assert!(matches!(replay_dead(&bench, &given_up).await, Replayed::Again { .. }));
    bench.start();
    bench.succeeded(&job.id).await;
    // A letter from before the message that is under way says nothing.
    let other = bench.job_for(&order()).await;
    bench
        .store
        .restore(&other.with(|fields| {
            fields.state = JobState::Queued;
            fields.hop = 5;
        }))
        .await
        .unwrap();
    assert_eq!(replay_dead(&bench, &message(&other)).await, Replayed::UnderWay);
    bench.queue_copy(&other.with(|fields| fields.hop = 5), Lane::Due).await;
    bench.succeeded(&other.id).await;
}
