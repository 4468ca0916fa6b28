//! A user takes the grant back while callers wait.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::Launch;

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_told_at_once_that_the_calendar_has_to_be_connected_again() {
    let calrelay = Launch::new().start().await;
    calrelay.sandbox().control("/_sandbox/users/ada@example.com", &json!({"revoked": true})).await;
    let body = json!({
        "summary": "Too late", "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    });
    let began = Instant::now();
    let reply = calrelay.post("/api/create-calendar-event", &body).send().await.expect("an answer");
    let took = began.elapsed();
    assert_eq!(reply.status(), 202);
    let told: Value = reply.json().await.expect("JSON");
    let message = told["message"].as_str().expect("a message");
    assert!(message.ends_with("once the calendar is connected again"), "{message}");
    assert!(took < Duration::from_secs(8), "nobody is kept waiting for a person: {took:?}");
    let job = calrelay.job(told["jobId"].as_str().expect("an id")).await;
    assert_eq!(
        (job["state"].as_str(), job["blockedBy"].as_str()),
        (Some("blocked"), Some("reauthorization")),
        "{job}"
    );
}
