//! What several of these tests do.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use common::account::AccountId;
use common::accounts::{Accounts, Connection};
use common::port::{ClientRef, GoogleUser, RefreshToken, SystemClock};
use common::seal::{Key, Keyring};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use tests::{Caller, Installation, SandboxView, eventually};

/// An event with this title, of the account `default`.
pub fn event(title: &str) -> Value {
    json!({
        "summary": title, "conference": false,
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    })
}

/// An event with this title in `calendar` of `account`.
pub fn event_of(account: &str, calendar: &str, title: &str) -> Value {
    let mut event = event(title);
    event["account"] = json!(account);
    event["calendarId"] = json!(calendar);
    event
}

/// Connects `account` to the sandbox's `user`, who has these calendars besides their own; by way of the vault, as an
/// operator's tool does.
pub async fn connect(calrelay: &Installation, account: &str, user: &str, calendars: &[String]) {
    let ring = Keyring::new(Key::parse(calrelay.encryption_key()).unwrap(), Vec::new());
    connect_with(calrelay, ring, account, user, calendars).await;
}

/// As [`connect`], sealed with other keys.
pub async fn connect_with(
    calrelay: &Installation,
    ring: Keyring,
    account: &str,
    user: &str,
    calendars: &[String],
) {
    let google = calrelay.sandbox().view();
    google.control(&format!("/_sandbox/users/{user}"), &json!({"calendars": calendars})).await;
    let client = google.read("/_sandbox/credentials").await["web"].take();
    let grant = google.control("/_sandbox/tokens", &json!({"user": user})).await;
    let text = |object: &Value, name: &str| object[name].as_str().unwrap().to_owned();
    let connection = Connection {
        user: GoogleUser { sub: text(&grant, "sub"), email: text(&grant, "email") },
        refresh_token: RefreshToken(text(&grant, "refresh_token").into()),
        client: ClientRef { token_uri: text(&client, "token_uri"), client_id: text(&client, "client_id") },
        scopes: text(&grant, "scope").split(' ').map(str::to_owned).collect(),
    };
    accounts(calrelay).await.connect(&AccountId::parse(account).unwrap(), &connection).await.unwrap();
}

/// Its accounts, as whoever has the vault and its key sees them.
pub async fn accounts(calrelay: &Installation) -> Accounts {
    let vault = common::vault::open_vault(&calrelay.vault().url(), None).await.unwrap();
    let hash_key = common::secrets::open(vault.as_ref(), &ring).await.unwrap();
    Accounts::new(vault, ring, hash_key, Arc::new(SystemClock))
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
