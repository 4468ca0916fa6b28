//! Jobs that cannot be done now, may wait, or were taken back make no job wait that can be done: on the embedded
//! adapters.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Calrelay, Launch, event_with, eventually};

const MANY: usize = 400;
const LIMIT: Duration = Duration::from_secs(60);

fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

fn event(more: &Value) -> Value {
    event_with("Whose turn it is", more)
}

async fn started() -> Calrelay {
    Launch::new().with("DEV_NO_AUTH", 1).with("RATE_LIMIT", "1000000/1m").start().await
}

async fn accepted(calrelay: &Calrelay, more: &Value) -> Value {
    let reply = calrelay.post("/api/v1/events", &event(more)).send().await.expect("an answer");
    assert_eq!(reply.status().as_u16(), 202);
    reply.json().await.expect("JSON")
}

fn id(accepted: &Value) -> String {
    accepted["jobId"].as_str().expect("an id").to_owned()
}

async fn post_many(calrelay: &Calrelay, more: &Value) -> Vec<String> {
    stream::iter(0..MANY)
        .map(|_| async { id(&accepted(calrelay, more).await) })
        .buffer_unordered(16)
        .collect()
        .await
}

/// How long a job for now takes, from its acceptance to its end.
async fn one_for_now(calrelay: &Calrelay, more: &Value) -> Duration {
    let accepted = accepted(calrelay, more).await;
    assert_eq!(accepted["warnings"], json!([]));
    let id = id(&accepted);
    let job = eventually("a job for now", LIMIT, || async {
        let job = calrelay.job(&id).await;
        assert_ne!(job["state"], "failed", "{job}");
        (job["state"] == "succeeded").then_some(job)
    })
    .await;
    let at = |name: &str| job[name].as_str().expect("a text").parse::<Timestamp>().expect("an instant");
    at("finishedAt").duration_since(at("submittedAt")).unsigned_abs()
}

/// Fails unless a job for now takes at most two seconds longer than it did before `others` came.
async fn holds_up_nobody<F: Future<Output = ()>>(
    calrelay: &Calrelay,
    what: &str,
    now: &Value,
    others: impl FnOnce() -> F,
) {
    // The first job also fetches a token.
    one_for_now(calrelay, &json!({})).await;
    let empty = one_for_now(calrelay, &json!({})).await;
    others().await;
    let took = one_for_now(calrelay, now).await;
    assert!(took <= empty + Duration::from_secs(2), "{took:?} behind {MANY} {what}, and {empty:?} alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_for_later_hold_up_nobody_not_even_an_event_that_is_over_in_half_a_minute() {
    let calrelay = started().await;
    let later = json!({"conference": true, "notBefore": in_seconds(30 * 86_400)});
    let over = json!({
        "start": {"dateTime": in_seconds(5)}, "end": {"dateTime": in_seconds(30)}, "notAfter": in_seconds(30),
    });
    holds_up_nobody(&calrelay, "for later", &over, || async { drop(post_many(&calrelay, &later).await) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_jobs_hold_up_nobody() {
    let calrelay = started().await;
    let bulk = json!({"conference": true, "priority": "bulk"});
    holds_up_nobody(&calrelay, "bulk ones", &json!({}), || async { drop(post_many(&calrelay, &bulk).await) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_jobs_hold_up_nobody() {
    let calrelay = started().await;
    let others = || async {
        let ids = post_many(&calrelay, &json!({"conference": true})).await;
        stream::iter(&ids)
            .for_each_concurrent(16, |id| {
                let path = format!("/api/v1/jobs/{id}");
                let calrelay = &calrelay;
                async move {
                    let status = calrelay.delete(&path).send().await.expect("an answer").status().as_u16();
                    assert!([200, 202, 409].contains(&status), "{status}");
                }
            })
            .await;
    };
    holds_up_nobody(&calrelay, "that were cancelled", &json!({}), others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_whose_turn_is_beyond_their_deadline_say_so_and_hold_up_nobody() {
    let calrelay = started().await;
    one_for_now(&calrelay, &json!({})).await;
    let deadline = json!({"conference": true, "notAfter": in_seconds(10)});
    let told = stream::iter(0..MANY)
        .map(|_| async { accepted(&calrelay, &deadline).await["warnings"][0]["code"] == "late" })
        .buffer_unordered(16)
        .filter(|told| std::future::ready(*told))
        .count()
        .await;
    // Two requests each, ten a second: about fifty have their turn in time.
    assert!((300..=375).contains(&told), "{told} were told");
    // Those that have their turn in time stand before it, and nobody else does: in all it would be eighty seconds.
    let took = one_for_now(&calrelay, &json!({})).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
}
