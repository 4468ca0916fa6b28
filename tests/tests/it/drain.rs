//! Being told to stop with work in flight.

use std::time::Duration;

use tests::{
    Calrelay, Launch, SandboxView, busy_with, each_is_done_once_and_untouched, each_once, slow_jobs,
};

const JOBS: usize = 200;

/// A server that works on all of them, and the sandbox outside of it, which outlives the server.
async fn in_flight(launch: &Launch, latency: Duration) -> (sandbox::Running, Launch, Calrelay, Vec<String>) {
    let google = sandbox::start(sandbox::Config::default()).await.expect("a sandbox");
    let view = SandboxView::new(google.url.clone());
    let launch = launch.with_sandbox(&view);
    let calrelay = launch.start().await;
    let ids = slow_jobs(&view, &launch.caller(), JOBS, latency).await;
    busy_with(&calrelay, JOBS).await;
    (google, launch, calrelay, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_with_200_jobs_in_flight_finishes_them_within_the_drain_time() {
    let launch = Launch::new().unlimited().with("DEV_NO_AUTH", 1);
    let (google, launch, calrelay, ids) = in_flight(&launch, Duration::from_secs(3)).await;
    let (status, took, log) = calrelay.terminate().await;
    println!("SIGTERM with {JOBS} jobs in flight: {status} after {} ms", took.as_millis());
    assert!(status.success(), "{log}");
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert!(log.contains("0 jobs went back to the queue unfinished"), "{log}");
    let google = SandboxView::new(google.url.clone());
    each_once(&google, &ids).await;
    let _calrelay = launch.start().await;
    each_is_done_once_and_untouched(&google, &launch.caller(), &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_drain_time_cuts_short_goes_back_uncounted_and_is_done_once() {
    let launch = Launch::new().unlimited().with("DEV_NO_AUTH", 1).with("DRAIN_SECONDS", 1);
    let (google, launch, calrelay, ids) = in_flight(&launch, Duration::from_secs(8)).await;
    let (status, took, log) = calrelay.terminate().await;
    println!("SIGTERM with {JOBS} slow jobs in flight: {status} after {} ms", took.as_millis());
    assert!(status.success(), "{log}");
    assert!(took < Duration::from_secs(8), "the drain time was 1 s, it took {took:?}");
    assert!(log.contains(&format!("{JOBS} jobs went back to the queue unfinished")), "{log}");
    let google = SandboxView::new(google.url.clone());
    google.no_faults().await;
    let _calrelay = launch.start().await;
    each_is_done_once_and_untouched(&google, &launch.caller(), &ids).await;
}
