//! Jobs that cannot be done now, may wait, or were taken back make no job wait that can be done: on the embedded
//! adapters.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Caller, Launch, MANY, cancel_many, event_with, in_seconds, one_for_now, post_many};

fn event(more: &Value) -> Value {
    event_with("Whose turn it is", more)
}

/// A server, with somebody who uses it.
async fn started() -> (tests::Calrelay, Caller) {
    let calrelay = Launch::new().with("DEV_NO_AUTH", 1).with("RATE_LIMIT", "1000000/1m").start().await;
    let caller = calrelay.launch().caller();
    (calrelay, caller)
}

/// Fails unless a job for now takes at most two seconds longer than it did before `others` came.
async fn holds_up_nobody<F: Future<Output = ()>>(
    caller: &Caller,
    what: &str,
    now: &Value,
    others: impl FnOnce() -> F,
) {
    // The first job also fetches a token.
    one_for_now(caller, &event(&json!({}))).await;
    let empty = one_for_now(caller, &event(&json!({}))).await;
    others().await;
    let took = one_for_now(caller, &event(now)).await;
    assert!(took <= empty + Duration::from_secs(2), "{took:?} behind {MANY} {what}, and {empty:?} alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_for_later_hold_up_nobody_not_even_an_event_that_is_over_in_half_a_minute() {
    let (_calrelay, caller) = started().await;
    let later = json!({"conference": true, "notBefore": in_seconds(30 * 86_400)});
    let over = json!({
        "start": {"dateTime": in_seconds(5)}, "end": {"dateTime": in_seconds(30)}, "notAfter": in_seconds(30),
    });
    holds_up_nobody(&caller, "for later", &over, || async { drop(post_many(&caller, &event(&later)).await) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_jobs_hold_up_nobody() {
    let (_calrelay, caller) = started().await;
    let bulk = json!({"conference": true, "priority": "bulk"});
    holds_up_nobody(&caller, "bulk ones", &json!({}), || async {
        drop(post_many(&caller, &event(&bulk)).await)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_jobs_hold_up_nobody() {
    let (_calrelay, caller) = started().await;
    let others = || async {
        let many = post_many(&caller, &event(&json!({"conference": true}))).await;
        cancel_many(&caller, &many).await;
    };
    holds_up_nobody(&caller, "that were cancelled", &json!({}), others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_whose_turn_is_beyond_their_deadline_say_so_and_hold_up_nobody() {
    let (_calrelay, caller) = started().await;
    one_for_now(&caller, &event(&json!({}))).await;
    let deadline = json!({"conference": true, "notAfter": in_seconds(10)});
    let many = post_many(&caller, &event(&deadline)).await;
    let told = many.iter().filter(|accepted| accepted["warnings"][0]["code"] == "late").count();
    // Two requests each, ten a second: about fifty have their turn in time.
    assert!((300..=375).contains(&told), "{told} were told");
    // Those that have their turn in time stand before it, and nobody else does: in all it would be eighty seconds.
    let took = one_for_now(&caller, &event(&json!({}))).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
}
