//! A worker that is killed with all slots taken: nearly all of what it had in hand is innocent, and the job that is not
//! is found. What it had in hand stays claimed for a minute; everything else goes on at once.

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::{
    Caller, Installation, Plan, SandboxView, all_succeeded, each_once, event, eventually, succeeded,
};

/// So many slots, of which one account leaves sixteen free.
const SLOTS: usize = 256;
const TAKEN: f64 = 240.0;
/// How long Google takes for an insert: long enough to be killed in. A fresh job may have to wait for so long, too: its
/// account's slots are taken again by then.
const LATENCY: Duration = Duration::from_secs(2);
/// A fresh job is done within this, whoever died before.
const SOON: Duration = Duration::from_secs(5);
/// The calendar of the job that kills, whose calls last until it has.
const POISON: &str = "poison@group.calendar.google.com";
/// A job whose record stays the same over so many looks is at Google.
const LOOKS: usize = 10;
/// A minute until what is claimed is free, and the way through the delays and the groups.
const LIMIT: Duration = Duration::from_secs(180);

async fn slow(google: &SandboxView, latency: Duration) {
    let latency = u64::try_from(latency.as_millis()).unwrap();
    google.fault(json!({"method": "events.insert", "latencyMs": latency})).await;
}

async fn installation(plan: Plan) -> Installation {
    let calrelay = plan.with("WORKER_CONCURRENCY", SLOTS).start().await;
    // What was claimed may leave twins in the delays.
    calrelay.vhost().leaves_anything();
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    google.control("/_sandbox/users/ada@example.com", &json!({"calendars": [POISON]})).await;
    calrelay
}

async fn post(caller: &Caller, prefix: &str, jobs: usize) -> Vec<String> {
    stream::iter(0..jobs)
        .map(|number| async move {
            let title = format!("{prefix}-{number}");
            caller.submit(&event(&title), &title, LIMIT).await.id
        })
        .buffered(32)
        .collect()
        .await
}

/// Kills the worker once its slots are taken, and starts it again.
async fn kill_with_all_in_hand(calrelay: &mut Installation) {
    eventually("slots that are taken", LIMIT, || async {
        let in_flight = calrelay.workers()[0].process().metric("calrelay_jobs_in_flight").await;
        (in_flight >= TAKEN).then_some(())
    })
    .await;
    calrelay.worker(0).kill();
    calrelay.worker(0).start().await;
}

/// From acceptance to its end.
async fn took(caller: &Caller, id: &str) -> Duration {
    let job = succeeded(caller, id, LIMIT).await;
    let at = |name: &str| job[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    at("finishedAt").duration_since(at("submittedAt")).unsigned_abs()
}

async fn a_fresh_job_is_done_at_once_after(kills: usize) {
    let mut calrelay = installation(Plan::new(1, 1).unlimited()).await;
    let (google, caller) = (calrelay.sandbox().view(), calrelay.caller());
    slow(&google, LATENCY).await;
    let mut ids = post(&caller, "in-hand", 600).await;
    for kill in 0..kills {
        // Suspects run in small groups: what fills the other slots is new.
        ids.extend(post(&caller, &format!("more-{kill}"), 300).await);
        kill_with_all_in_hand(&mut calrelay).await;
    }
    google.no_faults().await;
    let fresh = post(&caller, "fresh", 1).await;
    let waited = took(&caller, &fresh[0]).await;
    eprintln!("after {kills} deaths with all slots taken a fresh job is done in {waited:?}");
    assert!(waited < SOON, "{waited:?}");
    all_succeeded(&caller, &ids, LIMIT).await;
    each_once(&google, ids.iter().chain(&fresh)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_two_deaths_with_all_slots_taken_a_fresh_job_is_done_at_once() {
    a_fresh_job_is_done_at_once_after(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_deaths_with_all_slots_taken_a_fresh_job_is_done_at_once() {
    a_fresh_job_is_done_at_once_after(3).await;
}

/// The record of a job that is at Google since it was last seen there; or one that waits.
async fn at_google_again(caller: &Caller, id: &str, seen: &Value) -> Value {
    let (mut before, mut same) = (Value::Null, 0);
    let began = Instant::now();
    loop {
        let job = caller.job(id).await.expect("an answer").body;
        same = if job["updatedAt"] == before { same + 1 } else { 0 };
        before = job["updatedAt"].clone();
        // The dead worker's claim stays in the record for a minute.
        let runs = job["state"] == "running" && job["updatedAt"] != seen["updatedAt"] && same >= LOOKS;
        if runs || job["state"] == "waiting" {
            return job;
        }
        assert!(began.elapsed() < LIMIT, "it is not run again: {job}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_worker_is_found_within_five_deaths_and_not_run_again() {
    let mut calrelay = installation(Plan::new(1, 1).unlimited()).await;
    let (google, caller) = (calrelay.sandbox().view(), calrelay.caller());
    slow(&google, LATENCY).await;
    // Without effect: Google would have made the event by the time that the job is asked about.
    let never =
        json!({"method": "events.insert", "calendar": POISON, "latencyMs": 120_000, "drop": "before"});
    google.fault(never).await;
    let mut innocent = post(&caller, "innocent", 120).await;
    let mut body = event("Poison");
    body["calendarId"] = json!(POISON);
    let poison = caller.submit(&body, "poison", LIMIT).await.id;
    innocent.extend(post(&caller, "more", 120).await);
    let (mut deaths, mut job) = (0, Value::Null);
    loop {
        job = at_google_again(&caller, &poison, &job).await;
        if job["state"] == "waiting" {
            break;
        }
        deaths += 1;
        calrelay.worker(0).kill();
        calrelay.worker(0).start().await;
        let fresh = post(&caller, &format!("fresh-{deaths}"), 1).await;
        took(&caller, &fresh[0]).await;
        innocent.extend(fresh);
    }
    eprintln!("found after {deaths} deaths");
    assert_eq!(deaths, 5);
    all_succeeded(&caller, &innocent, LIMIT).await;
    // Before it fails as poison, its last write is looked for as long as Google may still carry it out: twelve minutes,
    // for which the worker's tests turn the clock.
    let job = caller.job(&poison).await.unwrap().body;
    assert_eq!((&job["state"], &job["waitingFor"]), (&json!("waiting"), &json!("retry")), "{job}");
    each_once(&google, &innocent).await;
}

/// The pace after deaths, over minutes; `./test.sh --long` alone runs these.
mod rarely {
    use super::*;

    /// The limit that all jobs share: forty requests a second.
    const PER_MINUTE: f64 = 2_400.0;
    /// Enough that what the dead had in hand has come back before the others are done. Then suspects alone are left, whose
    /// small groups use two thirds of the limit, for about twenty seconds.
    const JOBS: usize = 5_000;
    /// How long Google takes for an insert until the last death, and afterwards.
    const UNTIL_THEN: Duration = Duration::from_secs(30);
    const USUAL: Duration = Duration::from_secs(1);
    /// So much of the limit is used at least, from the last start until all is done.
    const USED: f64 = 0.85;
    /// A stretch of the minutes that are looked at.
    const STRETCH: Duration = Duration::from_secs(10);
    const INSERT: &str = "events.insert";
    const METER: &str = "calrelay:meter:minute:project";

    /// Inserts since `since` that Google has not answered yet; the latency was set then.
    async fn at_google(google: &SandboxView, since: Timestamp) -> f64 {
        let faults = google.read("/_sandbox/faults").await;
        let begun = faults["faults"][0]["hits"].as_u64().unwrap();
        let answered = google.requests().await;
        let answered = answered.iter().filter(|it| it.method == INSERT && it.start >= since).count();
        begun as f64 - answered as f64
    }

    /// Starts the worker, and kills it once so many calls are at Google as one account may have.
    async fn start_and_kill(calrelay: &mut Installation) {
        let google = calrelay.sandbox().view();
        google.no_faults().await;
        slow(&google, UNTIL_THEN).await;
        let since = Timestamp::now();
        calrelay.worker(0).start().await;
        eventually("calls that are at Google", LIMIT, || async {
            (at_google(&google, since).await >= TAKEN).then_some(())
        })
        .await;
        calrelay.worker(0).kill();
        let ahead = |name: &str| {
            let instant = calrelay.redis().command(&["HGET", METER, name]).trim().parse::<i64>();
            instant.map(|instant| (instant - Timestamp::now().as_microsecond()) as f64 / 1e6)
        };
        eprintln!(
            "killed after {:.1} s; s ahead: the line {:?}, turns {:?}",
            Timestamp::now().duration_since(since).as_secs_f64(),
            ahead("free"),
            ahead("booked")
        );
    }

    async fn the_limit_is_used_up_after(kills: usize) {
        let plan = Plan::new(1, 1).unlimited().with("QUOTA_PROJECT_PER_MINUTE", PER_MINUTE);
        let mut calrelay = installation(plan).await;
        let (google, caller) = (calrelay.sandbox().view(), calrelay.caller());
        calrelay.worker(0).terminate().await;
        let ids = post(&caller, "job", JOBS).await;
        for _ in 0..kills {
            start_and_kill(&mut calrelay).await;
        }
        google.no_faults().await;
        slow(&google, USUAL).await;
        let (since, began) = (Timestamp::now(), Instant::now());
        calrelay.worker(0).start().await;
        // Nothing else shows that all are done: of what the dead had in hand Google makes the events, too.
        all_succeeded(&caller, &ids, LIMIT * 2).await;
        let took = began.elapsed();
        let jobs = calrelay.workers()[0].process().metric("calrelay_jobs_finished_total").await;
        each_once(&google, &ids).await;
        let asked: Vec<_> = google.requests().await.into_iter().filter(|it| it.start >= since).collect();
        let asked: Vec<_> = asked.iter().filter(|it| it.method.starts_with("events.")).collect();
        let looks = asked.iter().filter(|it| it.method != INSERT).count();
        let mut stretches = vec![(0, 0); 1 + (took.as_secs() / STRETCH.as_secs()) as usize];
        for it in &asked {
            let at = it.start.duration_since(since).unsigned_abs().as_secs() / STRETCH.as_secs();
            let (inserts, looks) = &mut stretches[at as usize];
            *(if it.method == INSERT { inserts } else { looks }) += 1;
        }
        let share = |count: f64| count / took.as_secs_f64() / (PER_MINUTE / 60.0);
        let (of_requests, of_jobs) = (share(asked.len() as f64), share(jobs));
        eprintln!(
            "after {kills} deaths {jobs} jobs, {} requests, {looks} of them looks, in {took:?}: {:.1} % of the limit by \
             requests, {:.1} % by jobs; (inserts, looks) every 10 s {stretches:?}",
            asked.len(),
            of_requests * 100.0,
            of_jobs * 100.0
        );
        assert!(of_requests >= USED, "{of_requests}");
        // A job costs one request, and a look at most.
        let possible = jobs / (jobs + looks as f64);
        assert!(of_jobs >= USED * possible, "{of_jobs} of {possible}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn after_two_deaths_with_all_slots_taken_the_limit_is_used_up() {
        the_limit_is_used_up_after(2).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn after_three_deaths_with_all_slots_taken_the_limit_is_used_up() {
        the_limit_is_used_up_after(3).await;
    }
}
