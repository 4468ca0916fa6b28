//! One account's limit, shared by several workers: used up, and never passed.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tests::{Plan, all_succeeded, connect, each_once, event_of, sliding_minutes};

/// Google's limit for one user.
const LIMIT: usize = 600;
/// Somewhat more than two and a half minutes' worth.
const JOBS: usize = 1_600;
const DOWNTIME: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn three_workers_use_97_percent_of_an_accounts_limit_and_never_more_than_all_of_it() {
    let mut calrelay = Plan::new(1, 3).with("DEV_NO_AUTH", 1).with("RATE_LIMIT", "1000000/1m").start().await;
    let google = calrelay.sandbox().view();
    // Google's limit for one calendar is as high as the one for its user: with a few calendars it is the user's that counts.
    let calendars: Vec<String> =
        (0..5).map(|number| format!("c{number}@group.calendar.google.com")).collect();
    connect(&calrelay, "busy", "ada@example.com", &calendars).await;
    let caller = &calrelay.caller();
    // Nobody works for a while: afterwards hundreds of jobs are due at once, and only the law holds them back.
    for worker in 0..3 {
        calrelay.worker(worker).terminate().await;
    }
    let ids: Vec<String> = stream::iter(0..JOBS)
        .map(|number| {
            let event = event_of("busy", &calendars[number % calendars.len()], &format!("Job {number}"));
            async move {
                let accepted = caller.post(&event, None).await.unwrap();
                assert_eq!(accepted.status, 202, "{accepted:?}");
                accepted.body["jobId"].as_str().unwrap().to_owned()
            }
        })
        .buffer_unordered(16)
        .collect()
        .await;
    tokio::time::sleep(DOWNTIME).await;
    for worker in 0..3 {
        calrelay.worker(worker).start().await;
    }
    tokio::time::sleep(Duration::from_secs(JOBS as u64 * 60 / LIMIT as u64)).await;
    all_succeeded(caller, &ids, Duration::from_secs(120)).await;

    let all = google.requests().await;
    let refused: Vec<_> = all.iter().filter(|request| request.status != Some(200)).collect();
    let mut starts: Vec<Timestamp> =
        all.iter().filter(|request| request.method == "events.insert").map(|request| request.start).collect();
    starts.sort();
    let (whole, most) = sliding_minutes(&starts);
    let least = whole.iter().min().unwrap();
    let span = starts[starts.len() - 1].duration_since(starts[0]).as_secs_f64();
    let used = (starts.len() - 1) as f64 / span * 60.0 / LIMIT as f64;
    let shares: Vec<f64> = futures_util::future::join_all(calrelay.workers().iter().map(|worker| async {
        worker.process().metric("calrelay_jobs_finished_total{outcome=\"succeeded\"}").await
    }))
    .await;
    println!(
        "{} requests in {span:.1} s: {:.2} % of the limit; sliding minutes from {least} to {most}; {} refused; the workers \
         did {shares:?}",
        starts.len(),
        used * 100.0,
        refused.len(),
    );
    assert!(refused.is_empty(), "{} refused, such as {:?}", refused.len(), refused[0]);
    assert!(most <= LIMIT, "{most} requests in a minute");
    assert!(used >= 0.97, "{used}");
    assert!(shares.iter().all(|share| *share > 0.0), "all three had a share: {shares:?}");
    each_once(&google, &ids).await;
}
