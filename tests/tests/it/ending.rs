//! Events that are about to end, or have just ended: a throttle and an outage of seconds do not lose them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{Calrelay, Launch, eventually};

fn at(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

/// An event that ends so many seconds from now.
fn ending(seconds: i64, more: &Value) -> Value {
    let mut body = json!({
        "summary": "A call that was just made", "conference": false,
        "start": {"dateTime": at(seconds - 600)}, "end": {"dateTime": at(seconds)},
    });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

async fn ended(calrelay: &Calrelay, id: &str) -> Value {
    eventually("the job's end", Duration::from_secs(60), || async {
        let job = calrelay.job(id).await;
        (!job["finishedAt"].is_null()).then_some(job)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_ends_in_a_second_outlives_a_throttle_and_an_outage() {
    let calrelay = Launch::new().unlimited().start().await;
    let sandbox = calrelay.sandbox();
    for (number, (fault, ends)) in [
        (json!({"reason": "rateLimitExceeded", "count": 1}), 1),
        (json!({"reason": "userRateLimitExceeded", "status": 403, "retryAfter": 3, "count": 1}), 2),
        (json!({"status": 503, "count": 2}), 1),
        (json!({"drop": "after", "count": 1}), 1),
        // It has ended: by the caller's clock, or by ours.
        (json!({"reason": "rateLimitExceeded", "count": 1}), -1),
        (json!({"reason": "rateLimitExceeded", "count": 1}), 0),
    ]
    .into_iter()
    .enumerate()
    {
        let mut fault = fault;
        fault["method"] = json!("events.insert");
        sandbox.fault(fault.clone()).await;
        let id =
            calrelay.submit(&ending(ends, &json!({})), &format!("call-{number}")).await.expect("accepted");
        let job = ended(&calrelay, &id).await;
        assert_eq!(job["state"], "succeeded", "{fault}: {job}");
        assert_eq!(sandbox.events().await[&id].inserts, 1, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_the_caller_sends_is_obeyed_as_it_is() {
    let calrelay = Launch::new().unlimited().start().await;
    // Nothing is written: what may have been is looked for long after the deadline.
    let throttled = json!({"method": "events.insert", "status": 429, "reason": "rateLimitExceeded"});
    calrelay.sandbox().fault(throttled).await;
    let body = ending(1, &json!({"notAfter": at(2)}));
    let id = calrelay.submit(&body, "two-seconds").await.expect("accepted");
    let job = ended(&calrelay, &id).await;
    assert_eq!(job["error"]["type"], "urn:calrelay:problem:expired", "{job}");
}
