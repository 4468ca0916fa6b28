//! Accounts that lose their permission, or their user, by an operator's command beside a running server.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Calrelay, Launch, event_with, eventually};

use crate::accounts::connect;

/// What a process remembers of an account it may for half a minute.
const LIMIT: Duration = Duration::from_secs(90);

fn event(account: &str, extra: &Value) -> Value {
    let mut event = event_with("Of somebody", extra);
    event["account"] = json!(account);
    event
}

async fn becomes(calrelay: &Calrelay, id: &str, state: &str) -> Value {
    eventually(state, LIMIT, || async {
        let job = calrelay.job(id).await;
        (job["state"] == state).then_some(job)
    })
    .await
}

/// A job of the account, once it is accepted.
async fn accepted(calrelay: &Calrelay, account: &str, key: &str) -> String {
    eventually("a job to be accepted", LIMIT, || async {
        calrelay.submit(&event(account, &json!({})), key).await.ok()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_shown_and_given_back() {
    let calrelay = Launch::new().start().await;
    let launch = calrelay.launch();
    connect(&launch, &calrelay.sandbox(), "crm", "ada@example.com").await;
    connect(&launch, &calrelay.sandbox(), "sales", "eve@example.com").await;

    let listed = launch.run(&["accounts", "list"]);
    for (account, user) in [("crm", "ada@"), ("default", "ada@"), ("sales", "eve@")] {
        let line = listed.lines().map(str::trim).find(|line| line.starts_with(account)).expect("a line");
        assert!(line.contains("connected") && line.contains(user), "{listed}");
    }
    let shown: Value = serde_json::from_str(&launch.run(&["accounts", "show", "crm"])).expect("JSON");
    assert_eq!(
        (shown["email"].as_str(), shown["state"].as_str()),
        (Some("ada@example.com"), Some("connected"))
    );
    assert_eq!(shown["sameUser"], json!(["default"]));
    assert!(launch.refused(&["accounts", "show", "nobody"]).contains("accounts list"));

    // One grant, two accounts: it ends with the second.
    let said = launch.run(&["accounts", "revoke", "crm"]);
    assert!(said.contains("default has the same Google user"), "{said}");
    let id = calrelay.submit(&event("default", &json!({})), "one").await.expect("accepted");
    becomes(&calrelay, &id, "succeeded").await;
    calrelay.sandbox().fault(json!({"method": "token.revoke", "status": 503, "count": 1})).await;
    let said = launch.refused(&["accounts", "revoke", "default"]);
    assert!(said.contains("could not be told"), "{said}");
    // The server does not wait to be asked again.
    let told =
        || async { (launch.run(&["accounts", "revoke", "default"]).contains("no permission")).then_some(()) };
    eventually("Google to be told", Duration::from_secs(45), told).await;

    let said = launch.run(&["accounts", "revoke", "--all"]);
    assert!(said.contains("sales: given back to Google"), "{said}");
    let listed = launch.run(&["accounts", "list"]);
    assert_eq!(listed.matches("disconnected").count(), 3, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebound_account_takes_nothing_of_its_former_user_along() {
    let calrelay = Launch::new().start().await;
    let (launch, google) = (calrelay.launch(), calrelay.sandbox());
    connect(&launch, &google, "crm", "ada@example.com").await;
    let done = accepted(&calrelay, "crm", "done").await;
    becomes(&calrelay, &done, "succeeded").await;
    let later = event("crm", &json!({"notBefore": "2027-02-01T00:00:00Z"}));
    let waiting = calrelay.submit(&later, "waiting").await.expect("accepted");

    let said = launch.run(&["accounts", "rebind", "crm"]);
    assert!(
        said.contains("default has the same Google user")
            && said.contains("1 unfinished jobs were cancelled"),
        "{said}"
    );
    becomes(&calrelay, &waiting, "cancelled").await;
    assert!(launch.refused(&["accounts", "show", "crm"]).contains("no account"));

    connect(&launch, &google, "crm", "eve@example.com").await;
    let next = accepted(&calrelay, "crm", "next").await;
    becomes(&calrelay, &next, "succeeded").await;
    let said = launch.run(&["jobs", "replay", &waiting]);
    assert!(said.contains("1 replayed"), "{said}");
    let job = becomes(&calrelay, &waiting, "failed").await;
    assert_eq!(job["error"]["type"], "urn:calrelay:problem:unreadable", "{job}");
    let of = |user: &'static str| {
        let google = calrelay.sandbox();
        async move {
            let events = google.read(&format!("/_sandbox/events?user={user}")).await;
            let events = events["events"].as_array().expect("a list").clone();
            events.iter().map(|event| event["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(of("eve@example.com").await, [next]);
    assert_eq!(of("ada@example.com").await, [done]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_account_is_nowhere_and_stays_so() {
    let calrelay = Launch::new().start().await;
    let launch = calrelay.launch();
    let done = calrelay.submit(&event("default", &json!({})), "done").await.expect("accepted");
    becomes(&calrelay, &done, "succeeded").await;
    let later = event("default", &json!({"notBefore": "2027-02-01T00:00:00Z"}));
    let waiting = calrelay.submit(&later, "waiting").await.expect("accepted");

    let said = launch.run(&["accounts", "erase", "default"]);
    assert!(said.contains("given back to Google") && said.contains("erased"), "{said}");
    assert!(launch.run(&["accounts", "erase", "default"]).contains("erased"), "it may be asked for again");
    for (id, state) in [(&done, "succeeded"), (&waiting, "cancelled")] {
        let unreadable = || async {
            let job = becomes(&calrelay, id, state).await;
            (job["calendarId"].is_null() && job["result"].is_null()).then_some(())
        };
        eventually("nothing to be readable", LIMIT, unreadable).await;
    }
    assert!(launch.run(&["jobs", "replay", &waiting]).contains("0 replayed"));
    calrelay.terminate().await;

    let calrelay = launch.start().await;
    let refused =
        calrelay.submit(&event("default", &json!({})), "again").await.expect_err("nobody is connected");
    assert!(refused.contains("account-not-connected"), "{refused}");
}
