//! Google fails for a while, or is not there at all: nothing is refused, nothing fails, nothing is done twice.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Calrelay, Launch, SandboxProcess, SandboxView, eventually};

use crate::accounts::connect;

const ACCOUNTS: usize = 10;

fn account(number: usize) -> String {
    match number % ACCOUNTS {
        0 => "default".to_owned(),
        other => format!("account-{other}"),
    }
}

/// Connects accounts besides `default`, each to a user of its own.
async fn connect_accounts(launch: &Launch, sandbox: &SandboxView) {
    for number in 1..ACCOUNTS {
        connect(launch, sandbox, &account(number), &format!("user-{number}@example.com")).await;
    }
}

/// Jobs `from` to `to`, one account after the other.
async fn submit(calrelay: &Calrelay, from: usize, to: usize, not_before: Option<Timestamp>) -> Vec<String> {
    let posts = (from..to).map(|number| async move {
        let body = json!({
            "account": account(number), "summary": format!("Job {number}"), "conference": false,
            "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
            "notBefore": not_before.map(|at| at.to_string()),
        });
        calrelay.submit(&body, &format!("job-{number}")).await.expect("accepted, whatever Google does")
    });
    join_all(posts).await
}

async fn jobs(calrelay: &Calrelay, ids: &[String]) -> Vec<Value> {
    join_all(ids.iter().map(|id| calrelay.job(id))).await
}

async fn is_ready(calrelay: &Calrelay) -> bool {
    let reply = calrelay.http().get(calrelay.admin("/readyz")).send().await.expect("an answer");
    reply.status() == 200
}

async fn circuit_is_open(calrelay: &Calrelay) -> bool {
    calrelay.metric("calrelay_circuit_open{endpoint=\"calendar\"}").await > 0.0
}

/// Waits for the end of every job, and answers them.
async fn all_succeed(calrelay: &Calrelay, ids: &[String], limit: Duration) -> Vec<Value> {
    eventually("every job's success", limit, || async {
        let jobs = jobs(calrelay, ids).await;
        for job in &jobs {
            assert!(job["state"] != "failed" && job["state"] != "cancelled", "{job}");
        }
        jobs.iter().all(|job| job["state"] == "succeeded").then_some(jobs)
    })
    .await
}

/// How many inserts took effect.
async fn inserts(sandbox: &SandboxView) -> u64 {
    let stats = sandbox.read("/_sandbox/stats").await;
    stats["requests"]["events.insert"]["ok"].as_u64().unwrap_or(0)
}

async fn assert_each_once(sandbox: &SandboxView, ids: &[String]) {
    let events = sandbox.events().await;
    assert_eq!(events.len(), ids.len());
    for id in ids {
        assert_eq!((events[id].inserts, &events[id].event["status"]), (1, &json!("confirmed")), "{id}");
    }
}

/// How many jobs have counted so many attempts, as text.
fn tally(jobs: &[Value], what: &str) -> String {
    let mut counts: Vec<(u64, usize)> = Vec::new();
    let mut numbers: Vec<u64> = jobs.iter().map(|job| job[what].as_u64().expect("a count")).collect();
    numbers.sort_unstable();
    for number in numbers {
        match counts.last_mut() {
            Some((last, count)) if *last == number => *count += 1,
            Some(_) | None => counts.push((number, 1)),
        }
    }
    counts.iter().map(|(number, count)| format!("{count}×{number}")).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_of_503_fails_no_job_and_makes_no_event_twice() {
    const OUTAGE: Duration = Duration::from_secs(60);
    let launch = Launch::new().unlimited();
    let calrelay = launch.start().await;
    let sandbox = calrelay.sandbox();
    sandbox.no_quotas().await;
    connect_accounts(&launch, &sandbox).await;

    // Every account has a token then: it is Calendar that fails, and the jobs find out.
    let mut ids = submit(&calrelay, 0, ACCOUNTS, None).await;
    all_succeed(&calrelay, &ids, Duration::from_secs(30)).await;
    let before = inserts(&sandbox).await;
    // Accepted before, due in the middle of it.
    let due = Timestamp::now() + SignedDuration::from_secs(2);
    ids.extend(submit(&calrelay, ACCOUNTS, 50, Some(due)).await);
    sandbox.fault(json!({"method": "*", "status": 503, "seconds": OUTAGE.as_secs()})).await;
    let began = Instant::now();
    let mut was_open = false;
    while began.elapsed() < OUTAGE {
        if ids.len() < 150 {
            let next = ids.len();
            ids.extend(submit(&calrelay, next, next + 10, None).await);
        }
        assert!(is_ready(&calrelay).await, "readiness does not depend on Google");
        was_open |= circuit_is_open(&calrelay).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let stats = sandbox.read("/_sandbox/stats").await;
    assert_eq!(inserts(&sandbox).await, before, "it was an outage");
    let recovered = Instant::now();

    let jobs = all_succeed(&calrelay, &ids, Duration::from_secs(180)).await;
    println!(
        "{} jobs of {ACCOUNTS} accounts; inserts refused in the outage: {}; all done {:.1} s after it; attempts {}; \
         deferrals {}",
        jobs.len(),
        stats["requests"]["events.insert"]["backendError"],
        recovered.elapsed().as_secs_f64(),
        tally(&jobs, "attempts"),
        tally(&jobs, "deferrals")
    );
    assert!(was_open, "the circuit never opened");
    assert!(jobs.iter().all(|job| job["attempts"].as_u64() < Some(12)));
    assert_each_once(&sandbox, &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_google_is_gone_jobs_are_accepted_and_wait_without_counting_attempts() {
    const GONE: Duration = Duration::from_secs(45);
    let mut google = SandboxProcess::start().await;
    let sandbox = google.view();
    let launch = Launch::new().unlimited().with_sandbox(&sandbox);
    let calrelay = launch.start().await;
    sandbox.no_quotas().await;
    connect_accounts(&launch, &sandbox).await;
    let mut ids = submit(&calrelay, 0, 20, None).await;
    all_succeed(&calrelay, &ids, Duration::from_secs(30)).await;

    google.go_away();
    let began = Instant::now();
    ids.extend(submit(&calrelay, 20, 70, None).await);
    eventually("the circuit to open", Duration::from_secs(30), || async {
        circuit_is_open(&calrelay).await.then_some(())
    })
    .await;
    let opened = began.elapsed();
    let counted = |jobs: &[Value]| -> HashMap<String, u64> {
        let entry = |job: &Value| (job["jobId"].as_str().map(str::to_owned), job["attempts"].as_u64());
        jobs.iter().map(entry).map(|(id, count)| (id.expect("an id"), count.expect("a count"))).collect()
    };
    let at_opening = counted(&jobs(&calrelay, &ids).await);
    while began.elapsed() < GONE {
        if ids.len() < 120 {
            let next = ids.len();
            ids.extend(submit(&calrelay, next, next + 10, None).await);
        }
        assert!(is_ready(&calrelay).await, "readiness does not depend on Google");
        assert!(circuit_is_open(&calrelay).await, "the circuit closed while nobody was there");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let before = jobs(&calrelay, &ids).await;
    let waiting = before.iter().filter(|job| job["finishedAt"].is_null()).count();
    assert_eq!(waiting, ids.len() - 20, "all but those before it wait");
    for (id, attempts) in counted(&before) {
        let earlier = at_opening.get(&id).copied().unwrap_or(0);
        assert_eq!(attempts, earlier, "an attempt of job {id} was counted while the circuit was open");
    }

    google.come_back().await;
    sandbox.no_quotas().await;
    let back = Instant::now();
    let jobs = all_succeed(&calrelay, &ids, Duration::from_secs(180)).await;
    println!(
        "{} jobs; the circuit was open {:.1} s after Google went; all done {:.1} s after it came back; attempts {}; \
         deferrals {}",
        jobs.len(),
        opened.as_secs_f64(),
        back.elapsed().as_secs_f64(),
        tally(&jobs, "attempts"),
        tally(&jobs, "deferrals")
    );
    assert_each_once(&sandbox, &ids).await;
}
