//! Being told to stop with work in flight.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Calrelay, Launch, SandboxView, eventually};

const JOBS: usize = 200;

fn body(number: usize) -> Value {
    json!({
        "summary": format!("Job {number}"), "conference": false,
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    })
}

async fn slow_sandbox(latency: Duration) -> (sandbox::Running, SandboxView) {
    let running = sandbox::start(sandbox::Config::default()).await.expect("a sandbox");
    let view = SandboxView::new(running.url.clone());
    view.no_quotas().await;
    view.fault(json!({"method": "events.insert", "latencyMs": latency.as_millis() as u64})).await;
    (running, view)
}

async fn in_flight(sandbox: &SandboxView, launch: &Launch) -> (Calrelay, Vec<String>) {
    let calrelay = launch.with_sandbox(sandbox).start().await;
    let posts = join_all((0..JOBS).map(|number| {
        let calrelay = &calrelay;
        async move { calrelay.submit(&body(number), &format!("job-{number}")).await.expect("accepted") }
    }))
    .await;
    eventually("200 jobs in flight", Duration::from_secs(20), || async {
        (calrelay.metric("calrelay_jobs_in_flight").await >= JOBS as f64).then_some(())
    })
    .await;
    (calrelay, posts)
}

async fn all_succeeded_untouched(calrelay: &Calrelay, ids: &[String]) {
    eventually("every job's success", Duration::from_secs(60), || async {
        let jobs = join_all(ids.iter().map(|id| calrelay.job(id))).await;
        for job in &jobs {
            assert_ne!(job["state"], "failed", "{job}");
            assert_eq!(job["attempts"], 0, "{job}");
        }
        jobs.iter().all(|job| job["state"] == "succeeded").then_some(())
    })
    .await;
}

async fn each_once(sandbox: &SandboxView, ids: &[String]) {
    let events = sandbox.events().await;
    let expected: HashSet<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(events.keys().map(String::as_str).collect::<HashSet<_>>(), expected);
    assert!(events.values().all(|stored| stored.inserts == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_with_200_jobs_in_flight_finishes_them_within_the_drain_time() {
    let (_running, sandbox) = slow_sandbox(Duration::from_secs(3)).await;
    let launch = Launch::new().unlimited().with("DEV_NO_AUTH", 1);
    let (calrelay, ids) = in_flight(&sandbox, &launch).await;
    let (status, took, log) = calrelay.terminate().await;
    println!("SIGTERM with {JOBS} jobs in flight: {status} after {} ms", took.as_millis());
    assert!(status.success(), "{log}");
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert!(log.contains("0 jobs went back to the queue unfinished"), "{log}");
    each_once(&sandbox, &ids).await;
    let calrelay = launch.with_sandbox(&sandbox).start().await;
    all_succeeded_untouched(&calrelay, &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_drain_time_cuts_short_goes_back_uncounted_and_is_done_once() {
    let (_running, sandbox) = slow_sandbox(Duration::from_secs(8)).await;
    let launch = Launch::new().unlimited().with("DEV_NO_AUTH", 1).with("DRAIN_SECONDS", 1);
    let (calrelay, ids) = in_flight(&sandbox, &launch).await;
    let (status, took, log) = calrelay.terminate().await;
    println!("SIGTERM with {JOBS} slow jobs in flight: {status} after {} ms", took.as_millis());
    assert!(status.success(), "{log}");
    assert!(took < Duration::from_secs(8), "the drain time was 1 s, it took {took:?}");
    assert!(log.contains(&format!("{JOBS} jobs went back to the queue unfinished")), "{log}");
    sandbox.no_faults().await;
    let calrelay = launch.with_sandbox(&sandbox).start().await;
    all_succeeded_untouched(&calrelay, &ids).await;
    each_once(&sandbox, &ids).await;
}
