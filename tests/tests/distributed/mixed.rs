//! This build and the one before it, on one broker, one Redis and one vault, as during a deployment.
//!
//! `CALRELAY_BEFORE` is the path of the earlier build's program. `./test.sh --long` builds it from the commit in
//! `tests/before`; by hand:
//! `CALRELAY_BEFORE=… cargo test --workspace --test distributed mixed:: -- --nocapture`

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use adapter_redis::Redis;
use common::job::JobState;
use common::port::{JobStore as _, SystemClock};
use common::time;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Caller, Installation, Plan, connect, event, event_of, eventually, succeeded};
use tokio::task::JoinSet;

const LIMIT: Duration = Duration::from_secs(300);
const JOBS: usize = 2_000;
const CALLERS: usize = 16;
/// The account whose user takes back the consent, and gives it again.
const AWAY: &str = "away";

/// The build before this one.
fn before() -> PathBuf {
    let path = std::env::var_os("CALRELAY_BEFORE");
    PathBuf::from(path.expect("CALRELAY_BEFORE names the program of the build before this one"))
}

/// Two ingresses and four workers; every other one is of the earlier build.
async fn mixed(apis: usize, workers: usize) -> Installation {
    let mut calrelay = Plan::new(apis, workers)
        .unlimited()
        .with("WORKER_CONCURRENCY", 16)
        .with("RUST_LOG", "warn")
        .start()
        .await;
    let before = before();
    for number in (1..apis).step_by(2) {
        calrelay.api(number).terminate().await;
        calrelay.api(number).run_by(&before);
        calrelay.api(number).start().await;
    }
    for number in (1..workers).step_by(2) {
        calrelay.worker(number).terminate().await;
        calrelay.worker(number).run_by(&before);
        calrelay.worker(number).start().await;
    }
    calrelay
}

/// What a caller does with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wish {
    Plain,
    Meet,
    Later,
    /// Cancelled at once: a worker may be at it.
    Cancelled,
    /// Cancelled before it is due.
    LaterCancelled,
    Blocked,
}

impl Wish {
    fn of(number: usize) -> Self {
        match number % 10 {
            0..4 => Self::Plain,
            4..6 => Self::Meet,
            6 => Self::Later,
            7 => Self::Cancelled,
            8 => Self::LaterCancelled,
            _ => Self::Blocked,
        }
    }

    fn body(self, number: usize) -> Value {
        let title = format!("Job {number}");
        let mut body = if self == Self::Blocked { event_of(AWAY, "primary", &title) } else { event(&title) };
        let start = |seconds| json!((Timestamp::now() + SignedDuration::from_secs(seconds)).to_string());
        match self {
            Self::Meet => body["conference"] = json!(true),
            Self::Later => body["notBefore"] = start(10),
            Self::LaterCancelled => body["notBefore"] = start(45),
            Self::Plain | Self::Cancelled | Self::Blocked => {}
        }
        body
    }
}

/// Posts it, posts it again, and cancels it where that is wished; each at the ingress whose turn it is.
async fn job(caller: &Caller, number: usize) -> (String, Wish) {
    let (wish, key) = (Wish::of(number), format!("mixed-{number}"));
    let body = wish.body(number);
    let id = caller.submit(&body, &key, LIMIT).await.id;
    if number.is_multiple_of(3) {
        assert_eq!(caller.submit(&body, &key, LIMIT).await.id, id, "a repeat is the same job");
    }
    if matches!(wish, Wish::Cancelled | Wish::LaterCancelled) {
        eventually("an answer to DELETE", LIMIT, || async {
            let answer = caller.cancel(&id).await.ok()?;
            (!answer.status.is_server_error()).then_some(())
        })
        .await;
    }
    (id, wish)
}

fn start(caller: &Caller, accepted: &Arc<AtomicUsize>) -> JoinSet<Vec<(String, Wish)>> {
    let mut callers = JoinSet::new();
    for first in 0..CALLERS {
        let (caller, accepted) = (caller.clone(), Arc::clone(accepted));
        callers.spawn(async move {
            let mut jobs = Vec::new();
            for number in (first..JOBS).step_by(CALLERS) {
                jobs.push(job(&caller, number).await);
                accepted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            jobs
        });
    }
    callers
}

/// How each job has ended.
async fn ends(caller: &Caller, jobs: &[(String, Wish)]) -> HashMap<(Wish, String), usize> {
    let mut ends = HashMap::new();
    for (id, wish) in jobs {
        let state = eventually("the job's end", LIMIT, || async {
            let job = caller.job(id).await.ok()?.body;
            assert_ne!(job["state"], "failed", "{wish:?}: {job}");
            matches!(job["state"].as_str()?, "succeeded" | "cancelled").then(|| job["state"].clone())
        })
        .await;
        *ends.entry((*wish, state.as_str().unwrap().to_owned())).or_default() += 1;
    }
    ends
}

#[tokio::test(flavor = "multi_thread")]
async fn two_builds_lose_nothing_and_double_nothing() {
    let began = Instant::now();
    let mut calrelay = mixed(2, 4).await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    connect(&calrelay, AWAY, "away@example.com", &[]).await;
    google.control("/_sandbox/users/away@example.com", &json!({"revoked": true})).await;
    google.fault(json!({"method": "*", "latencyMs": 100})).await;
    google.fault(json!({"method": "events.insert", "drop": "after", "probability": 0.05})).await;
    google.fault(json!({"method": "events.*", "status": 503, "probability": 0.1})).await;

    let (caller, accepted) = (calrelay.caller(), Arc::new(AtomicUsize::new(0)));
    let callers = start(&caller, &accepted);
    // Each process dies once while the others go on.
    for round in 0..6 {
        let so_many = JOBS * (round + 1) / 8;
        eventually("more accepted jobs", LIMIT, || async {
            (accepted.load(Ordering::Relaxed) >= so_many).then_some(())
        })
        .await;
        let member = match round {
            0..4 => calrelay.worker(round),
            _ => calrelay.api(round - 4),
        };
        member.kill();
        member.start().await;
    }
    google.control("/_sandbox/users/away@example.com", &json!({"revoked": false})).await;
    connect(&calrelay, AWAY, "away@example.com", &[]).await;
    let jobs: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    println!("{} jobs accepted after {} s", jobs.len(), began.elapsed().as_secs());

    let ends = ends(&caller, &jobs).await;
    println!("all ended after {} s: {ends:?}", began.elapsed().as_secs());
    let events = google.events().await;
    assert!(events.values().all(|stored| stored.inserts == 1), "no event was inserted twice");
    let states: HashMap<String, Value> = {
        let mut states = HashMap::new();
        for (id, _) in &jobs {
            states.insert(id.clone(), caller.job(id).await.unwrap().body["state"].clone());
        }
        states
    };
    let stands = |id: &str| events.get(id).is_some_and(|stored| stored.event["status"] == "confirmed");
    let wrong: Vec<_> = states.iter().filter(|(id, state)| stands(id) != (*state == "succeeded")).collect();
    assert!(wrong.is_empty(), "a job and its event say different things: {wrong:?}");
    assert!(events.keys().all(|id| states.contains_key(id)), "an event that was not asked for");
    for (id, wish) in &jobs {
        match wish {
            Wish::LaterCancelled => assert_eq!(states[id], "cancelled"),
            // It may have been done before.
            Wish::Cancelled => {}
            Wish::Plain | Wish::Meet | Wish::Later | Wish::Blocked => {
                assert_eq!(states[id], "succeeded", "{wish:?}")
            }
        }
    }
    let kept = calrelay.vhost().messages().await;
    assert_eq!(kept.get("calrelay.dead"), Some(&0), "{kept:?}");
    // Jobs that were blocked look again after an hour, cancelled ones when they would have been due.
    calrelay.vhost().leaves_anything();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_build_that_cannot_read_a_compact_record_goes_on() {
    let calrelay = mixed(2, 1).await;
    calrelay.sandbox().view().no_quotas().await;
    let (caller, earlier) = (calrelay.caller(), calrelay.apis()[1].process());
    let id = caller.submit(&event("first"), "first", LIMIT).await.id;
    let told = succeeded(&caller, &id, LIMIT).await;
    // As a worker of this build does a day after the last earlier one has gone, if one came back.
    let redis = calrelay.redis();
    redis.command(&["HSET", "calrelay:epoch", "compact", "0"]);
    let store = Redis::start(&redis.url(), Arc::new(SystemClock)).unwrap().store(time::days(7));
    let seen = store.oversized(Timestamp::now() + SignedDuration::from_secs(60)).await.unwrap();
    assert!(matches!(&seen[..], [job] if matches!(job.state, JobState::Succeeded { .. })), "{seen:?}");
    store.compact(&seen[0], &seen[0]).await.unwrap();
    let head = redis.command(&["GETRANGE", &format!("calrelay:job:{id}"), "0", "0"]);
    assert_eq!(head, "\u{2}");

    let now = calrelay.apis()[0].process().job(&id).await;
    assert_eq!(now, told);
    let status = earlier.get(&format!("/api/v1/jobs/{id}")).send().await.unwrap().status();
    println!("the earlier build answers {status} for a compact record");
    assert!(status.is_server_error(), "{status}");
    for number in 0..10 {
        let id = earlier.submit(&event(&format!("next {number}")), &format!("next-{number}")).await.unwrap();
        succeeded(&caller, &id, LIMIT).await;
    }
    // The same key again: the same job, and one event.
    for origin in calrelay.apis() {
        assert_eq!(origin.process().submit(&event("first"), "first").await.unwrap(), id);
    }
    eventually("an empty broker", LIMIT, || async {
        calrelay.vhost().messages().await.values().all(|count| *count == 0).then_some(())
    })
    .await;
    assert_eq!(calrelay.apis()[0].process().job(&id).await, told);
    let events = calrelay.sandbox().view().events().await;
    assert_eq!((events.len(), events[&id].inserts), (11, 1));
    assert!(!earlier.log().contains("Redis cannot be used"), "{}", earlier.log());
}
