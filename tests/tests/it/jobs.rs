//! `calrelay jobs` and `calrelay queue`, beside a running server.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Calrelay, Launch, event, eventually};

async fn until(calrelay: &Calrelay, id: &str, state: &str) {
    eventually(&format!("job {id} to be {state}"), Duration::from_secs(20), || async {
        (calrelay.job(id).await["state"] == state).then_some(())
    })
    .await;
}

/// A job that Google refuses for good, once.
async fn refused(calrelay: &Calrelay, key: &str) -> String {
    let fault = json!({"method": "events.insert", "status": 400, "reason": "invalid", "count": 1});
    calrelay.sandbox().fault(fault).await;
    let id = calrelay.submit(&event("Wedding in the orangery"), key).await.expect("accepted");
    until(calrelay, &id, "failed").await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_is_listed_shown_and_replayed_beside_a_running_server() {
    let calrelay = Launch::new().start().await;
    let operator = calrelay.launch();
    let done = calrelay.submit(&event("Breakfast"), "done").await.expect("accepted");
    until(&calrelay, &done, "succeeded").await;
    let id = refused(&calrelay, "refused").await;

    let listed = operator.run(&["jobs", "list"]);
    assert!(listed.contains(&id) && listed.contains(&done), "{listed}");
    assert!(!listed.contains("orangery"), "no titles in tables: {listed}");
    let failed =
        operator.run(&["jobs", "list", "--state", "failed", "--account", "default", "--since", "1h"]);
    assert!(failed.contains(&id) && failed.contains("refused") && !failed.contains(&done), "{failed}");
    let elsewhere = operator.run(&["jobs", "list", "--account", "another"]);
    assert!(!elsewhere.contains(&id), "{elsewhere}");
    let first = operator.run(&["jobs", "list", "--limit", "1"]);
    assert!(first.contains(&done) && !first.contains(&id) && first.contains("more"), "{first}");

    let mut shown: Value = serde_json::from_str(&operator.run(&["jobs", "show", &id])).expect("JSON");
    for more in ["owner", "crashes", "hop"] {
        assert!(!shown.as_object_mut().expect("an object").remove(more).expect("for operators").is_null());
    }
    assert_eq!(shown, calrelay.job(&id).await, "an operator sees what the caller sees");

    let dry = operator.run(&["jobs", "replay", "--state", "failed", "--dry-run"]);
    assert!(dry.contains(&id) && dry.contains("nothing was done"), "{dry}");
    assert_eq!(calrelay.job(&id).await["state"], "failed");
    let replayed = operator.run(&["jobs", "replay", "--state", "failed"]);
    assert!(replayed.contains("1 replayed"), "{replayed}");
    until(&calrelay, &id, "succeeded").await;
    let again = operator.run(&["jobs", "replay", &id, &done]);
    assert!(again.contains("0 replayed, 2 left"), "what has succeeded is left as it is: {again}");
    let inserts: Vec<u64> = calrelay.sandbox().events().await.values().map(|event| event.inserts).collect();
    assert_eq!(inserts, [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_may_not_start_yet_waits_for_its_time_and_is_listed_so() {
    let calrelay = Launch::new().start().await;
    let operator = calrelay.launch();
    let start = "2027-02-01T00:00:00Z";
    let mut later = event("Later");
    later["notBefore"] = json!(start);
    let reply = calrelay.post("/api/v1/events", &later).send().await.expect("an answer");
    let accepted: Value = reply.json().await.expect("JSON");
    assert_eq!(accepted["state"], "waiting", "{accepted}");
    let id = accepted["jobId"].as_str().expect("an id");
    let job = calrelay.job(id).await;
    assert_eq!(
        (&job["state"], &job["waitingFor"], &job["nextAttemptAt"]),
        (&json!("waiting"), &json!("schedule"), &json!(start)),
        "{job}"
    );
    let listed = operator.run(&["jobs", "list", "--state", "waiting"]);
    assert!(listed.contains(id) && listed.contains("schedule until 2027-02-01"), "{listed}");
    assert!(!operator.run(&["jobs", "list", "--state", "queued"]).contains(id));
    let soon = jiff::Timestamp::now() + Duration::from_secs(3);
    later["notBefore"] = json!(soon.to_string());
    let id = calrelay.submit(&later, "soon").await.expect("accepted");
    until(&calrelay, &id, "succeeded").await;
    assert!(jiff::Timestamp::now() >= soon, "never before its time");
    let job = calrelay.job(&id).await;
    assert_eq!((&job["waitingFor"], &job["deferrals"]), (&Value::Null, &json!(0)), "{job}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_tells_how_many_messages_there_are_and_where() {
    let calrelay = Launch::new().start().await;
    let mut later = event("Later");
    later["notBefore"] = json!("2027-01-01T00:00:00Z");
    calrelay.submit(&later, "later").await.expect("accepted");
    eventually("the message to be counted", Duration::from_secs(10), || async {
        let said = calrelay.launch().run(&["queue"]);
        let delayed = said.lines().find(|line| line.trim().starts_with("delayed"))?;
        (delayed.split_whitespace().nth(1) == Some("1")).then_some(())
    })
    .await;
}

#[test]
fn without_an_installation_operators_are_told_what_to_set() {
    let launch = Launch::new();
    for command in [&["jobs", "list"] as &[&str], &["queue"]] {
        let said = launch.refused(command);
        assert!(said.contains("DATA_DIR") && said.contains("AMQP_URL"), "{said}");
    }
    assert!(!launch.dir().join("data").exists(), "nothing was made");
}
