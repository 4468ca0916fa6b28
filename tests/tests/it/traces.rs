//! From a caller's request to the end of its job, in the logs.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Calrelay, Launch, event, eventually, json_lines, outcomes};

const LIMIT: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Posts an event with this `traceparent`.
async fn traced(calrelay: &Calrelay, traceparent: &str) -> String {
    let reply = calrelay
        .post("/api/v1/events", &event("Wedding in the orangery"))
        .header("traceparent", traceparent)
        .send()
        .await;
    let reply: Value = reply.expect("an answer").json().await.expect("JSON");
    reply["jobId"].as_str().expect("it is accepted, whatever the header says").to_owned()
}

/// The `ends`th line that tells of the job's end.
async fn outcome(calrelay: &Calrelay, id: &str, ends: usize) -> Value {
    eventually("the line of its end", LIMIT, || async {
        outcomes(&calrelay.log(), id).get(ends - 1).cloned()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_s_outcome_is_one_line_with_the_trace_of_its_caller_over_retries_and_replays() {
    let calrelay = Launch::new().with("LOG_FORMAT", "json").start().await;
    let fault = |status: u16| json!({"method": "events.insert", "status": status, "count": 1});
    calrelay.sandbox().fault(fault(503)).await;
    calrelay.sandbox().fault(fault(400)).await;
    // The faults come one after the other: a retry, and then an end.
    let id = traced(&calrelay, &format!("00-{TRACE}-00f067aa0ba902b7-01")).await;
    let failed = outcome(&calrelay, &id, 1).await;
    let told: Vec<&Value> =
        ["trace_id", "account.id", "job.outcome", "error.type"].map(|name| &failed[name]).into();
    assert_eq!(told, [TRACE, "default", "failed", "refused"]);
    let counted = (failed["job.attempts"].as_u64(), failed["job.deferrals"].as_u64());
    assert_eq!(counted, (Some(1), Some(0)), "{failed}");
    assert!(failed["job.duration_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{failed}");
    let retried: Vec<Value> = json_lines(&calrelay.log())
        .into_iter()
        .filter(|line| line["level"] == "WARN" && line["job.id"] == *id)
        .collect();
    assert!(!retried.is_empty() && retried.iter().all(|line| line["trace_id"] == TRACE), "{retried:?}");

    let _ = calrelay.launch().run(&["jobs", "replay", &id]);
    let replayed = outcome(&calrelay, &id, 2).await;
    assert_eq!((&replayed["job.outcome"], &replayed["trace_id"]), (&json!("succeeded"), &json!(TRACE)));
    assert_eq!(replayed.get("error.type"), None, "{replayed}");
    assert_eq!(outcomes(&calrelay.log(), &id).len(), 2);
    assert!(!calrelay.log().contains("orangery"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_its_caller_takes_back_has_its_line_with_its_own_trace() {
    let calrelay = Launch::new().with("LOG_FORMAT", "json").start().await;
    let mut later = event("Wedding in the orangery");
    later["notBefore"] = json!((jiff::Timestamp::now() + Duration::from_secs(3_600)).to_string());
    let reply = calrelay
        .post("/api/v1/events", &later)
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-00"))
        .send()
        .await
        .expect("an answer");
    let id = reply.json::<Value>().await.expect("JSON")["jobId"].as_str().expect("an id").to_owned();
    let other = format!("00-{}-00f067aa0ba902b7-01", TRACE.replace('4', "5"));
    let taken_back = calrelay.delete(&format!("/api/v1/jobs/{id}")).header("traceparent", other).send().await;
    assert_eq!(taken_back.expect("an answer").status(), 200);
    let cancelled = outcome(&calrelay, &id, 1).await;
    assert_eq!((&cancelled["job.outcome"], &cancelled["trace_id"]), (&json!("cancelled"), &json!(TRACE)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_traceparent_that_is_none_is_ignored_and_a_trace_begins() {
    let calrelay = Launch::new().with("LOG_FORMAT", "json").start().await;
    let mut traces = Vec::new();
    for given in [
        "",
        "nonsense",
        &format!("00-{TRACE}-0000000000000000-01"),
        &format!("ff-{TRACE}-00f067aa0ba902b7-01"),
    ] {
        let id = traced(&calrelay, given).await;
        let line = outcome(&calrelay, &id, 1).await;
        let trace = line["trace_id"].as_str().expect("a trace").to_owned();
        assert!(trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
        assert!(trace != TRACE && !traces.contains(&trace), "{given}: {line}");
        traces.push(trace);
    }
}
