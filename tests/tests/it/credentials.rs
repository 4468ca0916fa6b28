//! A new OAuth client in place of the one that the accounts were connected with.

use std::time::Duration;

use serde_json::json;
use tests::{Calrelay, Launch, SandboxProcess, connection, event, eventually};

use crate::accounts::keep;

const LIMIT: Duration = Duration::from_secs(60);

async fn becomes(calrelay: &Calrelay, id: &str, state: &str) {
    eventually(state, LIMIT, || async { (calrelay.job(id).await["state"] == state).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_a_client_that_was_replaced_wait_for_their_users_and_nothing_fails() {
    let sandbox = SandboxProcess::start().await;
    let google = sandbox.view();
    let launch = Launch::new();
    let calrelay = launch.with_sandbox(&google).start().await;
    let id = calrelay.submit(&event("with the first client"), "first").await.expect("accepted");
    becomes(&calrelay, &id, "succeeded").await;
    calrelay.terminate().await;

    let file = google.control("/_sandbox/clients/second", &json!({"kind": "web"})).await;
    let client = file["web"].clone();
    let path = launch.dir().join("second.json");
    std::fs::write(&path, file.to_string()).expect("a file");
    let launch = launch.with("GOOGLE_CREDENTIALS", path.display());
    let calrelay = launch.start().await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(calrelay.submit(&event("waits"), &format!("waits-{number}")).await.expect("accepted"));
    }
    for id in &ids {
        becomes(&calrelay, id, "blocked").await;
        assert_eq!(calrelay.job(id).await["blockedBy"], "reauthorization");
    }
    let listed = launch.run(&["accounts", "list"]);
    assert!(listed.contains("needsReauthorization") && listed.contains("another OAuth client"), "{listed}");
    let notices = calrelay.log().matches("has to be connected again").count();
    assert_eq!(notices, 1, "{}", calrelay.log());

    // Its user consents to the new client.
    let grant =
        google.control("/_sandbox/tokens", &json!({"user": "ada@example.com", "client": "second"})).await;
    keep(&launch, "default", &connection(&grant, &client)).await;
    for id in &ids {
        becomes(&calrelay, id, "succeeded").await;
    }
    let events = google.events().await;
    assert_eq!(events.len(), ids.len() + 1);
    assert!(events.values().all(|stored| stored.inserts == 1));
}
