//! The data directory, and all that `run` says, are searched for every token, title and address that was used.

use std::time::Duration;

use serde_json::json;
use tests::{Launch, SandboxProcess, Search, eventually};

use crate::accounts::connect;

const SOON: Duration = Duration::from_secs(30);
const USER: &str = "ada.lovelace@victim.example";
const TITLE: &str = "Merger talks with Zanzibar";
const GUEST: &str = "confidant@hidden-guest.example";
const WORDS: &str = "Google dislikes Zanzibar";

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_and_the_logs_hold_nothing_secret_or_personal() {
    // Google keeps its own files elsewhere.
    let sandbox = SandboxProcess::start().await;
    let google = sandbox.view();
    let launch = Launch::new().with_sandbox(&google).with("RUST_LOG", "trace");
    let calrelay = launch.start().await;
    connect(&launch, &google, "acct-one", USER).await;
    let body = json!({
        "account": "acct-one", "summary": TITLE, "attendees": [{"email": GUEST}],
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    });
    let until = async |id: &str, state: &str| {
        eventually(state, SOON, || async {
            let job = calrelay.job(id).await;
            (job["state"] == state).then_some(job)
        })
        .await
    };
    let done = calrelay.submit(&body, GUEST).await.expect("accepted");
    let done = until(&done, "succeeded").await;
    google
        .fault(json!({"method": "events.insert", "status": 400, "reason": "invalid", "message": WORDS, "count": 1}))
        .await;
    let failed = calrelay.submit(&body, "failed").await.expect("accepted");
    assert_eq!(until(&failed, "failed").await["error"]["detail"], WORDS);
    google.fault(json!({"method": "events.insert", "status": 503})).await;
    let waiting = calrelay.submit(&body, "waiting").await.expect("accepted");
    until(&waiting, "waiting").await;

    let said = calrelay.log();
    assert!(said.contains("TRACE"), "it tells everything");
    let logs = tempfile::tempdir().expect("a folder");
    std::fs::write(logs.path().join("log"), said).expect("written");
    let data = launch.dir().join("data");
    let link = |name: &str| done["result"][name].as_str().expect("a link").to_owned();
    let words = [USER, TITLE, GUEST, WORDS, "ya29.", "1//0"].map(str::to_owned);
    let secret = Search::new(words.into_iter().chain([link("eventLink"), link("meetLink")]));
    let clear = Search::new(["acct-one".to_owned()]);
    for place in [logs.path(), &data] {
        assert!(!clear.hits(place).is_empty(), "nothing of this test is in {}", place.display());
        assert_eq!(secret.hits(place), Vec::<String>::new());
    }
    // A key is printed once, where it is made, and rests nowhere.
    let keys = Search::new([calrelay.key()]);
    assert_eq!(keys.hits(&data), Vec::<String>::new());
}
