//! Jobs that cannot be done now, may wait, or were taken back make no job wait that can be done.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Caller, Plan, connect, event_of, succeeded};

const MANY: usize = 400;
const LIMIT: Duration = Duration::from_secs(60);

/// One of an account's many: with a conference, which takes two requests.
fn one_of_many(account: &str, more: &Value) -> Value {
    let mut event = event_of(account, "primary", "One of many");
    event["conference"] = json!(true);
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

async fn post_many(caller: &Caller, event: &Value) -> Vec<String> {
    stream::iter(0..MANY)
        .map(|_| async {
            let accepted = caller.post(event, None).await.unwrap();
            assert_eq!(accepted.status, 202, "{accepted:?}");
            accepted.body["jobId"].as_str().unwrap().to_owned()
        })
        .buffer_unordered(16)
        .collect()
        .await
}

/// How long a job for now takes, from its acceptance to its end.
async fn one_for_now(caller: &Caller, account: &str, more: &Value) -> Duration {
    let mut event = event_of(account, "primary", "For now");
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let accepted = caller.post(&event, None).await.unwrap();
    assert_eq!((accepted.status.as_u16(), &accepted.body["warnings"]), (202, &json!([])), "{accepted:?}");
    let job = succeeded(caller, accepted.body["jobId"].as_str().unwrap(), LIMIT).await;
    let at = |name: &str| job[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    at("finishedAt").duration_since(at("submittedAt")).unsigned_abs()
}

fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_jobs_that_wait_or_are_taken_back_hold_up_nobody() {
    let calrelay = Plan::new(1, 1).with("DEV_NO_AUTH", 1).with("RATE_LIMIT", "1000000/1m").start().await;
    calrelay.vhost().leaves_anything();
    let caller = &calrelay.caller();
    for account in ["later", "bulk", "cancelled"] {
        connect(&calrelay, account, &format!("{account}@example.com"), &[]).await;
        // Its first job also fetches a token.
        one_for_now(caller, account, &json!({})).await;
    }
    let empty = one_for_now(caller, "later", &json!({})).await;

    post_many(caller, &one_of_many("later", &json!({"notBefore": in_seconds(30 * 86_400)}))).await;
    let later = one_for_now(caller, "later", &json!({})).await;
    let soon_over = json!({
        "start": {"dateTime": in_seconds(5)}, "end": {"dateTime": in_seconds(30)}, "notAfter": in_seconds(30),
    });
    let soon_over = one_for_now(caller, "later", &soon_over).await;

    let many = post_many(caller, &one_of_many("cancelled", &json!({}))).await;
    stream::iter(&many)
        .for_each_concurrent(16, |id| async move {
            let answer = caller.cancel(id).await.unwrap();
            assert!([200, 202, 409].contains(&answer.status.as_u16()), "{answer:?}");
        })
        .await;
    let cancelled = one_for_now(caller, "cancelled", &json!({})).await;

    post_many(caller, &one_of_many("bulk", &json!({"priority": "bulk"}))).await;
    let bulk = one_for_now(caller, "bulk", &json!({})).await;

    println!(
        "one job: {empty:?} in an empty installation, {later:?} behind {MANY} for later, {soon_over:?} for an event that \
         ends in 30 s, {cancelled:?} behind {MANY} that were cancelled, {bulk:?} behind {MANY} bulk ones"
    );
    for took in [later, soon_over, cancelled, bulk] {
        assert!(took <= empty + Duration::from_secs(2), "{took:?}, and {empty:?} alone");
    }
}
