//! Idempotency keys: one job, however often and in whatever order it is asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use accounts::keys::Scope;
use common::account::AccountId;
use common::fingerprint::Fingerprint;
use common::job::JobState;
use common::port::JobStore as _;
use futures_util::future::join_all;
use serde_json::json;
use testing::failing::Publishing;
use testing::{Gate, wait_until};

use crate::client::{Request, post};
use crate::rig::{EVENTS, OLDER, Plan, Rig, event, event_named};

fn keyed(key: &str) -> Request {
    post(EVENTS, &event()).header("Idempotency-Key", key)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_under_one_key_make_one_job() {
    let rig = Rig::start().await;
    let replies = join_all((0..50).map(|_| rig.ask(keyed("order-17")))).await;
    let ids: BTreeSet<String> = replies
        .iter()
        .map(|reply| {
            assert_eq!(reply.status, 202, "{}", reply.text());
            reply.json()["jobId"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 1);
    let firsts = replies.iter().filter(|reply| reply.header("idempotency-replayed").is_none()).count();
    assert_eq!((firsts, rig.queued().await, rig.queue.publishes()), (1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_body_under_a_key_is_refused_however_the_first_job_ended() {
    let rig = Rig::start().await;
    let first = rig.ask(keyed("k")).await.json();
    let other = post(EVENTS, &event_named("Dinner")).header("Idempotency-Key", "\"k\"");
    let problem = rig.ask(other.clone()).await.problem(422, "idempotency-key-reused");
    assert_eq!(problem["jobId"], first["jobId"]);
    assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
    rig.succeed(first["jobId"].as_str().unwrap()).await;
    rig.ask(other).await.problem(422, "idempotency-key-reused");
    let replayed = rig.ask(keyed("k")).await;
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(replayed.json()["state"], "succeeded");
    assert_eq!(rig.queued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_means_nothing_to_another_owner_or_on_another_route() {
    let rig = Rig::start().await;
    let other = rig.key_for("somebody", &[Scope::Submit], None).await;
    let older = post(OLDER, &event()).header("Idempotency-Key", "k").header("Prefer", "respond-async");
    let mut ids = BTreeSet::new();
    for reply in [rig.ask(keyed("k")).await, rig.send(&keyed("k").key(&other)).await, rig.ask(older).await] {
        assert_eq!(reply.status, 202, "{}", reply.text());
        ids.insert(reply.json()["jobId"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_waits_for_the_outcome_of_the_first() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    rig.queue.next(Publishing::Hold(gate.clone()));
    let (first, second, ()) = tokio::join!(rig.ask(keyed("k")), rig.ask(keyed("k")), async {
        // One publishes, and the other has met the record that is being accepted.
        wait_until(|| rig.queue.publishes() > 0 && rig.store.accepts() >= 2).await;
        gate.open();
    });
    assert_eq!((first.status, second.status), (202, 202), "{} {}", first.text(), second.text());
    assert_eq!(first.json()["jobId"], second.json()["jobId"]);
    assert_eq!((rig.queue.publishes(), rig.queued().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_what_was_never_confirmed_publishes_it_again_under_its_id() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    rig.queue.next(Publishing::LoseAnswer);
    let unknown = rig.ask(keyed("k")).await.problem(503, "outcome-unknown");
    let again = rig.ask(keyed("k")).await;
    assert_eq!(again.status, 202, "{}", again.text());
    assert_eq!(again.json()["jobId"], unknown["jobId"]);
    assert_eq!(rig.queue.publishes(), 2);
    let third = rig.ask(keyed("k")).await;
    assert_eq!((third.status, rig.queue.publishes()), (202, 2), "{}", third.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_as_before_though_the_account_is_gone_or_the_deadline_past() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    let first = rig.ask(keyed("k")).await.json();
    let mut body = event();
    let soon = common::time::after(rig.clock.now(), Duration::from_secs(5));
    body["notAfter"] = json!(soon.to_string());
    let short = post(EVENTS, &body).header("Idempotency-Key", "short");
    assert_eq!(rig.ask(short.clone()).await.status, 202);
    rig.accounts.disconnect(&AccountId::default_account()).await.unwrap();
    rig.clock.sleep(Duration::from_secs(6)).await;
    let replayed = rig.ask(keyed("k")).await;
    assert_eq!((replayed.status, &replayed.json()["jobId"]), (202, &first["jobId"]));
    assert_eq!(rig.ask(short).await.status, 202);
    let other = post(EVENTS, &event_named("Dinner")).header("Idempotency-Key", "k");
    rig.ask(other).await.problem(422, "idempotency-key-reused");
    rig.ask(keyed("new")).await.problem(409, "account-not-connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_none_is_refused_by_its_header() {
    let rig = Rig::start().await;
    let twice = keyed("a").header("Idempotency-Key", "b");
    let long = "x".repeat(256);
    for request in [twice, keyed(""), keyed("a b"), keyed(&long), keyed("\"open")] {
        let problem = rig.ask(request).await.problem(400, "invalid-header");
        assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
    }
    let older = |key: &str| post(EVENTS, &event()).header("X-Idempotency-Key", key);
    for request in
        [older("a").header("Idempotency-Key", "b"), older("a").header("X-Idempotency-Key", "b"), older("a b")]
    {
        let problem = rig.ask(request).await.problem(400, "invalid-header");
        assert_eq!(problem["errors"][0]["field"], "X-Idempotency-Key");
    }
    assert_eq!(rig.queued().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headers_older_name_counts_and_the_same_key_may_be_there_twice() {
    let rig = Rig::start().await;
    let plain = || post(EVENTS, &event());
    let mut ids = BTreeSet::new();
    for request in [
        keyed("k"),
        plain().header("X-Idempotency-Key", "k"),
        keyed("k").header("X-Idempotency-Key", "\"k\""),
        keyed("k").header("Idempotency-Key", "k"),
        plain().header("x-idempotency-key", "\"k\"").header("X-Idempotency-Key", "k"),
    ] {
        let reply = rig.ask(request).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        ids.insert(reply.json()["jobId"].as_str().unwrap().to_owned());
    }
    assert_eq!((ids.len(), rig.queued().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_in_other_words_is_the_same_request() {
    let rig = Rig::start().await;
    let first = rig.ask(keyed("k")).await.json();
    let mut spelt = event();
    let more = json!({
        "account": "default", "calendarId": "primary", "conference": true, "sendUpdates": "all", "priority": "normal",
        "visibility": "default", "transparency": "opaque", "status": "confirmed", "eventType": "default",
        "reminders": {"useDefault": true}, "recurrence": [], "attachments": [], "description": null,
        "attendeeEmail": "TEST@example.com", "startDateTime": "2036-12-30T14:00:00.000+05:30",
        "endDateTime": "2036-12-30T09:30:00Z",
    });
    spelt.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let again = rig.ask(post(EVENTS, &spelt).header("Idempotency-Key", "k")).await;
    assert_eq!((again.status, &again.json()["jobId"]), (202, &first["jobId"]), "{}", again.text());
    assert_eq!(rig.queued().await, 1);
}

/// The record as a build before wrote it, which knew the first version of the fingerprint alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_the_build_before_is_the_same_request_in_the_same_words() {
    let rig = Rig::start().await;
    let first = rig.ask(keyed("k")).await.json();
    let id = first["jobId"].as_str().unwrap();
    let job = rig.eventually(id, |job| job.state == JobState::Queued).await;
    assert!(job.fingerprint.v2().is_some());
    let former = Fingerprint::stored(job.fingerprint.v1().to_owned(), None);
    rig.lose_records().await;
    rig.store.restore(&job.with(|fields| fields.fingerprint = former)).await.unwrap();
    let again = rig.ask(keyed("k")).await;
    assert_eq!((again.status, &again.json()["jobId"]), (202, &first["jobId"]), "{}", again.text());
    let other = post(EVENTS, &event_named("Dinner")).header("Idempotency-Key", "k");
    rig.ask(other).await.problem(422, "idempotency-key-reused");
}
