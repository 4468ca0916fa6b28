//! The records of jobs that succeeded a while ago: how much room they take, and that they say what they said.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use common::fingerprint::HashKey;
use common::job::{Conference, EventResult, Job, JobState, StateName, Step};
use common::port::{Accepted, Backlog, Change, JobStore, ListFilter, Page};
use common::sample;
use common::seal::{Key, Keyring};
use common::time;
use common::trace::TraceContext;
use data_encoding::BASE64_NOPAD;
use jiff::{SignedDuration, Timestamp};
use tests::{Plan, RedisServer, event, succeeded};
use tokio::task::JoinSet;

use super::{accepted, server, store, taken};

const AT_ONCE: usize = 64;
/// So many plain finished jobs the memory that is shipped holds, and so much it is.
const WANTED: f64 = 1_500_000.0;
const SHIPPED: f64 = 768.0 * 1_048_576.0;
/// So many bytes the compact record of a plain job has in Redis at most; with its entry in a list and its share of the
/// tables it is some 510.
const RECORD: usize = 320;
const LIMIT: Duration = Duration::from_secs(60);

/// A job as callers' are, and what is told of its event.
fn job(number: usize, hash: &HashKey) -> (Job, EventResult) {
    let fingerprint = hash.fingerprint_of(&number.to_be_bytes(), b"meaning");
    let submitted_at = sample::at(number as u64);
    // As most are: the end of the event.
    let not_after = sample::at(1_000_000);
    let trace = Some(TraceContext::fresh());
    let job = sample::job("local", "default").with(|fields| {
        fields.submitted_at = submitted_at;
        fields.not_after = not_after;
        fields.fingerprint = fingerprint;
        fields.trace = trace;
    });
    let eid = BASE64_NOPAD.encode(format!("{} somebody@example.com", job.id).as_bytes());
    let told = EventResult {
        event_id: job.id.to_string(),
        event_link: format!("https://www.google.com/calendar/event?eid={eid}"),
        conference: Conference::NotAsked,
        calendar_id: "primary".to_owned(),
    };
    (job, told)
}

fn memory(server: &RedisServer) -> f64 {
    let text = server.command(&["INFO", "memory"]);
    let value = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
    value.and_then(|value| value.trim().parse().ok()).unwrap()
}

/// As if a build that knows compact records had been here for long.
fn known_for_long(server: &RedisServer) {
    server.command(&["HSET", "calrelay:epoch", "compact", "0"]);
}

/// Accepts so many jobs and ends them, by the store's own scripts.
async fn finished(store: &Arc<dyn JobStore>, keys: &Keyring, jobs: usize) -> Vec<Job> {
    let hash = HashKey::new(Key::random());
    let mut running = JoinSet::new();
    for task in 0..AT_ONCE {
        let (store, keys, hash) = (store.clone(), keys.clone(), hash.clone());
        running.spawn(async move {
            let mut done = Vec::new();
            for number in (task..jobs).step_by(AT_ONCE) {
                let (job, told) = job(number, &hash);
                accepted(&store, &job, Backlog { per_account: 1_000_000, per_owner: 1_000_000 }).await;
                let step = Step::Succeed(keys.seal(job.id.as_str(), &told));
                let now = time::after(job.submitted_at, Duration::from_millis(345));
                match store.take(&job.id, &step, now).await {
                    Ok(Change::Taken(job)) => done.push(*job),
                    other => panic!("{other:?}"),
                }
            }
            done
        });
    }
    running.join_all().await.into_iter().flatten().collect()
}

/// As a worker does; answers how many were looked at.
async fn compact(store: &Arc<dyn JobStore>, keys: &Keyring) -> usize {
    let mut all = 0;
    loop {
        let jobs = store.oversized(sample::at(1_000_000)).await.unwrap();
        if jobs.is_empty() {
            return all;
        }
        all += jobs.len();
        let mut running = JoinSet::new();
        for seen in jobs {
            let (store, keys) = (store.clone(), keys.clone());
            running.spawn(async move {
                let job = short(&seen, &keys);
                store.compact(&seen, &job).await.unwrap();
            });
        }
        running.join_all().await;
    }
}

fn short(seen: &Job, keys: &Keyring) -> Job {
    let JobState::Succeeded { result } = &seen.state else { panic!("{seen:?}") };
    let result = keys.open(seen.id.as_str(), result).unwrap().seal_compact(keys, seen.id.as_str());
    seen.with(|fields| fields.state = JobState::Succeeded { result })
}

fn told(job: &Job, keys: &Keyring) -> EventResult {
    let JobState::Succeeded { result } = &job.state else { panic!("{job:?}") };
    keys.open(job.id.as_str(), result).unwrap()
}

async fn room(jobs: usize) {
    let server = server().await;
    let (store, keys) = (store(&server), Keyring::new(Key::random(), Vec::new()));
    // Until the scripts are loaded.
    finished(&store, &keys, 1).await;
    let empty = memory(&server);
    finished(&store, &keys, jobs).await;
    let full = (memory(&server) - empty) / jobs as f64;
    known_for_long(&server);
    assert_eq!(compact(&store, &keys).await, jobs + 1);
    let compact = (memory(&server) - empty) / jobs as f64;
    let waiting = memory(&server);
    let hash = HashKey::new(Key::random());
    for number in 0..1_000 {
        let (job, _) = job(number, &hash);
        accepted(&store, &job, Backlog { per_account: 1_000_000, per_owner: 1_000_000 }).await;
    }
    eprintln!("{:.0} bytes a job that waits", (memory(&server) - waiting) / 1e3);
    eprintln!(
        "{jobs} finished jobs: {full:.0} bytes each, {compact:.0} once compact: 768 MB hold {:.0} of these",
        SHIPPED / compact
    );
    assert!(SHIPPED / compact >= WANTED, "{compact} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shipped_holds_a_million_and_a_half_finished_jobs() {
    room(4_000).await;
}

/// The same with as many jobs as a day may bring; `./test.sh --long` alone runs it.
mod rarely {
    #[tokio::test(flavor = "multi_thread")]
    async fn many_finished_jobs_take_as_little_room_each() {
        super::room(50_000).await;
    }
}

/// What a worker really writes of a plain job, and not a sample: whatever a record has beside what has a place of its
/// own in the compact form takes room.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_worker_wrote_takes_no_more_room_than_is_said() {
    const JOBS: usize = 20;
    let calrelay = Plan::new(1, 1).unlimited().start().await;
    calrelay.sandbox().view().no_quotas().await;
    let caller = calrelay.caller();
    let mut told = HashMap::new();
    for number in 0..JOBS {
        let key = format!("plain-{number}");
        let id = caller.submit(&event(&key), &key, LIMIT).await.id;
        told.insert(id.clone(), succeeded(&caller, &id, LIMIT).await);
    }
    let redis = calrelay.redis();
    known_for_long(redis);
    let (store, keys) = (store(redis), Keyring::new(Key::random(), Vec::new()));
    let seen = store.oversized(Timestamp::now() + SignedDuration::from_secs(60)).await.unwrap();
    assert_eq!(seen.len(), JOBS);
    for job in seen {
        // As its account's key would seal it: one key's bytes are as many as another's.
        let told = &told[job.id.as_str()]["result"];
        let result = EventResult {
            event_id: job.id.to_string(),
            event_link: told["eventLink"].as_str().unwrap().to_owned(),
            conference: Conference::NotAsked,
            calendar_id: "primary".to_owned(),
        };
        let result = result.seal_compact(&keys, job.id.as_str());
        let short = job.with(|fields| fields.state = JobState::Succeeded { result });
        store.compact(&job, &short).await.unwrap();
        let key = format!("calrelay:job:{}", job.id);
        assert_eq!(redis.command(&["GETRANGE", &key, "0", "0"]), "\u{2}", "{job:?}");
        let bytes: usize = redis.command(&["MEMORY", "USAGE", &key]).parse().unwrap();
        assert!(bytes <= RECORD, "{bytes} bytes for {job:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compact_record_says_what_it_said() {
    let server = server().await;
    let (store, other) = (store(&server), store(&server));
    let keys = Keyring::new(Key::random(), Vec::new());
    let mut ended = finished(&store, &keys, 450).await;
    ended.sort_by_key(|job| (job.submitted_at, job.id.clone()));
    let failed = sample::job("local", "default");
    accepted(&store, &failed, Backlog::default()).await;
    taken(&store, &failed.id, Step::Cancel).await;
    known_for_long(&server);
    assert_eq!(compact(&store, &keys).await, ended.len());
    assert_eq!(compact(&other, &keys).await, 0);

    for seen in &ended[..20] {
        let kept = other.get(&seen.id).await.unwrap().unwrap();
        assert!(told(&kept, &keys) == told(seen, &keys));
        let (state, fingerprint) = (kept.state.clone(), kept.fingerprint.clone());
        assert_eq!(
            kept,
            seen.with(|fields| {
                fields.state = state;
                fields.fingerprint = fingerprint;
                fields.trace = None;
            })
        );
        assert!(kept.fingerprint.is_same_request(&seen.fingerprint));
        let line = sample::line("default");
        let again = other.accept(seen, Backlog::default(), &line).await;
        assert_eq!(again, Ok(Accepted::Known(Box::new(kept))));
    }
    // Every list is as it was: of all, of an owner, of those that succeeded, in pages, none twice.
    let owner = Some(sample::owner("local"));
    let nobody = Some(sample::owner("nobody"));
    let succeeded = Some(StateName::Succeeded);
    for (filter, expected) in [
        (ListFilter::default(), ended.len() + 1),
        (ListFilter { state: succeeded, ..ListFilter::default() }, ended.len()),
        (ListFilter { owner: owner.clone(), ..ListFilter::default() }, ended.len() + 1),
        (ListFilter { owner, state: succeeded, ..ListFilter::default() }, ended.len()),
        (ListFilter { owner: nobody, ..ListFilter::default() }, 0),
        (ListFilter { since: Some(sample::at(440)), state: succeeded, ..ListFilter::default() }, 10),
    ] {
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = other.list(&filter, Page { after: after.clone(), limit: 97 }).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.submitted_at, last.id.clone()));
            found.extend(page.into_iter().map(|job| job.id.clone()));
        }
        assert_eq!(found.len(), expected, "{filter:?}");
        found.dedup();
        assert_eq!(found.len(), expected, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compact_record_changes_and_goes_as_others_do() {
    let server = server().await;
    let (first, store) = (store(&server), store(&server));
    let key = Key::random();
    let keys = Keyring::new(key.clone(), Vec::new());
    let ended = finished(&first, &keys, 3).await;
    known_for_long(&server);
    assert_eq!(compact(&first, &keys).await, 3);

    // A later look at the conference, and new keys.
    let life = || server.command(&["PTTL", &format!("calrelay:job:{}", ended[0].id)]).parse::<u64>().unwrap();
    let (before, mut looked) = (life(), told(&ended[0], &keys));
    looked.conference = Conference::Ready("https://meet.google.com/abc-defg-hij".to_owned());
    let amended = Step::Amend(keys.seal(ended[0].id.as_str(), &looked));
    let now = sample::at(9_000);
    assert!(matches!(store.take(&ended[0].id, &amended, now).await, Ok(Change::Taken(_))));
    let kept = store.get(&ended[0].id).await.unwrap().unwrap();
    assert!(told(&kept, &keys) == looked);
    assert_eq!(kept.updated_at, now);
    let newer = Keyring::new(Key::random(), vec![key]);
    let step = kept.reseal(&newer).unwrap();
    assert!(matches!(store.take(&kept.id, &step, now).await, Ok(Change::Taken(_))));
    assert!(told(&store.get(&kept.id).await.unwrap().unwrap(), &newer) == looked);
    assert!(life() <= before, "a set lives no longer than what is in it was to live");

    // The day of its end and one more have to be over: compact records are forgotten by the day.
    let end = ended[0].finished_at.unwrap();
    assert_eq!(store.forget_finished(time::after(end, time::hours(1))).await, Ok(0));
    assert_eq!(server.command(&["ZCARD", "calrelay:compact"]), "1");
    assert_eq!(store.forget_finished(time::after(end, time::days(1))).await, Ok(3));
    assert_eq!(server.command(&["KEYS", "calrelay:compact"]), "");
    assert_eq!(server.command(&["KEYS", "calrelay:compact:*"]), "");
    assert_eq!(store.get(&ended[0].id).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_made_compact_while_a_build_may_run_that_cannot_read_it() {
    let server = server().await;
    let (one, two) = (store(&server), store(&server));
    let keys = Keyring::new(Key::random(), Vec::new());
    let ended = finished(&one, &keys, 1).await;
    assert_eq!(one.oversized(sample::at(7_200)).await, Ok(Vec::new()));
    known_for_long(&server);
    assert_eq!(one.oversized(sample::at(0)).await, Ok(Vec::new()), "it ended later");
    assert_eq!(one.oversized(sample::at(7_200)).await, Ok(ended.clone()));
    // One process sees to them.
    assert_eq!(two.oversized(sample::at(7_200)).await, Ok(Vec::new()));
    // It changes between being seen and being made compact: then nothing is overwritten.
    let step = Step::Amend(keys.seal(ended[0].id.as_str(), &told(&ended[0], &keys)));
    let amended = taken(&two, &ended[0].id, step).await;
    one.compact(&ended[0], &short(&ended[0], &keys)).await.unwrap();
    assert_eq!(two.get(&amended.id).await, Ok(Some(amended)));
    server.command(&["DEL", "calrelay:compacting"]);
    assert_eq!(compact(&two, &keys).await, 1);
}
