//! Events to post, and the end of their jobs.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use crate::eventually;
use crate::installation::Caller;
use crate::sandbox::SandboxView;

/// An event with this title, of the account `default`, without a conference.
#[must_use]
pub fn event(title: &str) -> Value {
    json!({
        "summary": title, "conference": false,
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    })
}

/// The same with these fields, too.
///
/// # Panics
/// When they are no object.
#[must_use]
pub fn event_with(title: &str, fields: &Value) -> Value {
    let mut event = event(title);
    let fields = fields.as_object().expect("an object").clone();
    event.as_object_mut().expect("an object").extend(fields);
    event
}

/// An event with this title in `calendar` of `account`.
#[must_use]
pub fn event_of(account: &str, calendar: &str, title: &str) -> Value {
    let mut event = event(title);
    event["account"] = json!(account);
    event["calendarId"] = json!(calendar);
    event
}

/// The job, once it has succeeded.
pub async fn succeeded(caller: &Caller, id: &str, limit: Duration) -> Value {
    eventually("the job's success", limit, || async {
        let job = caller.job(id).await.ok()?.body;
        assert_ne!(job["state"], "failed", "{job}");
        (job["state"] == "succeeded").then_some(job)
    })
    .await
}

/// Returns once every one of `ids` has succeeded.
pub async fn all_succeeded(caller: &Caller, ids: &[String], limit: Duration) {
    let mut left: HashSet<String> = ids.iter().cloned().collect();
    let began = std::time::Instant::now();
    while !left.is_empty() {
        let states: Vec<(String, Value)> = stream::iter(left.clone())
            .map(|id| async move {
                let job = caller.job(&id).await.map_or(Value::Null, |answer| answer.body);
                (id, job)
            })
            .buffer_unordered(16)
            .collect()
            .await;
        for (id, job) in states {
            assert_ne!(job["state"], "failed", "{job}");
            if job["state"] == "succeeded" {
                left.remove(&id);
            } else if began.elapsed() > limit {
                panic!("{} jobs have not succeeded after {} s, such as {job}", left.len(), limit.as_secs());
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Fails unless the sandbox holds exactly the events of these ids, each inserted once.
pub async fn each_once<'a>(google: &SandboxView, ids: impl IntoIterator<Item = &'a String>) {
    let events = google.events().await;
    let (held, accepted): (HashSet<&String>, HashSet<&String>) =
        (events.keys().collect(), ids.into_iter().collect());
    let (extra, missing) = (held.difference(&accepted).count(), accepted.difference(&held).count());
    assert_eq!((extra, missing), (0, 0), "of {} accepted; (not accepted, missing)", accepted.len());
    assert!(events.values().all(|stored| stored.inserts == 1 && stored.event["status"] == "confirmed"));
}
