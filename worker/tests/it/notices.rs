//! Webhooks: every end of a job is told, durably, to a receiver that may fail in any way it likes.

use std::collections::HashSet;
use std::time::Duration;

use common::job::{BlockReason, Job, JobState};
use common::port::{CalendarError, Depth, JobQueue as _, Meeting, Shelf, Vault as _};
use common::time::{days, hours, minutes};
use serde_json::{Value, json};
use testing::Gate;
use testing::google::Behaviour::{Hold, Refuse};
use testing::google::Method::Insert;
use testing::google::{NO_CONFERENCE, refresh_token};

use crate::bench::{Bench, message};
use crate::logs::Logs;
use crate::order::{TITLE, order};
use crate::receiver::Answer::{Hangup, Never, Status, With};
use crate::receiver::{Call, Receiver};
use crate::wait::eventually;

pub async fn told() -> (Bench, Receiver) {
    let (mut bench, receiver) = (Bench::new().await, Receiver::start().await);
    bench.settings.notices = receiver.notices();
    (bench, receiver)
}

fn kinds(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.kind.as_str()).collect()
}

pub fn about_jobs(calls: &[Call]) -> Vec<Call> {
    calls.iter().filter(|call| call.kind.starts_with("job.")).cloned().collect()
}

/// The `webhook-id` of what became of a job, or of what blocked it.
pub fn named(job: &Job, what: &str) -> String {
    format!("{}.{}.{}.{what}", job.id, job.submitted_at.as_millisecond(), job.reopened)
}

/// A refusal for good.
pub fn refusal() -> CalendarError {
    CalendarError::Refused {
        status: 400,
        reason: "timeRangeEmpty".to_owned(),
        message: "The specified time range is empty.".to_owned(),
    }
}

#[tokio::test]
async fn a_success_is_told_signed_and_in_the_words_of_the_api() {
    let (mut bench, receiver) = told().await;
    bench.start();
    let id = bench.submit(order()).await;
    let result = bench.succeeded(&id).await;
    let calls = receiver.heard(1).await;
    bench.quiet().await;
    assert_eq!(receiver.calls().len(), 1);
    let call = &calls[0];
    assert!(call.genuine);
    assert_eq!(call.id, named(&bench.job(&id).await, "succeeded"));
    assert_eq!(call.timestamp, bench.now().as_second());
    assert_eq!(
        call.body,
        json!({
            "type": "job.succeeded",
            "timestamp": bench.now(),
            "data": {
                "jobId": id, "eventId": id, "account": "default", "calendarId": "primary",
                "state": "succeeded", "waitingFor": null, "blockedBy": null, "detail": null,
                "attempts": 0, "deferrals": 0, "submittedAt": bench.now(), "updatedAt": bench.now(),
                "finishedAt": bench.now(), "nextAttemptAt": null, "notAfter": bench.job(&id).await.not_after,
                "cancelRequested": false,
                "result": {
                    "eventId": id, "eventLink": result.event_link, "meetLink": null, "conferenceStatus": null,
                    "conferenceReason": null,
                },
                "error": null, "warnings": [],
            },
        })
    );
}

#[tokio::test]
async fn a_refused_conference_is_told_with_the_success_and_why() {
    let (mut bench, receiver) = told().await;
    bench.google.refuse_conferences();
    bench.start();
    let id = bench.submit(order().conference()).await;
    bench.succeeded(&id).await;
    let call = receiver.heard(1).await.remove(0);
    assert_eq!((call.id, call.kind.as_str()), (named(&bench.job(&id).await, "succeeded"), "job.succeeded"));
    let (data, result) = (&call.body["data"], &call.body["data"]["result"]);
    assert_eq!((&data["state"], &data["error"]), (&json!("succeeded"), &Value::Null));
    assert_eq!((&result["conferenceStatus"], &result["meetLink"]), (&json!("unavailable"), &Value::Null));
    assert_eq!(result["conferenceReason"], NO_CONFERENCE);
    bench.quiet().await;
    assert_eq!(receiver.calls().len(), 1);
}

#[tokio::test]
async fn a_failure_is_told_with_google_s_own_words() {
    let (mut bench, receiver) = told().await;
    bench.google.next(Insert, Refuse(refusal()));
    bench.start();
    let id = bench.submit(order()).await;
    bench.failed(&id).await;
    let call = receiver.heard(1).await.remove(0);
    assert_eq!((call.id, call.kind.as_str()), (named(&bench.job(&id).await, "failed"), "job.failed"));
    let data = &call.body["data"];
    assert_eq!((&data["state"], &data["result"]), (&json!("failed"), &Value::Null));
    let error = &data["error"];
    assert_eq!(error["type"], "urn:calrelay:problem:refused");
    assert_eq!(error["detail"], "The specified time range is empty.");
    assert_eq!((&error["googleStatus"], &error["retryable"]), (&json!(400), &json!(false)));
    assert!(!call.body.to_string().contains(TITLE), "nobody needs the title");
}

#[tokio::test]
async fn a_job_that_stays_blocked_is_told_once_and_again_when_it_succeeds() {
    let (mut bench, receiver) = told().await;
    bench.start();
    let account = order().account;
    bench.endpoint.end_grant(&refresh_token(account.as_str(), 1));
    let id = bench.submit(order()).await;
    bench.blocked(&id).await;
    receiver.heard(2).await;
    for _ in 0..3 {
        bench.quiet().await;
        bench.turn(hours(1));
        bench.put_off(1).await;
    }
    let calls = about_jobs(&receiver.calls());
    assert_eq!(kinds(&calls), ["job.blocked"]);
    let data = &calls[0].body["data"];
    assert_eq!((&data["state"], &data["blockedBy"]), (&json!("blocked"), &json!("reauthorization")));
    assert_eq!(data["detail"], BlockReason::Reauthorization.sentence());
    assert_eq!((&data["finishedAt"], &data["updatedAt"]), (&Value::Null, &calls[0].body["timestamp"]));
    let connected = bench.connect(&account).await;
    bench.resume(&connected).await;
    bench.succeeded(&id).await;
    assert_eq!(kinds(&about_jobs(&receiver.heard(3).await)), ["job.blocked", "job.succeeded"]);
    // The message of its last look, still under way, is an old copy and tells nothing.
    bench.turn(hours(2));
    bench.quiet().await;
    assert_eq!(receiver.calls().len(), 3);
}

#[tokio::test]
async fn a_conference_that_comes_later_is_told_as_an_update() {
    let (mut bench, receiver) = told().await;
    let link = "https://meet.google.com/later".to_owned();
    bench.google.meetings(&[Meeting::Pending, Meeting::Pending, Meeting::Ready(link.clone())]);
    bench.start();
    let id = bench.submit(order().conference()).await;
    bench.sleeping_for(Duration::from_secs(2)).await;
    bench.turn(Duration::from_secs(2));
    bench.succeeded(&id).await;
    let first = receiver.heard(1).await.remove(0);
    assert_eq!(first.body["data"]["result"]["conferenceStatus"], "pending");
    bench.quiet().await;
    bench.turn(minutes(2));
    let second = receiver.heard(2).await.remove(1);
    assert_eq!((second.id, second.kind.as_str()), (named(&bench.job(&id).await, "updated"), "job.updated"));
    let data = &second.body["data"];
    assert_eq!(data["result"]["meetLink"], link);
    assert_eq!(data["finishedAt"], json!(bench.job(&id).await.finished_at), "it ended before that");
    assert_eq!(data["updatedAt"], second.body["timestamp"]);
}

#[tokio::test]
async fn nobody_configured_is_told_nothing_and_nothing_is_published() {
    let mut bench = Bench::new().await;
    bench.start();
    let id = bench.submit(order()).await;
    bench.succeeded(&id).await;
    assert_eq!(bench.quiet().await, Depth::default());
}

#[tokio::test]
async fn a_receiver_that_fails_gets_the_same_notice_later() {
    let (mut bench, receiver) = told().await;
    receiver.answer([Status(503), Hangup, Status(302), Status(404), Status(429)]);
    bench.start();
    let id = bench.submit(order()).await;
    bench.succeeded(&id).await;
    for count in 1..=5 {
        receiver.heard(count).await;
        bench.put_off(1).await;
        bench.turn(minutes(10));
    }
    let calls = receiver.heard(6).await;
    assert_eq!(bench.quiet().await, Depth::default());
    assert_eq!(calls.len(), 6);
    for call in &calls {
        assert_eq!((&call.id, &call.body), (&calls[0].id, &calls[0].body));
        assert!(call.genuine, "each try is signed anew");
    }
}

#[tokio::test]
async fn a_notice_outlives_the_worker_that_published_it() {
    let (mut bench, receiver) = told().await;
    receiver.answer([Status(503)]);
    bench.start();
    let id = bench.submit(order()).await;
    bench.succeeded(&id).await;
    receiver.heard(1).await;
    bench.put_off(1).await;
    bench.stop().taking.cancel();
    bench.stopped().await;
    let mut bench = bench.reopen().await;
    bench.turn(minutes(10));
    bench.start();
    let calls = receiver.heard(2).await;
    assert_eq!(calls[1].id, named(&bench.job(&id).await, "succeeded"));
}

#[tokio::test]
async fn a_success_that_cannot_be_told_yet_is_not_recorded_yet() {
    let (mut bench, receiver) = told().await;
    let id = bench.submit(order()).await;
    bench.queue.refuse_all();
    bench.start();
    bench.until("its event", &id, |_| bench.google.count() == 1).await;
    for _ in 0..20 {
        bench.turn(Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    assert!(matches!(bench.job(&id).await.state, JobState::Running(_)));
    assert_eq!(receiver.calls().len(), 0);
    bench.queue.recover();
    bench.pass_until("its notice", Duration::from_secs(1), || !receiver.calls().is_empty()).await;
    bench.succeeded(&id).await;
    assert_eq!(kinds(&receiver.heard(1).await), ["job.succeeded"]);
    assert_eq!(bench.google.methods(&id), [Insert], "Google was not asked again");
}

#[tokio::test]
async fn a_receiver_is_left_alone_for_as_long_as_it_asks() {
    let (mut bench, receiver) = told().await;
    receiver.answer([With(429, "retry-after: 7200")]);
    bench.start();
    let first = bench.submit(order()).await;
    bench.succeeded(&first).await;
    receiver.heard(1).await;
    bench.put_off(1).await;
    // Another job's notice waits too.
    let second = bench.submit(order()).await;
    bench.succeeded(&second).await;
    bench.put_off(2).await;
    bench.turn(minutes(119));
    bench.put_off(2).await;
    assert_eq!(receiver.calls().len(), 1);
    bench.turn(minutes(10));
    let calls = receiver.heard(3).await;
    let mut ids: Vec<_> = calls[1..].iter().map(|call| call.id.clone()).collect();
    let (first, second) = (bench.job(&first).await, bench.job(&second).await);
    let mut wanted = [first, second].map(|job| named(&job, "succeeded"));
    ids.sort();
    wanted.sort();
    assert_eq!(ids, wanted);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_sent_nothing_more_by_anybody() {
    let logs = Logs::listen();
    let (mut bench, receiver) = told().await;
    receiver.answer([Status(410)]);
    bench.start();
    let first = bench.submit(order()).await;
    bench.succeeded(&first).await;
    receiver.heard(1).await;
    bench.quiet().await;
    let second = bench.submit(order()).await;
    bench.succeeded(&second).await;
    assert_eq!(bench.quiet().await, Depth::default());
    assert_eq!(logs.errors().len(), 1, "{}", logs.everything());
    // It is known after a restart, and nobody can read the receiver's address there.
    bench.stop().taking.cancel();
    bench.stopped().await;
    let mut bench = bench.reopen().await;
    bench.settings.notices = receiver.notices();
    bench.start();
    let third = bench.submit(order()).await;
    bench.succeeded(&third).await;
    assert_eq!(bench.quiet().await, Depth::default());
    assert_eq!(receiver.calls().len(), 1);
    let mark = bench.vault.get(Shelf::Notices, "webhook").await.unwrap().unwrap();
    assert!(!mark.value.to_string().contains("127.0.0.1"), "{}", mark.value);
    // Another receiver is another matter.
    bench.stop().taking.cancel();
    bench.stopped().await;
    let other = Receiver::start().await;
    bench.settings.notices = other.notices();
    bench.start();
    let fourth = bench.submit(order()).await;
    bench.succeeded(&fourth).await;
    assert_eq!(other.heard(1).await[0].id, named(&bench.job(&fourth).await, "succeeded"));
}

#[tokio::test]
async fn a_private_address_is_never_called_unless_its_network_is_named() {
    let logs = Logs::listen();
    let (mut bench, receiver) = (Bench::new().await, Receiver::start().await);
    bench.settings.notices = receiver.notices_within("10.0.0.0/8");
    bench.start();
    let id = bench.submit(order()).await;
    bench.succeeded(&id).await;
    bench.put_off(1).await;
    assert_eq!(receiver.calls().len(), 0);
    assert!(logs.everything().contains("WEBHOOK_NETWORKS"), "{}", logs.everything());
    bench.stop().taking.cancel();
    bench.stopped().await;
    bench.settings.notices = receiver.notices();
    bench.turn(hours(1));
    bench.start();
    receiver.heard(1).await;
}

#[tokio::test]
async fn a_notice_that_nobody_takes_for_days_is_given_up_loudly() {
    let logs = Logs::listen();
    let (mut bench, receiver) = told().await;
    receiver.answer([Status(500)]);
    bench.start();
    let id = bench.submit(order()).await;
    bench.succeeded(&id).await;
    receiver.heard(1).await;
    bench.put_off(1).await;
    bench.turn(days(3) + minutes(1));
    assert_eq!(bench.quiet().await, Depth::default());
    assert_eq!((receiver.calls().len(), logs.errors().len()), (1, 1), "{}", logs.everything());
}

#[tokio::test]
async fn news_that_the_job_has_overtaken_are_not_told() {
    let (mut bench, receiver) = told().await;
    // Of two notices, about the job and its account, the first; the other waits in line behind it.
    receiver.answer([Status(500)]);
    bench.start();
    let account = order().account;
    bench.endpoint.end_grant(&refresh_token(account.as_str(), 1));
    let id = bench.submit(order()).await;
    bench.blocked(&id).await;
    receiver.heard(1).await;
    let connected = bench.connect(&account).await;
    bench.resume(&connected).await;
    bench.succeeded(&id).await;
    bench.turn(minutes(10));
    bench.quiet().await;
    assert_eq!(kinds(&receiver.heard(2).await[1..]), ["job.succeeded"]);
}

#[tokio::test]
async fn a_delivery_that_finds_its_job_ended_tells_again_under_the_same_id() {
    let (mut bench, receiver) = told().await;
    let job = bench.job_for(&order()).await;
    let id = bench.submit_job(job.clone()).await;
    bench.start();
    bench.succeeded(&id).await;
    receiver.heard(1).await;
    bench.queue.deliver_again(message(&job));
    let calls = receiver.heard(2).await;
    assert_eq!((&calls[1].id, &calls[1].body["data"]), (&calls[0].id, &calls[0].body["data"]));
    assert_eq!(bench.google.methods(&id), [Insert]);
}

#[tokio::test]
async fn a_success_that_was_taken_back_meanwhile_is_not_told() {
    let (mut bench, receiver) = told().await;
    let gate = Gate::new();
    let held = gate.clone();
    bench.google.next(Insert, Hold(held));
    bench.start();
    let id = bench.submit(order()).await;
    bench.under_way(1).await;
    bench.cancel(&id).await;
    gate.open();
    bench.cancelled(&id).await;
    bench.quiet().await;
    assert_eq!(kinds(&receiver.calls()), Vec::<&str>::new());
}

#[tokio::test]
async fn a_slow_receiver_takes_only_so_many_places_from_jobs() {
    let (mut bench, receiver) = told().await;
    receiver.answer(std::iter::repeat_n(Never, 100));
    bench.settings.concurrency = 40;
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(bench.submit(order()).await);
    }
    for id in &ids {
        bench.succeeded(id).await;
    }
    eventually("the other notices to wait", async || {
        (bench.queue.depth().await.unwrap().delayed >= 90).then_some(())
    })
    .await;
    assert_eq!(receiver.heard(10).await.len(), 10, "a quarter of the slots");
}

#[tokio::test]
async fn the_notices_of_a_receiver_that_is_away_come_back_less_and_less_often() {
    const JOBS: usize = 40;
    let (mut bench, receiver) = told().await;
    receiver.answer(std::iter::repeat_n(Status(503), 10_000));
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..JOBS {
        ids.push(bench.submit(order()).await);
    }
    for id in &ids {
        bench.succeeded(id).await;
    }
    // What each half hour costs the queue and the store.
    let mut looks = Vec::new();
    let mut asked = Vec::new();
    for _ in 0..12 {
        let before = (bench.queue.publishes(), bench.store.gets());
        for _ in 0..30 {
            bench.turn(minutes(1));
            bench.quiet().await;
        }
        looks.push(bench.queue.publishes() - before.0);
        asked.push(bench.store.gets() - before.1);
    }
    assert!(looks[11] * 4 < looks[0], "{looks:?}");
    assert!(looks.iter().sum::<usize>() < 20 * JOBS, "{looks:?}");
    // The store is asked of those alone that are sent.
    assert!(asked.iter().sum::<usize>() <= receiver.calls().len(), "{asked:?}");
    // It is back, and hears of every job.
    receiver.recover();
    let before = receiver.calls().len();
    bench
        .pass_until("all notices", minutes(10), || {
            let told: HashSet<String> =
                receiver.calls()[before..].iter().map(|call| call.id.clone()).collect();
            told.len() == JOBS
        })
        .await;
}
