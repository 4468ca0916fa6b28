//! The sandbox Google, seen through its controls.

use std::collections::HashMap;

use crate::Request;
use serde_json::{Value, json};

/// Talks to a sandbox's `/_sandbox/` routes.
pub struct SandboxView {
    url: String,
    http: reqwest::Client,
}

/// An event as the sandbox stores it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Google's resource.
    pub event: Value,
    /// How often an insert of this id took effect.
    pub inserts: u64,
}

impl SandboxView {
    /// A view of the sandbox at `url`.
    #[must_use]
    pub fn new(url: String) -> Self {
        Self { url, http: reqwest::Client::builder().no_proxy().build().expect("a client") }
    }

    /// A URL of the sandbox.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Posts to a control.
    pub async fn control(&self, path: &str, body: &Value) -> Value {
        let reply = self.http.post(self.url(path)).json(body).send().await.expect("the sandbox answers");
        let status = reply.status();
        let text = reply.text().await.expect("text");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Reads a control.
    pub async fn read(&self, path: &str) -> Value {
        self.http.get(self.url(path)).send().await.expect("the sandbox answers").json().await.expect("JSON")
    }

    /// Injects a fault.
    pub async fn fault(&self, fault: Value) {
        self.control("/_sandbox/faults", &fault).await;
    }

    /// Ends every fault.
    pub async fn no_faults(&self) {
        let reply = self.http.delete(self.url("/_sandbox/faults")).send().await.expect("the sandbox answers");
        assert!(reply.status().is_success());
    }

    /// Lifts every quota.
    pub async fn no_quotas(&self) {
        let lots = 100_000_000;
        self.control(
            "/_sandbox/quota",
            &json!({"projectPerMinute": lots, "userPerMinute": lots, "calendarPerSecond": lots}),
        )
        .await;
    }

    /// What was asked so far, in the order of the answers.
    ///
    /// # Panics
    /// When the sandbox does not answer.
    pub async fn requests(&self) -> Vec<Request> {
        let all = self.read("/_sandbox/requests").await;
        all["requests"].as_array().expect("a list").iter().map(Request::read).collect()
    }

    /// Everything stored, by event id: tombstones too.
    ///
    /// # Panics
    /// When one id stands in two calendars.
    pub async fn events(&self) -> HashMap<String, Stored> {
        let all = self.read("/_sandbox/events").await;
        let mut events = HashMap::new();
        for event in all["events"].as_array().expect("a list") {
            let id = event["id"].as_str().expect("an id");
            let inserts = event["insertCount"].as_u64().expect("a count");
            let twin = events.insert(id.to_owned(), Stored { event: event.clone(), inserts });
            assert!(twin.is_none(), "the event {id} stands in two calendars");
        }
        events
    }
}
