//! What has to become of an installation that was taken over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::fill::{Filled, calendar};
use super::fixture;
use crate::{Caller, Launch, SandboxView, eventually};

const LIMIT: Duration = Duration::from_secs(180);
/// Jobs that have ended, and stay as they are.
const ENDED: [&str; 6] = ["done", "met", "refused", "missing", "cancelled", "expired"];
/// Jobs that succeed without anybody doing anything.
const OPEN: [&str; 10] =
    ["throttled", "failing", "lost", "disabled", "guests", "later", "running", "fresh", "bulk", "again"];
/// What an operator sees beside what the caller sees.
const OPERATORS: [&str; 3] = ["owner", "crashes", "hop"];

/// What is known of what was stored.
pub struct Fixture(Value);

impl Fixture {
    /// Writes down the jobs of an installation that `operator`'s commands reach, the keys to it, and the port of its
    /// sandbox.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn keep(name: &str, jobs: &[Filled], operator: &Launch, keys: &[(&str, String)], port: u16) {
        let line = |Filled { name, id, body }: &Filled| {
            json!({"name": name, "id": id, "body": body, "record": shown(operator, id)}).to_string()
        };
        let jobs: Vec<String> = jobs.iter().map(line).collect();
        let keys: BTreeMap<&str, &String> = keys.iter().map(|(name, key)| (*name, key)).collect();
        let (keys, jobs) = (json!(keys), jobs.join(",\n"));
        let text = format!("{{\"sandboxPort\":{port},\n\"keys\":{keys},\n\"jobs\":[\n{jobs}\n]}}\n");
        std::fs::write(fixture(name), text).expect("it is written");
    }

    /// Reads that.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(fixture(name)).expect("the fixture");
        Self(serde_json::from_str(&text).expect("JSON"))
    }

    /// A key to it.
    ///
    /// # Panics
    /// When there is none of this name.
    #[must_use]
    pub fn key(&self, name: &str) -> &str {
        self.0["keys"][name].as_str().expect("a key")
    }

    /// The port that its sandbox had.
    ///
    /// # Panics
    /// When it had none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0["sandboxPort"].as_u64().and_then(|port| port.try_into().ok()).expect("a port")
    }

    fn job(&self, name: &str) -> &Value {
        let mut jobs = self.0["jobs"].as_array().expect("jobs").iter();
        jobs.find(|job| job["name"] == name).unwrap_or_else(|| panic!("no job {name}"))
    }

    fn id(&self, name: &str) -> &str {
        self.job(name)["id"].as_str().expect("an id")
    }

    /// The record of a job, as a caller sees it.
    fn record(&self, name: &str) -> Value {
        let mut record = self.job(name)["record"].clone();
        for more in OPERATORS {
            record.as_object_mut().expect("an object").remove(more);
        }
        record
    }

    /// Fails unless an operator sees every job as it was left. No worker runs yet.
    ///
    /// # Panics
    /// That is how it fails.
    pub fn stands_as_it_was_left(&self, operator: &Launch) {
        let mut seen = BTreeSet::new();
        for job in self.0["jobs"].as_array().expect("jobs") {
            let record = &job["record"];
            assert_eq!(&shown(operator, job["id"].as_str().expect("an id")), record, "{}", job["name"]);
            seen.insert(
                ["state", "waitingFor", "blockedBy"].map(|field| record[field].as_str().map(str::to_owned)),
            );
        }
        let text = |text: &str| Some(text.to_owned());
        let mut every: BTreeSet<[Option<String>; 3]> =
            ["queued", "running", "succeeded", "failed", "cancelled"]
                .map(|state| [text(state), None, None])
                .into();
        every
            .extend(["schedule", "quota", "retry", "operator"].map(|why| [text("waiting"), text(why), None]));
        every.extend(["reauthorization", "calendarLimits"].map(|why| [text("blocked"), None, text(why)]));
        assert_eq!(seen, every, "there is one of each");
    }
}

fn shown(operator: &Launch, id: &str) -> Value {
    serde_json::from_str(&operator.run(&["jobs", "show", id])).expect("JSON")
}

/// Fails unless everything comes to the end that it should; `connect` connects the account `away` again, and `told`
/// answers the webhooks that have come.
///
/// # Panics
/// That is how it fails.
pub async fn comes_to_its_end(
    known: &Fixture,
    caller: &Caller,
    operator: &Launch,
    google: &SandboxView,
    connect: impl AsyncFnOnce(),
    told: impl Fn() -> Vec<(String, Value)>,
) {
    stays_as_it_was(known, caller).await;
    open_the_door(known, caller).await;
    for name in OPEN {
        ends(caller, known.id(name), "succeeded").await;
    }
    ends(caller, known.id("cancelling"), "cancelled").await;
    let notices = |kind: &str| -> Vec<Value> {
        told().into_iter().map(|(_, body)| body).filter(|body| body["type"] == kind).collect()
    };
    eventually("the notices under way", LIMIT, || async {
        let succeeded = notices("job.succeeded");
        let done = ["done", "met"]
            .iter()
            .all(|name| succeeded.iter().any(|body| body["data"]["jobId"] == known.id(name)));
        let failed = notices("job.failed").iter().any(|body| body["data"]["jobId"] == known.id("refused"));
        let away =
            notices("account.needs_reauthorization").iter().any(|body| body["data"]["account"] == "away");
        (done && failed && away).then_some(())
    })
    .await;

    connect().await;
    ends(caller, known.id("away"), "succeeded").await;
    stays_as_it_was(known, caller).await;

    // A dead letter, and a record, each run again.
    google.control("/_sandbox/users/ada@example.com", &json!({"calendars": [calendar("missing")]})).await;
    let restored = operator.run(&["jobs", "restore", known.id("missing")]);
    assert!(restored.contains("1 "), "{restored}");
    let _ = operator.run(&["jobs", "replay", known.id("expired")]);
    for name in ["missing", "expired"] {
        ends(caller, known.id(name), "succeeded").await;
    }
    each_once(known, google).await;
}

async fn job(caller: &Caller, id: &str) -> Value {
    caller.job(id).await.expect("an answer").body
}

async fn ends(caller: &Caller, id: &str, state: &str) {
    eventually(&format!("the job {id} to be {state}"), LIMIT, || async {
        let job = job(caller, id).await;
        assert!(job["finishedAt"].is_null() || job["state"] == state || job["state"] == "failed", "{job}");
        (job["state"] == state).then_some(())
    })
    .await;
}

/// What has ended is told of in the same words, what is far away waits, and a repeat finds its job.
async fn stays_as_it_was(known: &Fixture, caller: &Caller) {
    for name in ENDED.into_iter().chain(["far"]) {
        assert_eq!(job(caller, known.id(name)).await, known.record(name), "{name}");
        let repeat = caller.post(&known.job(name)["body"], Some(name)).await.expect("an answer");
        assert_eq!(
            (&repeat.body["jobId"], repeat.replayed),
            (&json!(known.id(name)), true),
            "{name}: {repeat:?}"
        );
    }
}

/// The keys open what they opened, and the accounts are what they were.
async fn open_the_door(known: &Fixture, caller: &Caller) {
    let ask = async |key: &str, method: Method, path: &str| {
        let asked = caller.request_with(known.key(key), method, path).json(&json!({}));
        let answer = asked.send().await.expect("an answer");
        (answer.status(), answer.json::<Value>().await.unwrap_or_default())
    };
    let own = format!("/api/v1/jobs/{}", known.id("done"));
    assert_eq!(ask("admin", Method::GET, &own).await.0, StatusCode::OK);
    assert_eq!(ask("revoked", Method::GET, &own).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("reader", Method::GET, &own).await.0, StatusCode::OK);
    assert_eq!(ask("reader", Method::POST, "/api/v1/events").await.0, StatusCode::FORBIDDEN);
    for (account, state) in
        [("default", "connected"), ("away", "needsReauthorization"), ("gone", "disconnected")]
    {
        let (status, shown) = ask("admin", Method::GET, &format!("/api/v1/accounts/{account}")).await;
        assert_eq!((status, &shown["state"]), (StatusCode::OK, &json!(state)), "{account}: {shown}");
    }
    assert_eq!(ask("admin", Method::GET, "/api/v1/accounts/erased").await.0, StatusCode::NOT_FOUND);
}

/// Every event that should be there is, and was inserted once.
async fn each_once(known: &Fixture, google: &SandboxView) {
    let events = google.events().await;
    let ended = ["done", "met", "away", "missing", "expired", "cancelling"];
    let expected: BTreeSet<&str> = OPEN.iter().chain(&ended).map(|name| known.id(name)).collect();
    assert_eq!(events.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    for (id, stored) in events {
        let status = if id == known.id("cancelling") { "cancelled" } else { "confirmed" };
        assert_eq!((stored.inserts, &stored.event["status"]), (1, &json!(status)), "{id}");
    }
}
