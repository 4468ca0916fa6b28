//! Taking a job back, however far it has come.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Calrelay, Launch, event_with, eventually};

/// A job is tried again after a few seconds at most: it has not failed often.
const SOON: Duration = Duration::from_secs(60);

fn body(extra: &Value) -> Value {
    event_with("Taken back", extra)
}

fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

/// The answer to `DELETE`.
async fn cancel(calrelay: &Calrelay, id: &str) -> (u16, Value) {
    let reply = calrelay.delete(&format!("/api/v1/jobs/{id}")).send().await.expect("an answer");
    (reply.status().as_u16(), reply.json().await.expect("JSON"))
}

async fn until(calrelay: &Calrelay, id: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, SOON, || async {
        let job = calrelay.job(id).await;
        is(&job).then_some(job)
    })
    .await
}

async fn ended(calrelay: &Calrelay, id: &str) -> Value {
    until(calrelay, id, "the job's end", |job| !job["finishedAt"].is_null()).await
}

/// A job whose insert was answered by nobody, and about which Google cannot be asked.
async fn of_unknown_effect(calrelay: &Calrelay, drop: &str, extra: &Value) -> String {
    let sandbox = calrelay.sandbox();
    sandbox.fault(json!({"method": "events.insert", "drop": drop})).await;
    sandbox.fault(json!({"method": "events.get", "status": 503})).await;
    let id = calrelay.submit(&body(extra), "the-one").await.expect("accepted");
    until(calrelay, &id, "a failed attempt", |job| job["attempts"].as_u64() >= Some(1)).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_cancelled_while_its_insert_is_unknown_leaves_no_event_where_it_took_effect() {
    let calrelay = Launch::new().start().await;
    let sandbox = calrelay.sandbox();
    let id = of_unknown_effect(&calrelay, "after", &json!({})).await;
    assert_eq!(sandbox.events().await[&id].event["status"], "confirmed", "it did take effect");

    let (status, reply) = cancel(&calrelay, &id).await;
    assert_eq!((status, &reply["state"]), (202, &json!("cancelling")), "{reply}");
    assert!(calrelay.job(&id).await["finishedAt"].is_null(), "it cannot know yet");
    sandbox.no_faults().await;

    let job = ended(&calrelay, &id).await;
    assert_eq!(job["state"], "cancelled", "{job}");
    let stored = &sandbox.events().await[&id];
    assert_eq!((&stored.event["status"], stored.inserts), (&json!("cancelled"), 1));
    println!("cancelled after {} failed attempts; the event is a tombstone", job["attempts"]);
    assert_eq!(cancel(&calrelay, &id).await.0, 200, "asking again changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_cancelled_while_its_insert_is_unknown_leaves_no_event_where_it_did_not_take_effect() {
    let calrelay = Launch::new().start().await;
    let sandbox = calrelay.sandbox();
    let id = of_unknown_effect(&calrelay, "before", &json!({})).await;
    let (status, _) = cancel(&calrelay, &id).await;
    assert_eq!(status, 202);
    sandbox.no_faults().await;

    let job = ended(&calrelay, &id).await;
    assert_eq!(job["state"], "cancelled", "{job}");
    // The insert may be on its way: an event without anything of the caller's has taken its id, and was deleted.
    let stored = &sandbox.events().await[&id];
    assert_eq!((&stored.event["status"], stored.inserts), (&json!("cancelled"), 1));
    assert!(!stored.event.to_string().contains("Taken back"), "{}", stored.event);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_cancelled_while_google_is_writing_leaves_no_event() {
    let calrelay = Launch::new().start().await;
    let sandbox = calrelay.sandbox();
    sandbox.fault(json!({"method": "events.insert", "latencyMs": 2_000})).await;
    let id = calrelay.submit(&body(&json!({})), "the-one").await.expect("accepted");
    // Half the latency lies before the effect.
    eventually("the insert's effect", SOON, || async {
        sandbox.events().await.contains_key(&id).then_some(())
    })
    .await;
    let (status, _) = cancel(&calrelay, &id).await;
    assert_eq!(status, 202);

    let job = ended(&calrelay, &id).await;
    assert_eq!((&job["state"], &job["attempts"]), (&json!("cancelled"), &json!(0)), "{job}");
    assert_eq!(sandbox.events().await[&id].event["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_says_that_it_could_not_find_out_when_google_cannot_be_asked_until_its_deadline() {
    let calrelay = Launch::new().start().await;
    let not_after = in_seconds(8);
    let id = of_unknown_effect(&calrelay, "after", &json!({"notAfter": not_after})).await;
    let (status, _) = cancel(&calrelay, &id).await;
    assert_eq!(status, 202);

    let job = ended(&calrelay, &id).await;
    assert_eq!((&job["state"], &job["error"]["effect"]), (&json!("failed"), &json!("unknown")), "{job}");
    assert_eq!(job["error"]["type"], "urn:calrelay:problem:cancellation-unconfirmed");
    let instant = |text: &str| text.parse::<Timestamp>().expect("an instant");
    let finished = instant(job["finishedAt"].as_str().expect("a text"));
    assert!(finished >= instant(&not_after), "it gave up early: {job}");
    println!(
        "gave up after {} attempts, {} after its deadline",
        job["attempts"],
        finished - instant(&not_after)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_job_is_cancelled_at_once_and_google_never_hears_of_it() {
    let calrelay = Launch::new().start().await;
    let sandbox = calrelay.sandbox();
    let start = in_seconds(3);
    let taken_back =
        calrelay.submit(&body(&json!({"notBefore": start})), "taken-back").await.expect("accepted");
    let other = calrelay.submit(&body(&json!({"notBefore": start})), "other").await.expect("accepted");
    let (status, reply) = cancel(&calrelay, &taken_back).await;
    assert_eq!((status, &reply["state"]), (200, &json!("cancelled")), "{reply}");
    assert_eq!(cancel(&calrelay, &taken_back).await.0, 200, "asking again changes nothing");

    // The other one's time has come and gone, and so has this one's.
    let job = ended(&calrelay, &other).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(calrelay.job(&taken_back).await["state"], "cancelled");
    let requests = sandbox.read("/_sandbox/requests").await;
    let asked = requests["requests"].as_array().expect("a list");
    assert!(asked.iter().any(|entry| entry["method"] == "events.insert"));
    assert!(asked.iter().all(|entry| entry["eventId"] != json!(taken_back)), "{requests}");
    assert_eq!(sandbox.events().await.keys().collect::<Vec<_>>(), [&other]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_for_its_next_attempt_is_cancelled_at_once_when_nothing_was_written() {
    let calrelay = Launch::new().start().await;
    let sandbox = calrelay.sandbox();
    sandbox.fault(json!({"method": "events.insert", "status": 429, "reason": "userRateLimitExceeded"})).await;
    let id = calrelay.submit(&body(&json!({})), "the-one").await.expect("accepted");
    until(&calrelay, &id, "a throttled attempt", |job| job["state"] == "waiting").await;
    let (status, _) = cancel(&calrelay, &id).await;
    assert_eq!(status, 200);
    sandbox.no_faults().await;
    assert_eq!(calrelay.job(&id).await["state"], "cancelled");
    assert!(sandbox.events().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_job_cannot_be_taken_back() {
    let calrelay = Launch::new().start().await;
    let id = calrelay.submit(&body(&json!({})), "the-one").await.expect("accepted");
    assert_eq!(ended(&calrelay, &id).await["state"], "succeeded");
    let (status, problem) = cancel(&calrelay, &id).await;
    assert_eq!((status, &problem["state"]), (409, &json!("succeeded")), "{problem}");
    assert_eq!(calrelay.sandbox().events().await[&id].event["status"], "confirmed");
}
