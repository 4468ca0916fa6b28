//! One account's fifty thousand are in nobody's way.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde_json::json;
use tests::{Caller, Plan, connect, event_of, succeeded};
use tokio::time::{MissedTickBehavior, interval};

/// The account with the backlog, and the account with one job a second.
const A: (&str, &str) = ("a", "ada@example.com");
const B: (&str, &str) = ("b", "grace@example.com");

/// Posted at once by the busy account.
const BACKLOG: usize = 50_000;
/// How long the other account is watched, without and with the backlog.
const WATCHED: usize = 45;

/// From acceptance to its end, of one job a second.
async fn one_a_second(caller: &Caller, seconds: usize) -> Vec<Duration> {
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut jobs = Vec::new();
    for _ in 0..seconds {
        tick.tick().await;
        let caller = caller.clone();
        jobs.push(tokio::spawn(async move {
            let accepted = caller.post(&event_of(B.0, "primary", "one of B's"), None).await.unwrap();
            assert_eq!(accepted.status, 202, "{accepted:?}");
            let id = accepted.body["jobId"].as_str().unwrap();
            let job = succeeded(&caller, id, Duration::from_secs(60)).await;
            let at = |name: &str| job[name].as_str().unwrap().parse::<Timestamp>().unwrap();
            at("finishedAt").duration_since(at("submittedAt")).unsigned_abs()
        }));
    }
    let mut took = Vec::new();
    for job in jobs {
        took.push(job.await.unwrap());
    }
    took.sort();
    took
}

/// The median and the 99th percentile of what is sorted.
fn quantiles(sorted: &[Duration]) -> (Duration, Duration) {
    (sorted[sorted.len() / 2], sorted[(sorted.len() * 99).div_ceil(100) - 1])
}

async fn post_backlog(caller: &Caller) -> Duration {
    let began = std::time::Instant::now();
    stream::iter(0..BACKLOG)
        .for_each_concurrent(64, |number| async move {
            let event = event_of(A.0, &format!("c{}@group.calendar.google.com", number % 5), "one of A's");
            let accepted = caller.post(&event, None).await.unwrap();
            assert_eq!(accepted.status, 202, "{accepted:?}");
        })
        .await;
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_jobs_of_one_account_do_not_hold_up_another() {
    let calrelay = Plan::new(2, 3)
        .with("DEV_NO_AUTH", 1)
        .with("RATE_LIMIT", "100000000/1m")
        .with("QUOTA_PROJECT_PER_MINUTE", 100_000_000)
        .with("QUOTA_PROJECT_PER_DAY", 1_000_000_000)
        .start()
        .await;
    // What is left of the backlog says nothing: it would take another hour.
    calrelay.vhost().leaves_anything();
    let google = calrelay.sandbox().view();
    google.control("/_sandbox/quota", &json!({"projectPerMinute": 100_000_000})).await;
    google.fault(json!({"method": "*", "latencyMs": 300})).await;
    let calendars: Vec<String> =
        (0..5).map(|number| format!("c{number}@group.calendar.google.com")).collect();
    connect(&calrelay, A.0, A.1, &calendars).await;
    connect(&calrelay, B.0, B.1, &[]).await;
    let caller = calrelay.caller();
    // Its first job also fetches a token.
    one_a_second(&caller, 3).await;

    let alone = one_a_second(&caller, WATCHED).await;
    let (posting, beside) = tokio::join!(post_backlog(&caller), one_a_second(&caller, WATCHED));
    let (alone, beside) = (quantiles(&alone), quantiles(&beside));
    println!(
        "B's jobs, from acceptance to their end: alone median {} ms, p99 {} ms; beside A's {BACKLOG} median {} ms, \
         p99 {} ms ({:.2} and {:.2} times as long); A's were accepted in {:.1} s",
        alone.0.as_millis(),
        alone.1.as_millis(),
        beside.0.as_millis(),
        beside.1.as_millis(),
        beside.0.as_secs_f64() / alone.0.as_secs_f64(),
        beside.1.as_secs_f64() / alone.1.as_secs_f64(),
        posting.as_secs_f64(),
    );
    assert!(beside.0 <= alone.0 * 2, "the median");
    assert!(beside.1 <= alone.1 * 2, "the 99th percentile");
    assert!(google.requests().await.iter().all(|request| request.status == Some(200)), "nothing was refused");
}
