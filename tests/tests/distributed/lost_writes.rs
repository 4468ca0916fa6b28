//! Redis comes back as it was during an insert, as after a failover: the job goes on, and its event stays the only one.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Caller, Installation, Plan, RedisServer, each_once, event, eventually, succeeded};

const LIMIT: Duration = Duration::from_secs(60);
/// A worker's second look, and the widest spread of what it revives.
const LOOKS: Duration = Duration::from_secs(240);
/// What is known of jobs, apart from the records themselves.
const SETS: [&str; 5] =
    ["calrelay:due", "calrelay:ended", "calrelay:jobs:*", "calrelay:backlog:*", "calrelay:owner:*"];

/// The names of the keys that fit.
fn keys(redis: &RedisServer, pattern: &str) -> Vec<String> {
    redis.command(&["KEYS", pattern]).split_whitespace().map(str::to_owned).collect()
}

/// Redis during an insert.
struct Older {
    id: String,
    record: String,
    entry: String,
}

impl Older {
    /// Accepts a job, and keeps what Redis has while its event is being inserted.
    async fn of(calrelay: &Installation, caller: &Caller, title: &str) -> Self {
        let google = calrelay.sandbox().view();
        google.fault(json!({"method": "events.insert", "latencyMs": 3000})).await;
        let id = caller.submit(&event(title), title, LIMIT).await.id;
        let redis = calrelay.redis();
        let record = eventually("a write that has begun", LIMIT, || async {
            let record = redis.command(&["GET", &format!("calrelay:job:{id}")]);
            record.contains("\"effect\":\"unknown\"").then_some(record)
        })
        .await;
        let entry = redis.command(&["ZRANGE", "calrelay:due", "0", "-1"]);
        assert!(entry.contains(&id) && !entry.contains('\n'), "it is the only one that is due: {entry}");
        for set in SETS.iter().flat_map(|pattern| keys(redis, pattern)) {
            assert_eq!(redis.command(&["COPY", &set, &format!("kept:{set}"), "REPLACE"]), "1");
        }
        google.no_faults().await;
        succeeded(caller, &id, LIMIT).await;
        Self { id, record, entry }
    }

    /// Brings that back. Its claim ended so many minutes ago.
    fn comes_back(&self, redis: &RedisServer, minutes: i64) {
        let (version, job) = self.record.split_at(16);
        let mut job: Value = serde_json::from_str(job).expect("a record");
        let ended = Timestamp::now() - SignedDuration::from_mins(minutes);
        assert_eq!(job["state"]["is"], "running");
        job["state"]["until"] = json!(ended);
        for set in SETS.iter().flat_map(|pattern| keys(redis, pattern)) {
            redis.command(&["DEL", &set]);
        }
        for kept in keys(redis, "kept:*") {
            let set = kept.trim_start_matches("kept:");
            assert_eq!(redis.command(&["RENAME", &kept, set]), "OK");
        }
        let due = (ended - SignedDuration::from_mins(1)).as_microsecond().to_string();
        redis.command(&["ZADD", "calrelay:due", &due, &self.entry]);
        let key = format!("calrelay:job:{}", self.id);
        assert_eq!(redis.command(&["SET", &key, &format!("{version}{job}")]), "OK");
    }
}

async fn revived(calrelay: &Installation) -> f64 {
    let mut revived = 0.0;
    for worker in calrelay.workers() {
        revived += worker.process().metric("calrelay_jobs_revived_total").await;
    }
    revived
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_that_a_failover_has_lost_is_found_again_and_stays() {
    let calrelay = Plan::new(1, 2).unlimited().start().await;
    let google = calrelay.sandbox().view();
    let caller = calrelay.caller();
    let redis = calrelay.redis();

    let replayed = Older::of(&calrelay, &caller, "replayed").await;
    replayed.comes_back(redis, 16);
    assert_eq!(caller.job(&replayed.id).await.unwrap().body["state"], "running");
    let said = calrelay.setup().run(&["jobs", "replay", &replayed.id]);
    assert!(said.contains("1 replayed"), "{said}");
    succeeded(&caller, &replayed.id, LIMIT).await;

    let revived_later = Older::of(&calrelay, &caller, "revived").await;
    revived_later.comes_back(redis, 16);
    assert_eq!(caller.job(&revived_later.id).await.unwrap().body["state"], "running");
    let job = succeeded(&caller, &revived_later.id, LOOKS).await;
    assert_eq!((&job["attempts"], &job["result"]["eventId"]), (&json!(0), &json!(revived_later.id)));
    assert_eq!(revived(&calrelay).await, 1.0, "by one of two workers, once");

    let taken_back = revived_later;
    eventually("an event that is more than a minute old", 2 * LIMIT, || async {
        let created = google.events().await[&taken_back.id].event["created"].as_str()?.parse::<Timestamp>();
        (Timestamp::now().duration_since(created.ok()?) > SignedDuration::from_secs(62)).then_some(())
    })
    .await;
    taken_back.takes_back(&calrelay, &caller).await;
    let ids = [replayed.id, taken_back.id];
    each_once(&google, &ids).await;
    let inserts = google.requests().await.into_iter().filter(|request| request.method == "events.insert");
    assert_eq!(inserts.count(), 2);
    assert_eq!(redis.command(&["ZCARD", "calrelay:due"]), "0", "nothing is overdue");
    assert!(keys(redis, "calrelay:backlog:*").is_empty(), "nothing counts as unfinished");
}

impl Older {
    /// The record comes back once more, and its caller takes the job back.
    async fn takes_back(&self, calrelay: &Installation, caller: &Caller) {
        let redis = calrelay.redis();
        self.keep_again(redis);
        self.comes_back(redis, 3);
        let reply = caller.cancel(&self.id).await.unwrap();
        assert_eq!((reply.status.as_u16(), &reply.body["state"]), (202, &json!("cancelling")), "{reply:?}");
        let job = succeeded(caller, &self.id, LIMIT).await;
        assert_eq!(job["cancelRequested"], true, "{job}");
        let again = caller.cancel(&self.id).await.unwrap();
        assert_eq!(again.status.as_u16(), 409, "{again:?}");
    }

    /// The sets as they were with this job alone open.
    fn keep_again(&self, redis: &RedisServer) {
        for set in SETS.iter().flat_map(|pattern| keys(redis, pattern)) {
            assert_eq!(redis.command(&["COPY", &set, &format!("kept:{set}"), "REPLACE"]), "1");
        }
        for set in ["kept:calrelay:ended", "kept:calrelay:jobs:succeeded"] {
            redis.command(&["ZREM", set, &self.entry]);
        }
        redis.command(&["ZADD", "kept:calrelay:jobs:open", "0", &self.entry]);
    }
}
