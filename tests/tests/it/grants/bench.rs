//! The real program with its sandbox, a receiver of webhooks, and some jobs.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Calrelay, Launch, SandboxView, eventually};

use super::operator::{Operator, Page};
use crate::receiver::Receiver;

/// Whose calendar it is.
pub const USER: &str = "ada@example.com";
pub const LIMIT: Duration = Duration::from_secs(60);

pub struct Bench {
    pub calrelay: Calrelay,
    pub google: SandboxView,
    pub receiver: Receiver,
}

impl Bench {
    pub async fn start() -> Self {
        Self::of(Launch::new()).await
    }

    pub async fn of(launch: Launch) -> Self {
        let receiver = Receiver::start();
        let calrelay = receiver.told_by(launch).start().await;
        let google = calrelay.sandbox();
        Self { calrelay, google, receiver }
    }

    /// What happens to the user.
    pub async fn user(&self, change: Value) {
        self.google.control(&format!("/_sandbox/users/{USER}"), &change).await;
    }

    pub async fn submit(&self, extra: &Value, key: &str) -> String {
        let mut event = json!({
            "summary": "Tea", "conference": false,
            "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
        });
        event.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        self.calrelay.submit(&event, key).await.expect("accepted")
    }

    /// Posts so many jobs at once.
    pub async fn jobs(&self, count: usize) -> Vec<String> {
        let (nothing, keys) =
            (json!({}), (0..count).map(|number| format!("job-{number}")).collect::<Vec<_>>());
        futures_util::future::join_all(keys.iter().map(|key| self.submit(&nothing, key))).await
    }

    /// The job, once it is in this state.
    pub async fn until(&self, id: &str, state: &str) -> Value {
        eventually(&format!("a job to be {state}"), LIMIT, || async {
            let job = self.calrelay.job(id).await;
            assert_ne!(job["state"], "failed", "{job}");
            (job["state"] == state).then_some(job)
        })
        .await
    }

    pub async fn succeeded(&self, ids: &[String]) {
        for id in ids {
            self.until(id, "succeeded").await;
        }
    }

    /// Fails unless exactly these events are there, each inserted once, and each success was told.
    pub async fn each_once(&self, ids: &[String]) {
        let events = self.google.events().await;
        assert_eq!(events.len(), ids.len());
        assert!(ids.iter().all(|id| events.get(id).is_some_and(|stored| stored.inserts == 1)), "{events:?}");
        let told = || async { (self.receiver.of_kind("job.succeeded").len() == ids.len()).then_some(()) };
        eventually("every success to be told", LIMIT, told).await;
    }

    /// `GET /api/v1/accounts/default`.
    pub async fn account(&self) -> Value {
        let reply = self.calrelay.get("/api/v1/accounts/default").send().await.expect("an answer");
        reply.json().await.expect("JSON")
    }

    pub async fn setup_page(&self) -> String {
        Operator::sign_in(&self.calrelay).await.setup_page().await
    }

    /// Connects the account through the setup page; answers what this ends on.
    pub async fn connect(&self) -> Page {
        Operator::sign_in(&self.calrelay).await.connect(&self.google, USER).await
    }

    pub async fn reconnect(&self) {
        let page = self.connect().await;
        assert_eq!(page.status, 303, "{}", page.text);
    }

    /// How often Google was asked for this.
    pub async fn asked(&self, method: &str) -> usize {
        self.google.requests().await.iter().filter(|request| request.method == method).count()
    }

    /// Notices about the account, once there are so many.
    pub async fn notices(&self, count: usize) -> Vec<Value> {
        let kind = "account.needs_reauthorization";
        eventually("notices about the account", LIMIT, || async {
            let told = self.receiver.of_kind(kind);
            (told.len() >= count).then_some(told)
        })
        .await
    }
}
