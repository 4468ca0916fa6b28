//! A trace on its way from an ingress over the broker to a worker.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lapin::options::BasicGetOptions;
use lapin::types::AMQPValue;
use lapin::{Connection, ConnectionProperties};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Installation, Plan, event, eventually, json_lines, outcomes};

const LIMIT: Duration = Duration::from_secs(60);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn traced(calrelay: &Installation, event: &Value) -> String {
    let request = calrelay.caller().request(Method::POST, "/api/v1/events").json(event);
    let reply =
        request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01")).send().await.unwrap();
    assert_eq!(reply.status(), 202);
    reply.json::<Value>().await.unwrap()["jobId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_s_trace_is_in_the_worker_s_line_after_a_deferral_through_a_tier() {
    let calrelay = Plan::new(1, 1).with("LOG_FORMAT", "json").start().await;
    let throttled =
        json!({"method": "events.insert", "status": 429, "reason": "rateLimitExceeded", "count": 1});
    calrelay.sandbox().view().fault(throttled).await;
    let id = traced(&calrelay, &event("traced")).await;
    let worker = &calrelay.workers()[0];
    let line =
        eventually("the line of its end", LIMIT, || async { outcomes(&worker.said(), &id).pop() }).await;
    assert_eq!((&line["job.outcome"], &line["trace_id"]), (&json!("succeeded"), &json!(TRACE)));
    assert!(line["job.deferrals"].as_u64() >= Some(1), "{line}");

    let mut later = event("later");
    later["notBefore"] = json!((Timestamp::now() + SignedDuration::from_mins(90)).to_string());
    traced(&calrelay, &later).await;
    let connection =
        Connection::connect(&calrelay.vhost().url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let take = || channel.basic_get("calrelay.delay.1h".into(), BasicGetOptions { no_ack: true });
    let waiting = eventually("its message", LIMIT, || async { take().await.unwrap() }).await;
    let headers = waiting.delivery.properties.headers().as_ref().unwrap().inner().clone();
    let Some(AMQPValue::LongString(traceparent)) = headers.get("traceparent") else {
        panic!("there is no traceparent in {headers:?}");
    };
    let traceparent = traceparent.to_string();
    assert!(
        traceparent.starts_with(&format!("00-{TRACE}-")) && traceparent.ends_with("-01"),
        "{traceparent}"
    );
    assert!(!traceparent.contains("00f067aa0ba902b7"), "the span is the ingress's");

    for member in calrelay.members() {
        let said = member.said();
        assert_eq!(json_lines(&said).len(), said.lines().count(), "a line is no JSON:\n{said}");
    }
}
