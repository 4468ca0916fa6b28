//! What is told of a job, and what is logged of those who send nonsense.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Launch, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_no_error_of_ours() {
    let calrelay = Launch::new().start().await;
    let url = reqwest::Url::parse(&calrelay.url("/")).expect("a URL");
    let address = ("127.0.0.1", url.port().expect("a port"));
    for n in 0..20 {
        let mut connection = TcpStream::connect(address).await.expect("a connection");
        let nonsense = [
            "hello\r\n\r\n",
            "GET / HTTP/9.9\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        ];
        connection.write_all(nonsense[n % 3].as_bytes()).await.expect("it is heard");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), connection.read_to_end(&mut answer)).await;
        read.expect("an end").expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    }
    let (status, _, log) = calrelay.terminate().await;
    assert!(status.success());
    for said in ["ERROR", "parse error", "stream error"] {
        assert!(!log.contains(said), "{said}: {log}");
    }
}
