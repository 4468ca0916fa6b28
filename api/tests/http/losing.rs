//! The store has lost its records: no accepted job is denied.

use std::time::{Duration, Instant};

use accounts::keys::Scope;
use common::job::{Job, JobState};
use common::port::{JobStore as _, Shelf, Vault as _};
use common::time;
use serde_json::{Value, json};
use testing::failing::Publishing;
use testing::{Gate, wait_until};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::client::{get, post, request};
use crate::rig::{EVENTS, Plan, Rig, event};

fn job(id: &str) -> String {
    format!("/api/v1/jobs/{id}")
}

fn is_unknown(record: &Value, id: &str) -> bool {
    let members = record.as_object().unwrap().len();
    (&record["jobId"], &record["state"], members) == (&json!(id), &json!("unknown"), 3)
        && record["detail"].as_str().is_some_and(|detail| detail.contains("lost"))
}

/// Puts a record back as a worker does that meets the job's message.
async fn put_back(rig: &Rig, job: &Job) {
    rig.store.restore(job).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_record_is_lost_is_unknown_and_so_is_every_other_id() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let stranger = rig.key_for("somebody", &[Scope::Admin], None).await;
    rig.lose_records().await;
    assert!(is_unknown(&rig.record(&id).await, &id));
    let never = "0".repeat(26);
    assert!(is_unknown(&rig.record(&never).await, &never));
    // A job that came after the loss looks no different to others.
    let newer = rig.accepted().await;
    for id in [&id, &newer] {
        let reply = rig.send(&get(&job(id)).key(&stranger)).await;
        assert!(reply.status == 200 && is_unknown(&reply.json(), id), "{}", reply.text());
    }
    rig.ask(get(&job("no-job"))).await.problem(404, "job-not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_long_after_a_loss_never_was() {
    let mut plan = Plan::default();
    plan.settings.retention = time::days(2);
    let rig = Rig::with(plan).await;
    let never = "0".repeat(26);
    for (hours, known) in [(47, false), (49, true)] {
        let lost = rig.clock.now().checked_sub(jiff::SignedDuration::from_hours(hours)).unwrap();
        rig.store.fall_back(lost);
        let reply = rig.ask(get(&job(&never))).await;
        assert_eq!(reply.status, if known { 404 } else { 200 }, "{hours} h: {}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_was_away_others_may_have_accepted_what_it_does_not_know() {
    let rig = Rig::start().await;
    let never = "0".repeat(26);
    rig.ask(get(&job(&never))).await.problem(404, "job-not-found");
    rig.store.go_away();
    rig.ask(get(&job(&never))).await.problem(503, "storage-unavailable");
    rig.store.recover();
    assert!(is_unknown(&rig.record(&never).await, &never));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_back_what_may_be_anothers() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    rig.lose_records().await;
    let reply = rig.ask(request("DELETE", &job(&id))).await;
    let problem = reply.problem(503, "job-unknown");
    assert_eq!(problem["retryable"], true);
    assert!(reply.header("retry-after").is_some());
    assert!(rig.vault.get(Shelf::Cancellations, &id).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_carried_out_though_the_record_is_lost_while_it_is_written() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    rig.store.wipe_at_next_step(rig.empty_store().await);
    let reply = rig.ask(request("DELETE", &job(&id))).await;
    assert_eq!((reply.status, &reply.json()["state"]), (202, &json!("cancelling")), "{}", reply.text());
    assert!(rig.vault.get(Shelf::Cancellations, &id).await.unwrap().is_some());
    rig.eventually(&id, |job| job.cancel_requested).await;
    assert_eq!(rig.queued().await, 2, "somebody must look at it now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_lost_while_its_job_is_published_is_made_again() {
    let rig = Rig::start().await;
    let gate = Gate::new();
    rig.queue.next(Publishing::Hold(gate.clone()));
    let (reply, ()) = tokio::join!(rig.ask(post(EVENTS, &event())), async {
        wait_until(|| rig.queue.publishes() > 0).await;
        rig.lose_records().await;
        gate.open();
    });
    assert_eq!(reply.status, 202, "{}", reply.text());
    rig.eventually(reply.json()["jobId"].as_str().unwrap(), |job| job.state == JobState::Queued).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_names_the_same_job_after_a_loss() {
    let rig = Rig::start().await;
    let keyed = post(EVENTS, &event()).header("Idempotency-Key", "k");
    let first = rig.ask(keyed.clone()).await.json();
    rig.lose_records().await;
    let again = rig.ask(keyed).await;
    assert_eq!((again.status, &again.json()["jobId"]), (202, &first["jobId"]), "{}", again.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_waits_for_a_record_that_is_lost() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let lost = rig.stored(&id).await.unwrap();
    rig.lose_records().await;
    let began = Instant::now();
    let reply = rig.ask(get(&format!("{}?wait=1", job(&id)))).await;
    assert!(is_unknown(&reply.json(), &id), "{}", reply.text());
    assert!(began.elapsed() >= Duration::from_secs(1), "whoever polls is not to spin");
    let path = format!("{}?wait=20", job(&id));
    let watched = rig.store.watches();
    let (reply, ()) = tokio::join!(rig.ask(get(&path)), async {
        wait_until(|| rig.store.watches() > watched).await;
        put_back(&rig, &lost).await;
        rig.succeed(&id).await;
    });
    assert_eq!(reply.json()["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_by_another_owner_never_shows_the_record() {
    let rig = Rig::start().await;
    rig.lose_records().await;
    let id = rig.accepted().await;
    rig.succeed(&id).await;
    let stranger = rig.key_for("somebody", &[Scope::Admin], None).await;
    let began = Instant::now();
    let reply = rig.send(&get(&format!("{}?wait=1", job(&id))).key(&stranger)).await;
    assert!(is_unknown(&reply.json(), &id), "{}", reply.text());
    assert!(began.elapsed() >= Duration::from_secs(1), "how long it takes tells nothing either");
}

/// Reads until the stream says this, or ends.
async fn read_until(stream: &mut TcpStream, text: &mut String, wanted: &str) {
    let reading = async {
        let mut piece = [0; 4096];
        while !text.contains(wanted) {
            let length = stream.read(&mut piece).await.unwrap();
            assert_ne!(length, 0, "the stream ended without {wanted}: {text}");
            text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(10), reading).await;
    read.unwrap_or_else(|_| panic!("never came: {wanted}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_outlives_the_loss_of_what_it_follows() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let request = get(&job(&id)).header("Accept", "text/event-stream").key(&rig.key);
    let mut stream = request.open(rig.address).await;
    let mut text = String::new();
    read_until(&mut stream, &mut text, "\"state\":\"queued\"").await;
    let lost = rig.stored(&id).await.unwrap();
    rig.lose_records().await;
    read_until(&mut stream, &mut text, "\"state\":\"unknown\"").await;
    rig.store.go_away();
    put_back_while_away(&rig, &lost).await;
    rig.succeed(&id).await;
    read_until(&mut stream, &mut text, "\"state\":\"succeeded\"").await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the stream goes on after the end of the job");
}

async fn put_back_while_away(rig: &Rig, job: &Job) {
    let watched = rig.store.watches();
    while rig.store.watches() < watched + 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rig.store.recover();
    put_back(rig, job).await;
}
