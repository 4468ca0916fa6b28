//! Fills an installation: jobs in every state, accounts in every state, keys, and notices under way.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use super::CENTURY;
use crate::{Caller, Launch, SandboxView, eventually};

const SOON: Duration = Duration::from_secs(120);
/// The user of the account `default`, and the calendars that something happens in.
const USER: &str = "ada@example.com";
const CALENDARS: [&str; 6] = ["refusing", "failing", "lost", "unanswered", "disabled", "slow"];

/// What is filled.
pub struct Scene {
    /// Posts the jobs.
    pub caller: Caller,
    /// Runs commands.
    pub operator: Launch,
    /// Google, which has the calendars.
    pub google: SandboxView,
}

/// A job, and the request that made it.
pub struct Filled {
    /// What it is there for.
    pub name: &'static str,
    /// Its id.
    pub id: String,
    /// What was posted, under [`Self::name`] as its key.
    pub body: Value,
}

/// The calendar of [`CALENDARS`] that is called so.
pub(super) fn calendar(name: &str) -> String {
    format!("{name}@group.example.com")
}

impl Scene {
    fn body(name: &str, extra: &Value) -> Value {
        let mut body = json!({
            "summary": format!("Job {name}"), "conference": false, "notAfter": CENTURY,
            "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
        });
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        body
    }

    async fn post(&self, name: &'static str, extra: Value) -> Filled {
        let body = Self::body(name, &extra);
        let id = self.caller.submit(&body, name, SOON).await.id;
        Filled { name, id, body }
    }

    async fn in_calendar(&self, name: &'static str, of: &str) -> Filled {
        self.post(name, json!({"calendarId": calendar(of)})).await
    }

    async fn until(&self, job: &Filled, what: &str, is: impl Fn(&Value) -> bool) {
        eventually(&format!("the job {} to be {what}", job.name), SOON, || async {
            let record = self.caller.job(&job.id).await.ok()?.body;
            is(&record).then_some(())
        })
        .await;
    }

    async fn until_state(&self, job: &Filled, state: &str) {
        self.until(job, state, |record| record["state"] == state).await;
    }

    async fn until_waiting_for(&self, job: &Filled, why: &str) {
        self.until(job, why, |record| record["waitingFor"] == why).await;
    }

    async fn until_blocked_by(&self, job: &Filled, why: &str) {
        self.until(job, why, |record| record["blockedBy"] == why).await;
    }

    async fn cancel(&self, job: &Filled, status: u16) {
        let answer = self.caller.cancel(&job.id).await.expect("an answer");
        assert_eq!(answer.status, status, "{}: {answer:?}", job.name);
    }

    /// Calendars in which something happens, for as long as this sandbox runs.
    async fn troubles(&self) {
        let calendars: Vec<String> = CALENDARS.iter().map(|name| calendar(name)).collect();
        self.google.control(&format!("/_sandbox/users/{USER}"), &json!({"calendars": calendars})).await;
        for (of, fault) in [
            ("refusing", json!({"method": "events.insert", "status": 400, "reason": "invalid"})),
            ("failing", json!({"method": "events.*", "status": 503})),
            ("lost", json!({"method": "events.insert", "drop": "after"})),
            ("lost", json!({"method": "events.get", "status": 503})),
            ("unanswered", json!({"method": "events.insert", "drop": "after"})),
            ("unanswered", json!({"method": "events.get", "status": 503})),
            ("disabled", json!({"method": "events.*", "status": 403, "reason": "accessNotConfigured"})),
            ("slow", json!({"method": "events.*", "latencyMs": 100_000})),
        ] {
            let mut fault = fault;
            fault["calendar"] = json!(calendar(of));
            self.google.fault(fault).await;
        }
        let busy = "busy@example.com";
        let throttled = json!({"method": "events.insert", "user": busy, "status": 403, "reason": "rateLimitExceeded", "retryAfter": 240});
        self.google.fault(throttled).await;
        let limited = json!({"method": "events.insert", "user": "guests@example.com", "status": 403, "reason": "quotaExceeded"});
        self.google.fault(limited).await;
    }

    /// What has ended.
    async fn ended(&self) -> Vec<Filled> {
        let done = self.post("done", json!({})).await;
        let met = self.post("met", json!({"conference": true})).await;
        let refused = self.in_calendar("refused", "refusing").await;
        let again = self.in_calendar("again", "refusing").await;
        let missing = self.post("missing", json!({"calendarId": calendar("missing")})).await;
        let cancelled = self.post("cancelled", json!({"notBefore": "2100-01-01T00:00:00Z"})).await;
        let soon = (Timestamp::now() + SignedDuration::from_secs(8)).to_string();
        let late = json!({"calendarId": calendar("disabled"), "notAfter": soon});
        let expired = self.post("expired", late).await;
        self.cancel(&cancelled, 200).await;
        self.until_state(&done, "succeeded").await;
        self.until(&met, "met", |record| record["result"]["meetLink"].is_string()).await;
        for job in [&refused, &again, &missing, &expired] {
            self.until_state(job, "failed").await;
        }
        vec![done, met, refused, again, missing, cancelled, expired]
    }

    /// What comes back by itself, or when somebody has done something.
    async fn waiting(&self) -> Vec<Filled> {
        let throttled = self.post("throttled", json!({"account": "busy"})).await;
        let failing = self.in_calendar("failing", "failing").await;
        let lost = self.in_calendar("lost", "lost").await;
        let cancelling = self.in_calendar("cancelling", "unanswered").await;
        let disabled = self.in_calendar("disabled", "disabled").await;
        let away = self.post("away", json!({"account": "away"})).await;
        let guests = json!({"account": "guests", "attendees": [{"email": "grace@elsewhere.example"}]});
        let guests = self.post("guests", guests).await;
        self.until_waiting_for(&throttled, "quota").await;
        self.until_waiting_for(&disabled, "operator").await;
        self.until_blocked_by(&away, "reauthorization").await;
        self.until_blocked_by(&guests, "calendarLimits").await;
        let tried =
            |record: &Value| record["attempts"].as_u64() >= Some(2) && record["waitingFor"] == "retry";
        for job in [&failing, &lost, &cancelling] {
            self.until(job, "tried", tried).await;
        }
        self.cancel(&cancelling, 202).await;
        vec![throttled, failing, lost, cancelling, disabled, away, guests]
    }
}

/// Fills the installation, whose accounts `busy`, `away`, `guests`, `gone` and `erased` are connected to users of
/// these names; `stop` makes sure that its worker begins nothing more, and lets it end nothing that it has begun.
///
/// # Panics
/// When it does not work as it should.
pub async fn fill(scene: &Scene, stop: impl AsyncFnOnce()) -> Vec<Filled> {
    scene.troubles().await;
    scene.google.control("/_sandbox/users/away@example.com", &json!({"revoked": true})).await;
    let _ = scene.operator.run(&["accounts", "revoke", "gone"]);
    let _ = scene.operator.run(&["accounts", "erase", "erased"]);
    let mut jobs = scene.ended().await;
    jobs.extend(scene.waiting().await);
    jobs.push(scene.post("far", json!({"notBefore": "2100-01-01T00:00:00Z"})).await);
    let later = (Timestamp::now() + SignedDuration::from_secs(150)).to_string();
    jobs.push(scene.post("later", json!({"notBefore": later})).await);
    let running = scene.in_calendar("running", "slow").await;
    scene.until_state(&running, "running").await;
    stop().await;
    jobs.push(running);
    jobs.push(scene.post("fresh", json!({})).await);
    jobs.push(scene.post("bulk", json!({"priority": "bulk", "conference": true})).await);
    let again = jobs.iter().find(|job| job.name == "again").expect("it is there");
    let _ = scene.operator.run(&["jobs", "replay", &again.id]);
    let accounts = scene.caller.request(Method::GET, "/api/v1/accounts").send().await.expect("an answer");
    assert_eq!(accounts.status(), 200);
    jobs
}
