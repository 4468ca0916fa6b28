//! Jobs that are under way while a process is told to stop, and what has to become of them.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::eventually;
use crate::installation::Caller;
use crate::jobs::{each_once, event};
use crate::process::Calrelay;
use crate::sandbox::SandboxView;

/// So many jobs, accepted, that each take Google `latency`.
pub async fn slow_jobs(
    google: &SandboxView,
    caller: &Caller,
    count: usize,
    latency: Duration,
) -> Vec<String> {
    google.no_quotas().await;
    google.fault(json!({"method": "events.insert", "latencyMs": latency.as_millis() as u64})).await;
    let submit = |number| async move {
        let (title, key) = (format!("Job {number}"), format!("job-{number}"));
        caller.submit(&event(&title), &key, Duration::from_secs(10)).await.id
    };
    join_all((0..count).map(submit)).await
}

/// Waits until the process works on so many jobs.
pub async fn busy_with(process: &Calrelay, count: usize) {
    eventually("a worker to be busy", Duration::from_secs(20), || async {
        (process.metric("calrelay_jobs_in_flight").await >= count as f64).then_some(())
    })
    .await;
}

/// Waits until every job has succeeded without a failed attempt; each of them is one event at Google.
///
/// # Panics
/// When a job fails or is charged with an attempt, or an event is there twice or not at all.
pub async fn each_is_done_once_and_untouched(google: &SandboxView, caller: &Caller, ids: &[String]) {
    eventually("every job's success", Duration::from_secs(90), || async {
        let jobs = join_all(ids.iter().map(|id| caller.job(id))).await;
        let jobs: Vec<Value> = jobs.into_iter().map(|job| job.expect("an answer").body).collect();
        for job in &jobs {
            assert_ne!(job["state"], "failed", "{job}");
            assert_eq!(job["attempts"], 0, "{job}");
        }
        jobs.iter().all(|job| job["state"] == "succeeded").then_some(())
    })
    .await;
    each_once(google, ids).await;
}
