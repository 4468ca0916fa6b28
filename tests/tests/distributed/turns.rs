//! Jobs that cannot be done now, may wait, or were taken back make no job wait that can be done.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{MANY, Plan, cancel_many, connect, event_of, event_with, in_seconds, one_for_now, post_many};

/// One of an account's many: with a conference, which takes two requests.
fn one_of_many(account: &str, mut more: Value) -> Value {
    more["account"] = json!(account);
    more["conference"] = json!(true);
    event_with("One of many", &more)
}

fn for_now(account: &str) -> Value {
    event_of(account, "primary", "For now")
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_jobs_that_wait_or_are_taken_back_hold_up_nobody() {
    let calrelay = Plan::new(1, 1).with("DEV_NO_AUTH", 1).with("RATE_LIMIT", "1000000/1m").start().await;
    calrelay.vhost().leaves_anything();
    let caller = &calrelay.caller();
    for account in ["later", "bulk", "cancelled"] {
        connect(&calrelay, account, &format!("{account}@example.com"), &[]).await;
        // Its first job also fetches a token.
        one_for_now(caller, &for_now(account)).await;
    }
    let empty = one_for_now(caller, &for_now("later")).await;

    post_many(caller, &one_of_many("later", json!({"notBefore": in_seconds(30 * 86_400)}))).await;
    let later = one_for_now(caller, &for_now("later")).await;
    let soon_over = json!({
        "account": "later", "start": {"dateTime": in_seconds(5)}, "end": {"dateTime": in_seconds(30)},
        "notAfter": in_seconds(30),
    });
    let soon_over = one_for_now(caller, &event_with("For now", &soon_over)).await;

    let many = post_many(caller, &one_of_many("cancelled", json!({}))).await;
    cancel_many(caller, &many).await;
    let cancelled = one_for_now(caller, &for_now("cancelled")).await;

    post_many(caller, &one_of_many("bulk", json!({"priority": "bulk"}))).await;
    let bulk = one_for_now(caller, &for_now("bulk")).await;

    println!(
        "one job: {empty:?} in an empty installation, {later:?} behind {MANY} for later, {soon_over:?} for an event that \
         ends in 30 s, {cancelled:?} behind {MANY} that were cancelled, {bulk:?} behind {MANY} bulk ones"
    );
    for took in [later, soon_over, cancelled, bulk] {
        assert!(took <= empty + Duration::from_secs(2), "{took:?}, and {empty:?} alone");
    }
}
