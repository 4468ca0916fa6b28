//! What was cancelled stays cancelled for its key, though the store has lost its record.

use common::job::{Effect, Job, JobState};
use common::port::{JobQueue as _, JobStore as _, ListFilter, Page, Shelf, Vault as _};
use common::time;
use futures_util::future::join_all;
use serde_json::json;
use testing::failing::Publishing;
use testing::{Gate, wait_until};

use crate::client::{Reply, Request, get, post, request};
use crate::rig::{EVENTS, Plan, Rig, event, event_named};

fn keyed(key: &str) -> Request {
    post(EVENTS, &event()).header("Idempotency-Key", key)
}

async fn cancel(rig: &Rig, id: &str) {
    let reply = rig.ask(request("DELETE", &format!("/api/v1/jobs/{id}"))).await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("cancelled")), "{}", reply.text());
}

/// Accepts a job under the key `k`, takes it back, and loses its record.
async fn cancelled_and_lost(rig: &Rig) -> String {
    let reply = rig.ask(keyed("k")).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let id = reply.json()["jobId"].as_str().unwrap().to_owned();
    cancel(rig, &id).await;
    rig.lose_records().await;
    id
}

/// It is the answer that a cancelled job's record gives.
fn is_cancelled(reply: &Reply, id: &str) {
    assert_eq!(reply.status, 202, "{}", reply.text());
    let body = reply.json();
    assert_eq!((&body["jobId"], &body["state"]), (&json!(id), &json!("cancelled")));
    assert_eq!(reply.header("idempotency-replayed"), Some("true"));
}

/// The only job there is.
async fn only_job(rig: &Rig) -> Option<Job> {
    let page = Page { after: None, limit: 2 };
    let jobs = rig.store.list(&ListFilter::default(), page).await.unwrap();
    assert!(jobs.len() < 2, "{jobs:?}");
    jobs.into_iter().next()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_cancelled_job_means_that_job_at_every_ingress_after_every_loss() {
    let rig = Rig::start().await;
    let neighbour = rig.neighbour();
    let id = cancelled_and_lost(&rig).await;
    for _ in 0..2 {
        is_cancelled(&rig.ask(keyed("k")).await, &id);
    }
    assert_eq!(rig.record(&id).await["state"], "cancelled");
    is_cancelled(&keyed("k").key(&rig.key).send(neighbour).await, &id);
    rig.lose_records().await;
    is_cancelled(&keyed("k").key(&rig.key).send(neighbour).await, &id);
    assert_eq!(rig.record(&id).await["state"], "cancelled");
    is_cancelled(&rig.ask(keyed("k")).await, &id);
    assert_eq!(rig.queue.publishes(), 1, "it was published when it was new, and never again");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_under_the_key_of_a_cancelled_job_publish_nothing() {
    let rig = Rig::start().await;
    let id = cancelled_and_lost(&rig).await;
    for reply in join_all((0..50).map(|_| rig.ask(keyed("k")))).await {
        is_cancelled(&reply, &id);
    }
    assert_eq!((rig.queue.publishes(), rig.vault.lists()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_body_under_the_key_of_a_cancelled_job_is_refused_without_its_record_too() {
    let rig = Rig::start().await;
    let id = cancelled_and_lost(&rig).await;
    let other = post(EVENTS, &event_named("Dinner")).header("Idempotency-Key", "k");
    let problem = rig.ask(other.clone()).await.problem(422, "idempotency-key-reused");
    assert_eq!(problem["jobId"], json!(id));
    assert!(rig.stored(&id).await.is_none(), "the refused request is not on record");
    is_cancelled(&rig.ask(keyed("k")).await, &id);
    rig.ask(other).await.problem(422, "idempotency-key-reused");
    assert_eq!(rig.queue.publishes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_are_asked_for_once_after_a_loss_and_never_without_one() {
    let rig = Rig::start().await;
    let listed = || rig.vault.lists();
    let accept = async |key: &str| assert_eq!(rig.ask(keyed(key)).await.status, 202);
    accept("before").await;
    assert_eq!(listed(), 0);
    for losses in 1..=2 {
        rig.lose_records().await;
        rig.accepted().await;
        assert_eq!(listed(), losses - 1, "a job without a key was never cancelled before");
        for number in 0..5 {
            accept(&format!("{losses}-{number}")).await;
        }
        assert_eq!(listed(), losses);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_do_not_outlive_the_records_that_would_have_been_kept() {
    let rig = Rig::start().await;
    cancelled_and_lost(&rig).await;
    let retention = Plan::default().settings.retention;
    for (age, state) in [(retention, "queued"), (retention - time::minutes(1), "cancelled")] {
        rig.store.wipe(rig.empty_store().await);
        rig.store.fall_back(rig.clock.now().checked_sub(age).unwrap());
        assert_eq!(rig.ask(keyed("k")).await.json()["state"], state);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_marks_cannot_be_read_nothing_is_accepted_that_may_have_one() {
    let rig = Rig::start().await;
    let id = cancelled_and_lost(&rig).await;
    rig.vault.go_away();
    for key in ["k", "another"] {
        let reply = rig.ask(keyed(key)).await;
        reply.problem(503, "storage-unavailable");
        assert!(reply.header("retry-after").is_some());
    }
    assert!((only_job(&rig).await, rig.queue.publishes()) == (None, 1), "neither recorded nor published");
    rig.accepted().await;
    rig.vault.recover();
    is_cancelled(&rig.ask(keyed("k")).await, &id);
    assert_eq!(rig.ask(keyed("another")).await.json()["state"], "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_an_operator_has_reopened_is_no_longer_cancelled() {
    let rig = Rig::start().await;
    let id = cancelled_and_lost(&rig).await;
    assert_eq!(rig.ask(keyed("another")).await.status, 202, "the marks are known now");
    rig.vault.remove(Shelf::Cancellations, &id).await.unwrap();
    assert_eq!(rig.ask(keyed("k")).await.json()["state"], "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_left_half_made_is_cancelled_and_not_published() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    let id = cancelled_and_lost(&rig).await;
    rig.store.refuse(|_| true);
    rig.ask(keyed("k")).await.problem(503, "storage-unavailable");
    let half_made = rig.stored(&id).await.unwrap();
    assert!(matches!(half_made.state, JobState::Accepting { .. }), "{half_made:?}");
    // Once it is too old to be anybody's.
    rig.ask(keyed("k")).await.problem(503, "outcome-unknown");
    rig.store.recover();
    is_cancelled(&rig.ask(keyed("k")).await, &id);
    assert_eq!(rig.queue.publishes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_leaves_it_to_the_worker_to_look_for_the_mark() {
    let rig = Rig::start().await;
    let id = cancelled_and_lost(&rig).await;
    let first = rig.queue.receive().await.unwrap();
    rig.queue.done(first.tag).await.unwrap();
    rig.store.go_mute();
    let reply = rig.ask(keyed("k")).await;
    assert_eq!((reply.status, &reply.json()["jobId"]), (202, &json!(id)), "{}", reply.text());
    let stored = rig.stored(&id).await.unwrap();
    assert_eq!(stored.effect, Effect::None, "the record was made all the same");
    let message = rig.queue.receive().await.unwrap().message.unwrap();
    assert_eq!(message.effect, Effect::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_taken_back_while_it_is_accepted_is_cancelled() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    rig.queue.next(Publishing::Hold(gate.clone()));
    let (reply, id) = tokio::join!(rig.ask(keyed("k")), async {
        wait_until(|| rig.queue.publishes() > 0).await;
        let job = only_job(&rig).await.unwrap();
        assert!(matches!(job.state, JobState::Accepting { .. }), "{job:?}");
        cancel(&rig, job.id.as_str()).await;
        gate.open();
        job.id.to_string()
    });
    assert_eq!(reply.status, 202, "{}", reply.text());
    is_cancelled(&rig.ask(keyed("k")).await, &id);
    assert_eq!(rig.ask(get(&format!("/api/v1/jobs/{id}"))).await.json()["state"], "cancelled");
    assert_eq!(rig.queue.publishes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_taken_back_and_never_confirmed_is_not_published_again() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    rig.queue.next(Publishing::LoseAnswer);
    let id = rig.ask(keyed("k")).await.problem(503, "outcome-unknown")["jobId"].as_str().unwrap().to_owned();
    cancel(&rig, &id).await;
    is_cancelled(&rig.ask(keyed("k")).await, &id);
    assert_eq!(rig.queue.publishes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_comes_to_nothing_takes_its_own_mark_away_and_no_earlier_one() {
    for earlier in [false, true] {
        let rig = Rig::start().await;
        let gate = Gate::new();
        rig.queue.next(Publishing::Hold(gate.clone()));
        let (_, ()) = tokio::join!(rig.ask(keyed("k")), async {
            wait_until(|| rig.queue.publishes() > 0).await;
            let id = only_job(&rig).await.unwrap().id.clone();
            if earlier {
                rig.vault.put(Shelf::Cancellations, id.as_str(), &json!({}), None).await.unwrap();
            }
            rig.store.wipe_at_next_step(rig.empty_store().await);
            rig.ask(request("DELETE", &format!("/api/v1/jobs/{id}"))).await.problem(503, "job-unknown");
            let mark = rig.vault.get(Shelf::Cancellations, id.as_str()).await.unwrap();
            assert_eq!(mark.is_some(), earlier);
            gate.open();
        });
    }
}
