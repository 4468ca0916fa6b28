//! Whatever happens to a job is told by a `webhook-id` of its own, the same however often it is told.

use std::collections::HashSet;
use std::time::Duration;

use common::job::{Effect, Failure, FailureKind, JobId, JobState, Step};
use common::message::{End, Message, News, Notice, Work};
use common::port::{CalendarError, JobQueue as _, Lane};
use common::time::minutes;
use lifecycle::{Ports, replay};
use testing::google::Behaviour::Refuse;
use testing::google::Method::Insert;
use testing::google::refresh_token;

use crate::bench::{Bench, message};
use crate::notices::{about_jobs, named, refusal, told};
use crate::order::order;
use crate::receiver::Answer::Status;
use crate::receiver::Call;

/// A replayed message is under way for so long at least.
const LEAD: Duration = Duration::from_secs(5);

fn different(calls: &[Call]) -> usize {
    calls.iter().map(|call| call.id.as_str()).collect::<HashSet<_>>().len()
}

async fn run_again(bench: &Bench, id: &JobId) {
    let (ports, job) = (Ports::from(&bench.ports()), bench.job(id).await);
    replay(&ports, &bench.settings.quotas, &job, bench.now()).await.unwrap();
    bench.turn(LEAD);
}

#[tokio::test]
async fn a_job_that_is_replayed_and_fails_again_is_told_of_by_another_id() {
    let (mut bench, receiver) = told().await;
    bench.google.next(Insert, Refuse(refusal()));
    bench.google.next(Insert, Refuse(refusal()));
    bench.start();
    let id = bench.submit(order()).await;
    bench.failed(&id).await;
    let first = bench.job(&id).await;
    receiver.heard(1).await;
    run_again(&bench, &id).await;
    receiver.heard(2).await;
    let second = bench.failed(&id).await;
    let again = bench.job(&id).await;
    assert_eq!(second.kind, FailureKind::Refused);
    run_again(&bench, &id).await;
    let calls = receiver.heard(3).await;
    bench.succeeded(&id).await;
    bench.quiet().await;
    let last = bench.job(&id).await;
    let ids: Vec<String> = receiver.calls().into_iter().map(|call| call.id).collect();
    assert_eq!(ids, [named(&first, "failed"), named(&again, "failed"), named(&last, "succeeded")]);
    assert_eq!((calls.len(), different(&calls)), (3, 3));
}

#[tokio::test]
async fn a_job_that_is_blocked_again_is_told_of_by_another_id_and_so_is_another_reason() {
    let (mut bench, receiver) = told().await;
    bench.google.rule(|call| (call.guests > 0).then_some(Refuse(CalendarError::UsageLimits)));
    let account = order().account;
    for generation in [1, 2] {
        bench.endpoint.end_grant(&refresh_token(account.as_str(), generation));
    }
    bench.start();
    let id = bench.submit(order().guests(1)).await;
    let blocked = async |times: usize| {
        crate::wait::eventually("a job that is blocked", async || {
            (about_jobs(&receiver.calls()).len() == times).then_some(())
        })
        .await;
        bench.blocked(&id).await;
        bench.quiet().await;
    };
    blocked(1).await;
    for times in [2, 3] {
        let connected = bench.connect(&account).await;
        bench.resume(&connected).await;
        blocked(times).await;
    }
    let calls = about_jobs(&receiver.calls());
    let why: Vec<_> = calls.iter().map(|call| call.body["data"]["blockedBy"].as_str().unwrap()).collect();
    assert_eq!(why, ["reauthorization", "reauthorization", "calendarLimits"]);
    assert_eq!(different(&calls), 3, "{calls:?}");
}

#[tokio::test]
async fn whoever_comes_after_the_end_of_a_replayed_job_tells_of_it_by_the_same_id() {
    let (mut bench, receiver) = told().await;
    bench.google.next(Insert, Refuse(refusal()));
    bench.google.next(Insert, Refuse(refusal()));
    bench.start();
    let id = bench.submit(order()).await;
    bench.failed(&id).await;
    receiver.heard(1).await;
    // What came of it cannot be recorded, and travels with its message.
    bench.store.refuse(|step| matches!(step, Step::Fail(..)));
    run_again(&bench, &id).await;
    receiver.heard(2).await;
    bench.delayed(1).await;
    bench.store.recover();
    bench.turn(minutes(3));
    bench.failed(&id).await;
    bench.quiet().await;
    let job = bench.job(&id).await;
    let failure = Failure {
        kind: FailureKind::Refused,
        google_status: Some(400),
        google_reason: None,
        effect: Effect::None,
        detail: None,
    };
    let carrying = Message { hop: job.hop, work: Work::Record(End::Failed(failure)), ..message(&job) };
    bench.queue.deliver_again(carrying);
    let calls = receiver.heard(3).await;
    assert_eq!(calls[2].id, calls[1].id, "its worker died after it had recorded the end");
    assert_eq!(different(&calls), 2);
}

#[tokio::test]
async fn a_job_that_is_submitted_again_once_nothing_is_known_of_it_is_told_of_by_another_id() {
    let (mut bench, receiver) = told().await;
    bench.google.next(Insert, Refuse(refusal()));
    bench.google.next(Insert, Refuse(refusal()));
    bench.start();
    let job = bench.job_for(&order()).await;
    bench.submit_job(job.clone()).await;
    bench.failed(&job.id).await;
    receiver.heard(1).await;
    bench.wipe().await;
    bench.turn(minutes(1));
    let since = bench.now();
    let again = job.with(|fields| {
        fields.submitted_at = since;
        fields.state = JobState::Accepting { since };
    });
    bench.submit_job(again.clone()).await;
    bench.failed(&again.id).await;
    let calls = receiver.heard(2).await;
    assert_eq!(different(&calls), 2, "{calls:?}");
}

#[tokio::test]
async fn a_notice_that_an_older_build_has_sent_keeps_its_id() {
    let (mut bench, receiver) = told().await;
    receiver.answer([Status(503)]);
    let job = bench.job_for(&order()).await;
    let notice = Notice { news: News::Failed, at: bench.now(), tries: 1, occurrence: None };
    let sent = Message { work: Work::Notice { notice, end: None }, ..message(&job) };
    bench.queue.publish(&sent, Lane::Due, Duration::ZERO).await.unwrap();
    bench.start();
    receiver.heard(1).await;
    bench.put_off(1).await;
    bench.turn(minutes(10));
    let calls = receiver.heard(2).await;
    assert_eq!(calls.iter().map(|call| call.id.clone()).collect::<HashSet<_>>().len(), 1);
    assert_eq!(calls[1].id, format!("{}.failed", job.id));
}
