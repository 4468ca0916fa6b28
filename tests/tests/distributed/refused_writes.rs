//! A Redis that answers reads and refuses writes: full, without replicas, unable to save, read-only. Jobs are
//! accepted and done as if it were away, deadlines are kept, and nothing spins.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tests::{
    Caller, Installation, Plan, RedisServer, SandboxView, all_succeeded, each_once, event, eventually,
    json_lines,
};

const LIMIT: Duration = Duration::from_secs(120);

/// A way to refuse writes, and the way back.
struct Refusal {
    name: &'static str,
    begin: fn(&RedisServer),
    end: fn(&RedisServer),
}

fn set(redis: &RedisServer, name: &str, value: &str) {
    assert_eq!(redis.command(&["CONFIG", "SET", name, value]), "OK", "{name} {value}");
}

const REFUSALS: [Refusal; 4] = [
    Refusal {
        name: "full",
        begin: |redis| set(redis, "maxmemory", "1mb"),
        end: |redis| set(redis, "maxmemory", "0"),
    },
    Refusal {
        name: "without replicas",
        begin: |redis| set(redis, "min-replicas-to-write", "1"),
        end: |redis| set(redis, "min-replicas-to-write", "0"),
    },
    Refusal {
        name: "read-only",
        begin: |redis| drop(redis.command(&["REPLICAOF", "127.0.0.1", "1"])),
        end: |redis| drop(redis.command(&["REPLICAOF", "NO", "ONE"])),
    },
    Refusal {
        name: "unable to save",
        begin: |redis| {
            // A snapshot has to fail before Redis refuses writes for it: its file's place is taken by a folder.
            set(redis, "save", "3600 1");
            std::fs::create_dir(redis.dir().join("dump.rdb")).expect("a folder");
            redis.command(&["SET", "something", "to save"]);
            redis.command(&["BGSAVE"]);
        },
        end: |redis| {
            std::fs::remove_dir(redis.dir().join("dump.rdb")).expect("the folder");
            set(redis, "save", "");
        },
    },
];

/// Accepts so many jobs, under a key each.
async fn accept(caller: &Caller, prefix: &str, number: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..number {
        let title = format!("{prefix}-{number}");
        ids.push(caller.submit(&event(&title), &title, LIMIT).await.id);
    }
    ids
}

async fn all_stand(google: &SandboxView, what: &str, ids: &[String]) {
    eventually(what, LIMIT, || async {
        let events = google.events().await;
        ids.iter().all(|id| events.contains_key(id)).then_some(())
    })
    .await;
}

/// How many lines a minute at most of one kind the processes have written.
fn most_lines(calrelay: &Installation) -> usize {
    let mut counts = HashMap::new();
    for member in calrelay.members() {
        let log = member.process().log();
        for line in json_lines(&log) {
            let words = line["fields"]["message"].as_str().or(line["message"].as_str()).unwrap_or_default();
            if words.contains("Redis") || words.contains("Records") {
                let words: String = words.chars().filter(|c| !c.is_ascii_digit()).collect();
                *counts.entry((member.process().pid(), words)).or_insert(0_usize) += 1;
            }
        }
    }
    counts.into_values().max().unwrap_or_default()
}

async fn is_away_and_comes_back(refusal: &Refusal) {
    let calrelay = Plan::new(2, 2).unlimited().with("LOG_FORMAT", "json").start().await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    let caller = calrelay.caller();
    let mut ids = accept(&caller, "before", 5).await;
    all_succeeded(&caller, &ids, LIMIT).await;

    (refusal.begin)(calrelay.redis());
    if refusal.name == "unable to save" {
        eventually("a snapshot that failed", LIMIT, || async {
            let info = calrelay.redis().command(&["INFO", "persistence"]);
            info.contains("rdb_last_bgsave_status:err").then_some(())
        })
        .await;
    }
    let refused = calrelay.redis().command(&["SET", "x", "y"]);
    assert!(!refused.starts_with("OK"), "{}: {refused}", refusal.name);
    ids.extend(accept(&caller, "during", 30).await);
    all_stand(&google, refusal.name, &ids).await;

    // A job that cannot be done in time is not done after its deadline.
    // A throttled call wrote nothing, which needs no later look.
    let throttled =
        json!({"method": "events.insert", "status": 429, "reason": "rateLimitExceeded", "count": 1000});
    google.fault(throttled).await;
    let mut late = event("late");
    late["notAfter"] = json!((Timestamp::now() + SignedDuration::from_secs(5)).to_string());
    let deadline = Timestamp::now() + SignedDuration::from_secs(5);
    let late = caller.submit(&late, "late", LIMIT).await.id;
    calrelay.vhost().leaves_anything();
    let more = accept(&caller, "again", 5).await;
    eventually("the deadline", LIMIT, || async { (Timestamp::now() > deadline).then_some(()) }).await;
    google.no_faults().await;
    ids.extend(more);
    all_stand(&google, refusal.name, &ids).await;
    assert!(
        most_lines(&calrelay) <= 3,
        "{}: a line is repeated {} times",
        refusal.name,
        most_lines(&calrelay)
    );

    (refusal.end)(calrelay.redis());
    all_succeeded(&caller, &ids, Duration::from_secs(240)).await;
    each_once(&google, &ids).await;
    // It was accepted from memory: a job of the same key may have been begun before, for all that is known, and what that
    // may have written is looked for for twelve minutes. Until then the job is not over, and is not tried again.
    eventually("the look of the late job", LIMIT, || async {
        let job = caller.job(&late).await.ok()?.body;
        (job["state"] == "waiting" && job["waitingFor"] == "retry").then_some(())
    })
    .await;
    assert!(!google.events().await.contains_key(&late), "{}: it was done after its deadline", refusal.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_full_is_a_redis_that_is_away() {
    is_away_and_comes_back(&REFUSALS[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_without_its_replicas_is_a_redis_that_is_away() {
    is_away_and_comes_back(&REFUSALS[1]).await;
}

/// Processor time that a process has used, in seconds.
fn computed(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let after_name = stat.rsplit(')').next().expect("a name in parentheses");
    let ticks: Vec<f64> = after_name.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // The state is no number: utime and stime are the 12th and 13th after it, in hundredths of a second.
    (ticks[10] + ticks[11]) / 100.0
}

/// Lines with a warning or an error that a process has written.
fn complaints(log: &str) -> usize {
    json_lines(log).iter().filter(|line| line["level"] == "WARN" || line["level"] == "ERROR").count()
}

/// A steady load, for `normal` with Redis as it should be and for `refusing` while it refuses writes. A worker may use
/// so much more processor time while it does.
async fn goes_on_under_load(
    refusal: &Refusal,
    normal: Duration,
    refusing: Duration,
    at_most: f64,
) -> (Installation, Vec<String>) {
    let calrelay = Plan::new(1, 1).unlimited().with("LOG_FORMAT", "json").start().await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    let caller = calrelay.caller();
    all_succeeded(&caller, &accept(&caller, "warm", 5).await, LIMIT).await;
    let warm = google.events().await.len();
    let (worker, api) = (calrelay.workers()[0].process(), calrelay.apis()[0].process());
    let said = [worker.log(), api.log()].map(|log| complaints(&log));
    let mut pace = tokio::time::interval(Duration::from_millis(200));
    let mut ids = Vec::new();
    let mut spent = [0.0; 2];
    for (phase, length) in [normal, refusing].into_iter().enumerate() {
        if phase == 1 {
            (refusal.begin)(calrelay.redis());
        }
        let (began, before, jobs) = (Instant::now(), computed(worker.pid()), ids.len());
        while began.elapsed() < length {
            pace.tick().await;
            let title = format!("steady-{}", ids.len());
            ids.push(caller.submit(&event(&title), &title, LIMIT).await.id);
        }
        spent[phase] = (computed(worker.pid()) - before) / (ids.len() - jobs) as f64;
    }
    all_stand(&google, refusal.name, &ids).await;
    let lines = [worker.log(), api.log()].map(|log| complaints(&log));
    let lines = [lines[0] - said[0], lines[1] - said[1]];
    eprintln!(
        "{}: {} jobs; a worker's processor time a job {:.1} ms, and {:.1} ms in {} s of refusals ({:.2} times); lines {lines:?}",
        refusal.name,
        ids.len(),
        spent[0] * 1e3,
        spent[1] * 1e3,
        refusing.as_secs(),
        spent[1] / spent[0],
    );
    assert!(spent[1] < at_most * spent[0], "{spent:?}");
    // What begins to go on without records: the link, the attempts, the throttle. Then one a minute at most.
    let minutes = usize::try_from(refusing.as_secs().div_ceil(60)).expect("a few");
    assert!(lines.iter().all(|lines| *lines <= minutes + 3), "{lines:?}");
    let events = google.events().await;
    assert_eq!(events.len(), warm + ids.len());
    assert!(events.values().all(|stored| stored.inserts == 1));
    (calrelay, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_works_no_harder_while_redis_refuses_writes() {
    // Short, so that a good deal more is let through than in the long runs.
    let (calrelay, _) =
        goes_on_under_load(&REFUSALS[1], Duration::from_secs(5), Duration::from_secs(8), 4.0).await;
    // What came of the jobs travels with their messages until it can be recorded.
    calrelay.vhost().leaves_anything();
}

/// The same for two causes that are met less often; `./test.sh --long` alone runs them.
mod rarely {
    use super::*;

    /// Seconds of each refusal: ten minutes, unless `CALRELAY_REFUSAL_SECONDS` says otherwise.
    fn long() -> Duration {
        let seconds = std::env::var("CALRELAY_REFUSAL_SECONDS").ok();
        Duration::from_secs(seconds.map_or(600, |seconds| seconds.parse().expect("a number of seconds")))
    }

    /// Everything accepted meanwhile is done meanwhile, and has its record afterwards.
    async fn for_long(refusal: &Refusal) {
        let (calrelay, ids) = goes_on_under_load(refusal, Duration::from_secs(60), long(), 2.0).await;
        (refusal.end)(calrelay.redis());
        all_succeeded(&calrelay.caller(), &ids, Duration::from_secs(300)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ten_minutes_of_load_on_a_redis_that_is_full() {
        for_long(&REFUSALS[0]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ten_minutes_of_load_on_a_redis_without_its_replicas() {
        for_long(&REFUSALS[1]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_redis_that_became_a_replica_is_a_redis_that_is_away() {
        is_away_and_comes_back(&REFUSALS[2]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_redis_that_cannot_save_is_a_redis_that_is_away() {
        is_away_and_comes_back(&REFUSALS[3]).await;
    }
}
