//! Jobs that were running when their process was killed: nearly all are innocent, and the one that is not is found.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tests::{Calrelay, Launch, SandboxView, event, eventually};

/// How long Google takes for an insert: long enough to be killed in.
const LATENCY_MS: u64 = 2_000;
/// The calendar of the job that kills, whose calls last until it has.
const POISON: &str = "poison@group.calendar.google.com";
/// A job that is seen running more often than this in a row is at Google.
const RUNNING: u32 = 10;
const LIMIT: Duration = Duration::from_secs(120);

async fn submit(calrelay: &Calrelay, prefix: &str, jobs: usize) -> Vec<String> {
    let submitting = (0..jobs).map(|number| async move {
        let title = format!("{prefix}-{number}");
        calrelay.submit(&event(&title), &title).await.expect("it is accepted")
    });
    join_all(submitting).await
}

async fn state(calrelay: &Calrelay, id: &str) -> String {
    calrelay.job(id).await["state"].as_str().expect("a state").to_owned()
}

/// How long a job takes that is posted now.
async fn fresh(calrelay: &Calrelay, title: &str) -> Duration {
    let began = Instant::now();
    let id = calrelay.submit(&event(title), title).await.expect("it is accepted");
    eventually("a fresh job's success", LIMIT, || async {
        (state(calrelay, &id).await == "succeeded").then_some(())
    })
    .await;
    began.elapsed()
}

async fn all_succeeded(calrelay: &Calrelay, ids: &[String]) {
    eventually("the success of all", LIMIT, || async {
        let states = join_all(ids.iter().map(|id| state(calrelay, id))).await;
        assert!(!states.contains(&"failed".to_owned()));
        states.iter().all(|state| state == "succeeded").then_some(())
    })
    .await;
}

async fn google() -> (sandbox::Running, SandboxView) {
    let google = sandbox::start(sandbox::Config::default()).await.expect("a sandbox");
    let view = SandboxView::new(google.url.clone());
    view.no_quotas().await;
    view.control("/_sandbox/users/ada@example.com", &json!({"calendars": [POISON]})).await;
    view.fault(json!({"method": "events.insert", "latencyMs": LATENCY_MS})).await;
    // Without effect: Google would have made the event by the time that the job is asked about.
    let never = json!({"method": "events.insert", "calendar": POISON, "latencyMs": 15_000, "drop": "before"});
    view.fault(never).await;
    (google, view)
}

/// Waits until so many jobs are being worked on.
async fn under_way(calrelay: &Calrelay, jobs: usize) {
    eventually("jobs under way", LIMIT, || async {
        (calrelay.metric("calrelay_jobs_in_flight").await >= jobs as f64).then_some(())
    })
    .await;
}

/// Kills the process so often with all the slots taken that one account may have; a fresh job is then done soon, and everything is done.
async fn killed_with_all_in_hand(kills: usize) {
    let (_google, view) = google().await;
    let mut calrelay = Launch::new().unlimited().with("DEV_NO_AUTH", 1).with_sandbox(&view).start().await;
    let mut ids = submit(&calrelay, "in-hand", 600).await;
    for kill in 0..kills {
        // Suspects run in small groups: what fills the other slots is new.
        ids.extend(submit(&calrelay, &format!("more-{kill}"), 300).await);
        under_way(&calrelay, 240).await;
        calrelay = calrelay.kill().start().await;
    }
    view.no_faults().await;
    let waited = fresh(&calrelay, "fresh").await;
    all_succeeded(&calrelay, &ids).await;
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    let events = view.events().await;
    assert_eq!(events.len(), ids.len() + 1);
    assert!(events.values().all(|stored| stored.inserts == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_two_kills_a_fresh_job_is_done_at_once() {
    killed_with_all_in_hand(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_kills_a_fresh_job_is_done_at_once() {
    killed_with_all_in_hand(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_process_is_found_within_five_deaths_and_not_run_again() {
    let (_google, view) = google().await;
    let mut calrelay = Launch::new().unlimited().with("DEV_NO_AUTH", 1).with_sandbox(&view).start().await;
    let mut innocent = submit(&calrelay, "innocent", 120).await;
    let mut body_of_poison = event("poison");
    body_of_poison["calendarId"] = json!(POISON);
    let poison = calrelay.submit(&body_of_poison, "poison").await.expect("it is accepted");
    innocent.extend(submit(&calrelay, "more", 120).await);
    let mut deaths = 0;
    loop {
        // It is also claimed for a moment to be given up: its calls to Google take longer.
        let looks = AtomicU32::new(0);
        let state = eventually("the poison to run", LIMIT, || async {
            let state = state(&calrelay, &poison).await;
            let running = state == "running" && looks.fetch_add(1, Ordering::Relaxed) >= RUNNING;
            (running || state == "waiting").then_some(state)
        })
        .await;
        if state == "waiting" {
            break;
        }
        deaths += 1;
        calrelay = calrelay.kill().start().await;
        innocent.push(
            calrelay.submit(&event("fresh"), &format!("fresh-{deaths}")).await.expect("it is accepted"),
        );
    }
    assert_eq!(deaths, 5);
    all_succeeded(&calrelay, &innocent).await;
    // It is not run again. Before it fails as poison, its last write is looked for as long as Google may still carry it
    // out: twelve minutes, for which the worker's tests turn the clock.
    let job = calrelay.job(&poison).await;
    assert_eq!((&job["state"], &job["waitingFor"]), (&json!("waiting"), &json!("retry")), "{job}");
    let events = view.events().await;
    assert!(!events.contains_key(&poison));
    assert!(innocent.iter().all(|id| events[id].inserts == 1), "each once");
}
