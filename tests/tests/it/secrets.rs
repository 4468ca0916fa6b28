//! The data directory, and all that `run` says, are searched for every token, title and address that was used.

use tests::{Launch, PEOPLE, PERSONAL, SandboxProcess, Search, jobs_at_every_place};

use crate::accounts::connect;

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_and_the_logs_hold_nothing_secret_or_personal() {
    // Google keeps its own files elsewhere.
    let sandbox = SandboxProcess::start().await;
    let google = sandbox.view();
    let launch = Launch::new().with_sandbox(&google).with("RUST_LOG", "trace");
    let calrelay = launch.start().await;
    for (account, user) in PEOPLE {
        connect(&launch, &google, account, user).await;
    }
    let links = jobs_at_every_place(&google, &launch.caller()).await;

    let said = calrelay.log();
    assert!(said.contains("TRACE"), "it tells everything");
    let logs = tempfile::tempdir().expect("a folder");
    std::fs::write(logs.path().join("log"), said).expect("written");
    let data = launch.dir().join("data");
    let words = PERSONAL.iter().chain(PEOPLE.iter().map(|(_, user)| user)).map(|text| (*text).to_owned());
    let secret = Search::new(words.chain(links));
    let clear = Search::new([PEOPLE[0].0.to_owned()]);
    for place in [logs.path(), &data] {
        assert!(!clear.hits(place).is_empty(), "nothing of this test is in {}", place.display());
        assert_eq!(secret.hits(place), Vec::<String>::new());
    }
    // A key is printed once, where it is made, and rests nowhere.
    let keys = Search::new([calrelay.key()]);
    assert_eq!(keys.hits(&data), Vec::<String>::new());
}
