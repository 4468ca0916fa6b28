//! Webhooks from the real program.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Launch, eventually};

use crate::receiver::Receiver;

/// Everything but when it was last touched: a notice is published before the record is written.
fn but_for_the_moment(told: &Value) -> Value {
    let mut told = told.clone();
    for field in ["updatedAt", "finishedAt"] {
        told[field] = json!(told[field].is_string());
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_has_the_jobs_record_as_it_is_read() {
    let receiver = Receiver::start();
    let calrelay = receiver.told_by(Launch::new()).start().await;
    let good = json!({
        "summary": "Told", "conference": false,
        "start": {"dateTime": "2030-01-07T09:00:00Z"}, "end": {"dateTime": "2030-01-07T10:00:00Z"},
    });
    let mut bad = good.clone();
    bad["calendarId"] = json!("nowhere@example.com");
    for (kind, body) in [("job.succeeded", good), ("job.failed", bad)] {
        let id = calrelay.submit(&body, kind).await.expect("a job");
        let told = eventually(kind, Duration::from_secs(120), || async {
            let mut told = receiver.of_kind(kind).into_iter();
            told.find(|body| body["data"]["jobId"] == id.as_str()).map(|body| body["data"].clone())
        })
        .await;
        let record = eventually("its record", Duration::from_secs(30), || async {
            let record = calrelay.job(&id).await;
            (record["finishedAt"].is_string()).then_some(record)
        })
        .await;
        assert_eq!(but_for_the_moment(&told), but_for_the_moment(&record), "{kind}");
    }
}
