//! The store is away: jobs are accepted all the same, and have their records when it is back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use accounts::keys::Scope;
use common::job::{Effect, Job, JobState};
use common::port::{JobStore as _, ListFilter, Page, QueueError, Shelf, Vault as _};
use futures_util::future::join_all;
use serde_json::json;
use testing::failing::Publishing;
use testing::{Gate, wait_until};

use crate::client::{Reply, Request, get, post, request};
use crate::logs::Logs;
use crate::rig::{EVENTS, OLDER, Plan, Rig, event, event_named};

fn keyed(key: &str) -> Request {
    post(EVENTS, &event()).header("Idempotency-Key", key)
}

fn job(id: &str) -> String {
    format!("/api/v1/jobs/{id}")
}

fn away(rig: &Rig) {
    rig.store.go_away();
}

fn back(rig: &Rig) {
    rig.store.recover();
}

fn id_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()["jobId"].as_str().unwrap().to_owned()
}

async fn queued_record(rig: &Rig, id: &str) -> Job {
    rig.eventually(id, |job| job.state == JobState::Queued).await
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_accepted_keyed_or_not_and_have_their_records_when_the_store_is_back() {
    let rig = Rig::start().await;
    away(&rig);
    let ids = [id_of(&rig.ask(post(EVENTS, &event())).await), id_of(&rig.ask(keyed("k")).await)];
    assert_eq!(rig.queued().await, 2);
    for id in &ids {
        let record = rig.record(id).await;
        assert_eq!((&record["state"], &record["calendarId"]), (&json!("queued"), &json!("primary")));
    }
    back(&rig);
    for id in &ids {
        let stored = queued_record(&rig, id).await;
        // A worker may have written while nobody kept records.
        assert_eq!((stored.effect, stored.hop), (Effect::Unknown, 1));
        assert_eq!(rig.record(id).await["state"], "queued");
    }
    assert_eq!((rig.queue.publishes(), rig.queued().await), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_names_the_same_job_during_and_after() {
    let rig = Rig::start().await;
    away(&rig);
    let first = rig.ask(keyed("k")).await;
    let id = id_of(&first);
    assert_eq!(first.header("idempotency-replayed"), None);
    let other = post(EVENTS, &event_named("Dinner")).header("Idempotency-Key", "k");
    let same = async || {
        let again = rig.ask(keyed("k")).await;
        assert_eq!((id_of(&again), again.header("idempotency-replayed")), (id.clone(), Some("true")));
        rig.ask(other.clone()).await.problem(422, "idempotency-key-reused");
    };
    same().await;
    back(&rig);
    // Whether or not it is written yet.
    same().await;
    queued_record(&rig, &id).await;
    same().await;
    rig.succeed(&id).await;
    assert_eq!(rig.ask(keyed("k")).await.json()["state"], "succeeded");
    assert_eq!((rig.queue.publishes(), rig.queued().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_under_one_key_make_one_job() {
    let rig = Rig::start().await;
    away(&rig);
    let replies = join_all((0..50).map(|_| rig.ask(keyed("order-17")))).await;
    let ids: BTreeSet<String> = replies.iter().map(id_of).collect();
    let firsts = replies.iter().filter(|reply| reply.header("idempotency-replayed").is_none()).count();
    assert_eq!((ids.len(), firsts, rig.queued().await, rig.queue.publishes()), (1, 1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ingresses_name_one_job_and_write_one_record() {
    let rig = Rig::start().await;
    let neighbour = rig.neighbour();
    away(&rig);
    let id = id_of(&rig.ask(keyed("k")).await);
    get(&job(&id)).key(&rig.key).send(neighbour).await.problem(503, "storage-unavailable");
    // It cannot know of the first. Of two messages with one id, one dies out with the worker.
    assert_eq!(id_of(&keyed("k").key(&rig.key).send(neighbour).await), id);
    assert_eq!(rig.queue.publishes(), 2);
    back(&rig);
    queued_record(&rig, &id).await;
    for address in [rig.address, neighbour] {
        let again = keyed("k").key(&rig.key).send(address).await;
        assert_eq!((id_of(&again), again.header("idempotency-replayed")), (id.clone(), Some("true")));
    }
    assert_eq!(rig.queue.publishes(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_away_while_a_job_is_published_gets_its_record_later() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    rig.queue.next(Publishing::Hold(gate.clone()));
    let (reply, ()) = tokio::join!(rig.ask(keyed("k")), async {
        wait_until(|| rig.queue.publishes() > 0).await;
        away(&rig);
        gate.open();
    });
    let id = id_of(&reply);
    back(&rig);
    queued_record(&rig, &id).await;
    assert_eq!(rig.ask(keyed("k")).await.header("idempotency-replayed"), Some("true"));
    assert_eq!(rig.queue.publishes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_making_was_never_answered_is_put_right() {
    let rig = Rig::start().await;
    rig.store.go_mute();
    let id = id_of(&rig.ask(keyed("k")).await);
    let stored = rig.stored(&id).await.unwrap();
    assert!(matches!(stored.state, JobState::Accepting { .. }), "it was made all the same");
    let again = rig.ask(keyed("k")).await;
    assert_eq!((id_of(&again), again.header("idempotency-replayed")), (id.clone(), Some("true")));
    rig.store.recover();
    queued_record(&rig, &id).await;
    assert_eq!((rig.queue.publishes(), rig.queued().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_queue_refuses_is_remembered_of_nobody() {
    let rig = Rig::start().await;
    away(&rig);
    for (error, slug) in
        [(QueueError::Full, "queue-full"), (QueueError::Unreachable("away".to_owned()), "queue-unavailable")]
    {
        rig.queue.next(Publishing::Refuse(error));
        let reply = rig.ask(keyed(slug)).await;
        reply.problem(503, slug);
        assert!(reply.header("retry-after").is_some());
        let again = rig.ask(keyed(slug)).await;
        id_of(&again);
        assert_eq!(again.header("idempotency-replayed"), None, "it is a new job");
    }
    assert_eq!(rig.queued().await, 2);
}

/// A job that the queue refuses, and whose record stays; answers its id.
async fn refused_and_kept(rig: &Rig, key: &str) -> String {
    rig.store.refuse_withdrawals();
    rig.queue.next(Publishing::Refuse(QueueError::Full));
    rig.ask(keyed(key)).await.problem(503, "queue-full");
    let page = Page { after: None, limit: 10 };
    let jobs = rig.store.list(&ListFilter::default(), page).await.unwrap();
    let left = jobs.into_iter().find(|job| matches!(job.state, JobState::Accepting { .. }));
    left.expect("its record could not be removed").id.to_string()
}

async fn removed(rig: &Rig, id: &str) {
    for _ in 0..500 {
        if rig.stored(id).await.is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the record of job {id} stays");
}

/// Nobody was promised it: a record that stayed would have a worker do it in the end.
#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_refused_job_goes_when_the_store_takes_that() {
    let rig = Rig::start().await;
    let id = refused_and_kept(&rig, "k").await;
    rig.store.recover();
    removed(&rig, &id).await;
    let again = rig.ask(keyed("k")).await;
    assert_eq!((id_of(&again), again.header("idempotency-replayed")), (id, None), "it is a new job");
    assert_eq!(rig.queued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_refused_job_that_a_repeat_has_published_stays() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    let id = refused_and_kept(&rig, "k").await;
    assert_eq!(id_of(&rig.ask(keyed("k")).await), id);
    queued_record(&rig, &id).await;
    let other = refused_and_kept(&rig, "other").await;
    rig.store.recover();
    removed(&rig, &other).await;
    assert_eq!(rig.stored(&id).await.unwrap().state, JobState::Queued);
    assert_eq!(rig.queued().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_confirmed_is_published_again_by_a_repeat() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    away(&rig);
    rig.queue.next(Publishing::LoseAnswer);
    let problem = rig.ask(keyed("k")).await.problem(503, "outcome-unknown");
    let id = problem["jobId"].as_str().unwrap();
    assert_eq!(rig.record(id).await["state"], "queued");
    assert_eq!(id_of(&rig.ask(keyed("k")).await), id);
    assert_eq!(rig.queue.publishes(), 2);
    assert_eq!(rig.ask(keyed("k")).await.header("idempotency-replayed"), Some("true"));
    assert_eq!(rig.queue.publishes(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_confirmed_is_recorded_as_just_that() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    away(&rig);
    rig.queue.next(Publishing::LoseAnswer);
    let problem = rig.ask(keyed("k")).await.problem(503, "outcome-unknown");
    let id = problem["jobId"].as_str().unwrap();
    back(&rig);
    let stored = rig.eventually(id, |_| true).await;
    assert!(matches!(stored.state, JobState::Accepting { .. }), "{:?}", stored.state);
    assert_eq!(stored.effect, Effect::Unknown, "the queue may have it, and a worker may have run it");
    assert_eq!(id_of(&rig.ask(keyed("k")).await), id);
    queued_record(&rig, id).await;
    assert_eq!(rig.queue.publishes(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_jobs_cannot_be_looked_up_and_strangers_learn_nothing() {
    let rig = Rig::start().await;
    let recorded = rig.accepted().await;
    away(&rig);
    let remembered = id_of(&rig.ask(post(EVENTS, &event())).await);
    let stranger = rig.key_for("somebody", &[Scope::Admin], None).await;
    let unknown = "0".repeat(26);
    let reply = rig.ask(get(&job(&recorded))).await;
    let problem = reply.problem(503, "storage-unavailable");
    assert!(reply.header("retry-after").is_some());
    for id in [&recorded, &remembered, &unknown] {
        let reply = rig.send(&get(&job(id)).key(&stranger)).await;
        assert_eq!(reply.problem(503, "storage-unavailable"), problem);
        let reply = rig.send(&request("DELETE", &job(id)).key(&stranger)).await;
        reply.problem(503, "storage-unavailable");
    }
    let marks = rig.vault.list(Shelf::Cancellations).await.unwrap();
    assert!(marks.is_empty(), "nobody may take back what may be another's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_outlives_the_stores_absence() {
    let rig = Rig::with(Plan { speed: 10, ..Plan::default() }).await;
    away(&rig);
    let waiting = keyed("k").header("Prefer", "wait=25");
    let (reply, ()) = tokio::join!(rig.ask(waiting), async {
        while rig.queued().await == 0 {
            tokio::task::yield_now().await;
        }
        let id = id_of(&rig.ask(keyed("k")).await);
        back(&rig);
        queued_record(&rig, &id).await;
        rig.succeed(&id).await;
    });
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("succeeded")), "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_outlives_the_stores_absence() {
    let rig = Rig::with(Plan { speed: 10, ..Plan::default() }).await;
    let id = rig.accepted().await;
    let looked = |looks: usize| {
        let store = Arc::clone(&rig.store);
        let looking = async move {
            wait_until(|| store.watches() >= looks).await;
        };
        async { tokio::time::timeout(Duration::from_secs(10), looking).await.expect("it looks again") }
    };
    let (reply, ()) = tokio::join!(rig.ask(get(&format!("{}?wait=25", job(&id)))), async {
        looked(1).await;
        away(&rig);
        looked(3).await;
        back(&rig);
        rig.succeed(&id).await;
    });
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("succeeded")), "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_in_vain_is_told_that_the_job_is_accepted() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    let gate = Gate::new();
    rig.queue.next(Publishing::Hold(gate.clone()));
    // Recorded, and then the store goes away for as long as anybody waits.
    let (reply, ()) = tokio::join!(rig.ask(keyed("k").header("Prefer", "wait=5")), async {
        wait_until(|| rig.queue.publishes() > 0).await;
        away(&rig);
        gate.open();
    });
    let id = id_of(&reply);
    assert_eq!(rig.ask(get(&format!("{}?wait=5", job(&id)))).await.json()["state"], "queued");
    let older = rig.ask(post(OLDER, &event())).await;
    assert_eq!((older.status, &older.json()["success"]), (202, &json!(true)), "{}", older.text());
}

#[tokio::test]
async fn the_end_of_the_process_tells_how_many_records_are_missing() {
    let rig = Rig::start().await;
    away(&rig);
    for _ in 0..3 {
        id_of(&rig.ask(post(EVENTS, &event())).await);
    }
    let logs = Logs::listen();
    rig.stop().await;
    let text = logs.text();
    assert!(text.contains("jobs=3") && text.contains("workers rebuild the records"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_recorded_is_recorded_before_the_end() {
    let rig = Rig::start().await;
    away(&rig);
    let id = id_of(&rig.ask(post(EVENTS, &event())).await);
    let store = Arc::clone(&rig.store);
    back(&rig);
    rig.stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), rig.served).await.unwrap().unwrap().unwrap();
    let id = common::job::JobId::parse(&id).unwrap();
    assert!(common::port::JobStore::get(&*store, &id).await.unwrap().is_some());
}
