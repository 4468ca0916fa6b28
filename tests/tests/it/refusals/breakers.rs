//! Whether one user's calendar fails or all of Google: the first is that user's trouble alone, and in the second nobody
//! is blamed.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Launch, Request};

use super::runner::{Runner, Subject};

/// How many accounts there are; the first is the bad one.
const ACCOUNTS: usize = 10;
/// More calls than say anything where there are few accounts.
const MANY: usize = 12;

/// So many jobs for each of these accounts.
async fn submit(runner: &Runner, subjects: &[Subject], each: usize) -> Vec<String> {
    let posts = subjects
        .iter()
        .flat_map(|subject| (0..each).map(async move |_| runner.submit(subject, &json!({})).await));
    join_all(posts).await
}

async fn jobs(runner: &Runner, ids: &[String]) -> Vec<Value> {
    join_all(ids.iter().map(|id| runner.until(id, "an answer", |_| true))).await
}

async fn all_ended(runner: &Runner, ids: &[String]) -> Vec<Value> {
    join_all(ids.iter().map(|id| runner.ended(id))).await
}

/// Waits until the breaker is so.
async fn circuit(runner: &Runner, open: bool) {
    let began = Instant::now();
    while (runner.circuit_open().await > 0.0) != open {
        assert!(began.elapsed() < Duration::from_secs(60), "the circuit never was open: {open}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn tally(job: &Value) -> (u64, u64) {
    (job["attempts"].as_u64().expect("a count"), job["deferrals"].as_u64().expect("a count"))
}

fn sum(jobs: &[Value]) -> (u64, u64) {
    jobs.iter().map(tally).fold((0, 0), |all, job| (all.0 + job.0, all.1 + job.1))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_whose_calendar_fails_disturbs_nobody_and_an_outage_is_nobodys_fault() {
    let runner = Runner::start(Launch::new().unlimited().with("DEV_NO_AUTH", 1)).await;
    let sandbox = runner.sandbox();
    let subjects = join_all((0..ACCOUNTS).map(|_| runner.subject())).await;
    let (bad, good) = subjects.split_at(1);
    let mut ids = submit(&runner, good, 1).await;
    all_ended(&runner, &ids).await;

    // One account's every call fails, more often than all the others are answered.
    sandbox.fault(json!({"method": "events.*", "user": bad[0].user, "status": 500})).await;
    let failing = submit(&runner, bad, MANY).await;
    let fine = submit(&runner, good, 2).await;
    for id in &failing {
        runner.until(id, "a failed attempt", |job| tally(job).0 > 0).await;
        assert_eq!(runner.circuit_open().await, 0.0, "one account among many");
    }
    for job in all_ended(&runner, &fine).await {
        assert_eq!((&job["state"], tally(&job)), (&json!("succeeded"), (0, 0)), "{job}");
    }
    assert_eq!(sum(&jobs(&runner, &failing).await).1, 0, "its own failures, no outage");
    assert_eq!(runner.circuit_open().await, 0.0);
    ids.extend(failing);
    ids.extend(fine);

    // Now everybody's fail.
    sandbox.fault(json!({"method": "events.*", "status": 500, "latencyMs": 300})).await;
    ids.extend(submit(&runner, good, 1).await);
    circuit(&runner, true).await;
    // The metric is seconds late: what was under way when it opened has come back.
    let opened = Timestamp::now();
    let late = submit(&runner, &subjects, 3).await;
    let all: Vec<String> = ids.iter().chain(&late).cloned().collect();
    let before = sum(&jobs(&runner, &all).await);
    let probes = probes(&runner, opened, 2).await;
    for pair in probes.windows(2) {
        let pause = pair[1].start.duration_since(pair[0].end);
        assert!(pause >= SignedDuration::from_millis(900), "one at a time, with pauses: {probes:#?}");
    }
    let after = sum(&jobs(&runner, &all).await);
    assert_eq!(after.0, before.0, "an attempt was counted while the circuit was open");
    assert!(after.1 > before.1, "jobs were put off");
    for job in jobs(&runner, &late).await {
        let waits = ["queued", "running", "waiting"].map(Value::from).contains(&job["state"]);
        assert!(waits && tally(&job).0 == 0 && job["error"].is_null(), "{job}");
    }

    sandbox.no_faults().await;
    circuit(&runner, false).await;
    for job in all_ended(&runner, &late).await {
        assert_eq!((&job["state"], tally(&job).0), (&json!("succeeded"), 0), "{job}");
    }
    for job in all_ended(&runner, &ids).await {
        assert_eq!(job["state"], "succeeded", "{job}");
    }
    let events = sandbox.events().await;
    assert!(all.iter().all(|id| events[id].inserts == 1), "each once");
}

/// Waits until Google was asked for the `count`th time since `opened`.
async fn probes(runner: &Runner, opened: Timestamp, count: usize) -> Vec<Request> {
    let began = Instant::now();
    loop {
        let mut probes = runner.sandbox().requests().await;
        probes.retain(|request| request.start > opened && request.method.starts_with("events."));
        if probes.len() >= count {
            return probes;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "Google was given up");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
