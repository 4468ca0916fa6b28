//! Redis away, hanging, or emptied: jobs are accepted, done, and never denied.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::{Caller, Installation, Plan, all_succeeded, each_once, event, eventually, succeeded};

const LIMIT: Duration = Duration::from_secs(90);

/// Posts to every ingress under one key and answers the one job that all of them name.
async fn the_same_everywhere(calrelay: &Installation, caller: &Caller, key: &str) -> String {
    let mut ids = HashSet::new();
    for _ in calrelay.apis().iter().chain(calrelay.apis()) {
        let answer = caller.post(&event(key), Some(key)).await.unwrap();
        assert_eq!(answer.status, 202, "{key}: {answer:?}");
        ids.insert(answer.body["jobId"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 1, "{key}: {ids:?}");
    ids.into_iter().next().unwrap()
}

/// No accepted job is ever denied.
async fn none_is_denied(caller: &Caller, ids: &[String]) -> usize {
    let mut unknown = 0;
    for id in ids {
        let answer = caller.job(id).await.unwrap();
        assert_eq!(answer.status, 200, "{id}: {answer:?}");
        if answer.body["state"] == "unknown" {
            assert!(answer.body["detail"].as_str().is_some_and(|text| text.ends_with('.')), "{answer:?}");
            unknown += 1;
        }
    }
    unknown
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_jobs_are_accepted_once_and_done_and_their_records_come_back() {
    let calrelay = Plan::new(2, 2).unlimited().start().await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    let caller = calrelay.caller();
    let before = the_same_everywhere(&calrelay, &caller, "before").await;
    succeeded(&caller, &before, LIMIT).await;

    // It is gone, with all it knew.
    calrelay.redis().kill();
    let mut ids = vec![before.clone()];
    for number in 0..30 {
        ids.push(the_same_everywhere(&calrelay, &caller, &format!("during-{number}")).await);
        let unkeyed = caller.post(&event("unkeyed"), None).await.unwrap();
        assert_eq!(unkeyed.status, 202, "{unkeyed:?}");
        ids.push(unkeyed.body["jobId"].as_str().unwrap().to_owned());
    }
    // The same key, whose job was done before.
    assert_eq!(the_same_everywhere(&calrelay, &caller, "before").await, before);
    // Both ingresses remember what they have accepted.
    for _ in calrelay.apis() {
        let other_body = caller.post(&event("another body"), Some("during-0")).await.unwrap();
        assert_eq!(other_body.status, 422, "{other_body:?}");
    }
    eventually("the events, without Redis", LIMIT, || async {
        let events = google.events().await;
        ids.iter().all(|id| events.contains_key(id)).then_some(())
    })
    .await;
    each_once(&google, &ids).await;

    calrelay.redis().start_again().await;
    // Nobody restarts anything. Records come back with what is in the queue, and nothing is denied.
    let back = Instant::now();
    eventually("both ingresses using Redis again", LIMIT, || async {
        for id in ids.iter().chain(&ids) {
            let answer = caller.job(id).await.unwrap();
            assert!([200, 503].contains(&answer.status.as_u16()), "{answer:?}");
            if answer.status == 503 {
                return None;
            }
        }
        Some(())
    })
    .await;
    println!("records can be read {} ms after Redis is back", back.elapsed().as_millis());
    none_is_denied(&caller, &ids).await;
    assert_eq!(the_same_everywhere(&calrelay, &caller, "before").await, before);
    for number in 0..30 {
        let again = the_same_everywhere(&calrelay, &caller, &format!("during-{number}")).await;
        assert!(ids.contains(&again));
    }
    all_succeeded(&caller, &ids, Duration::from_secs(240)).await;
    each_once(&google, &ids).await;
    nothing_is_left(&calrelay).await;
}

/// Waits until the queue is empty: a copy that met its twin at work waits until that must be over.
async fn nothing_is_left(calrelay: &Installation) {
    eventually("an empty queue", 2 * LIMIT, || async {
        (calrelay.vhost().messages().await.values().sum::<u64>() == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_redis_was_emptied_no_accepted_job_is_denied() {
    let calrelay = Plan::new(2, 2).unlimited().start().await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    let caller = calrelay.caller();
    let mut done = Vec::new();
    for number in 0..30 {
        let title = format!("done-{number}");
        done.push(caller.submit(&event(&title), &title, LIMIT).await.id);
    }
    all_succeeded(&caller, &done, LIMIT).await;
    // Jobs that are waiting, running, and not begun.
    google.fault(serde_json::json!({"method": "events.insert", "latencyMs": 3_000, "count": 40})).await;
    let mut waiting = Vec::new();
    for number in 0..40 {
        let title = format!("waiting-{number}");
        let mut event = event(&title);
        if number % 2 == 0 {
            let start = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(8);
            event["notBefore"] = Value::String(start.to_string());
        }
        waiting.push(caller.submit(&event, &title, LIMIT).await.id);
    }
    calrelay.redis().wipe();
    let began = Instant::now();
    let all: Vec<String> = done.iter().chain(&waiting).cloned().collect();
    let mut most_unknown = 0;
    while began.elapsed() < Duration::from_secs(10) {
        most_unknown = most_unknown.max(none_is_denied(&caller, &all).await);
    }
    assert!(most_unknown >= done.len(), "their records were really gone");
    all_succeeded(&caller, &waiting, Duration::from_secs(240)).await;
    println!(
        "{most_unknown} of {} were unknown for a while; {} came back by themselves",
        all.len(),
        waiting.len()
    );
    // An answered key stays answered: asked again, it names the same job, whose event is found.
    for number in 0..30 {
        let title = format!("done-{number}");
        assert!(done.contains(&caller.submit(&event(&title), &title, LIMIT).await.id));
    }
    all_succeeded(&caller, &all, LIMIT).await;
    each_once(&google, &all).await;
    let never = caller.job("0123456789abcdefghijklmnop").await.unwrap();
    assert_eq!(
        (never.status.as_u16(), &never.body["state"]),
        (200, &Value::from("unknown")),
        "nobody can know"
    );
}

/// The same event as [`event`] makes, in other words.
fn in_other_words(title: &str) -> Value {
    serde_json::json!({
        "summary": title, "conference": false, "attendees": [],
        "start": {"dateTime": "2027-03-01T09:00:00+00:00"}, "end": {"dateTime": "2027-03-01T10:00:00+00:00"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn another_body_under_a_key_whose_record_redis_lost_makes_no_second_event_and_is_kept_and_told() {
    let mut calrelay = Plan::new(1, 1).unlimited().start().await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    calrelay.worker(0).terminate().await;
    let caller = calrelay.caller();
    // Its message comes after that of the second request.
    let mut late = event("late");
    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(20);
    late["notBefore"] = Value::String(start.to_string());
    let cases = [
        ("other", event("first"), event("second"), "second"),
        ("late", late, event("early"), "early"),
        ("same", event("same"), event("same"), "same"),
        ("reworded", event("reworded"), in_other_words("reworded"), "reworded"),
    ];
    let mut ids = Vec::new();
    for (key, first, ..) in &cases {
        ids.push(caller.submit(first, key, LIMIT).await.id);
    }
    calrelay.redis().wipe();
    for ((key, _, second, _), id) in cases.iter().zip(&ids) {
        assert_eq!(caller.submit(second, key, LIMIT).await.id, *id, "{key}");
    }
    calrelay.worker(0).start().await;
    all_succeeded(&caller, &ids, LIMIT).await;
    let told = "was accepted twice, with different bodies under one key";
    eventually("both first requests to be told of", LIMIT, || async {
        (calrelay.workers()[0].said().matches(told).count() == 2).then_some(())
    })
    .await;
    each_once(&google, &ids).await;
    let events = google.events().await;
    for ((key, .., title), id) in cases.iter().zip(&ids) {
        assert_eq!(events[id].event["summary"], *title, "{key}");
    }
    let letters = calrelay.setup().run(&["jobs", "restore", "--dry-run"]);
    assert_eq!(letters.matches("idempotency-key-reused").count(), 2, "{letters}");
    // They are of use to nobody while the other request has the job, and are not lost.
    let left = calrelay.setup().run(&["jobs", "restore"]);
    assert_eq!(left.matches("another request under its key has the job").count(), 2, "{left}");
    all_succeeded(&caller, &ids, LIMIT).await;
    each_once(&google, &ids).await;
    assert_eq!(calrelay.workers()[0].said().matches(told).count(), 2, "each is told of once");
    // A copy that met its twin at work waits until that must be over.
    eventually("nothing but the dead letters", LIMIT, || async {
        let left: u64 = calrelay.vhost().messages().await.values().sum();
        (left == 2).then_some(())
    })
    .await;
    each_once(&google, &ids).await;
    calrelay.vhost().leaves("calrelay.dead", 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_hangs_jobs_are_accepted_and_done_and_charged_with_no_attempt() {
    const ROUNDS: usize = 3;
    let calrelay = Plan::new(2, 2).unlimited().start().await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    // Whenever it begins to hang some jobs have their write under way.
    google.fault(serde_json::json!({"method": "events.insert", "latencyMs": 400})).await;
    let caller = calrelay.caller();
    let mut ids = Vec::new();
    for round in 0..ROUNDS {
        for (hangs, span) in [(false, Duration::from_secs(2)), (true, Duration::from_secs(8))] {
            if hangs {
                calrelay.redis().freeze();
            }
            let (began, mut number) = (Instant::now(), 0);
            while began.elapsed() < span {
                let key = format!("{round}-{hangs}-{number}");
                let posted = caller.post(&event(&key), Some(&key)).await.unwrap();
                assert_eq!(posted.status, 202, "{key}: {posted:?}");
                ids.push(posted.body["jobId"].as_str().unwrap().to_owned());
                number += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        // Those that came meanwhile are done before it answers again.
        eventually("the events, while Redis hangs", LIMIT, || async {
            let events = google.events().await;
            ids.iter().all(|id| events.contains_key(id)).then_some(())
        })
        .await;
        calrelay.redis().thaw();
    }
    all_succeeded(&caller, &ids, Duration::from_secs(240)).await;
    each_once(&google, &ids).await;
    for id in &ids {
        let job = caller.job(id).await.unwrap().body;
        assert_eq!(job["attempts"], 0, "{job}");
    }
}
