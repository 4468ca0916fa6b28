//! What operators do, and what they are told when something is wrong.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use accounts::Connection;
use common::port::{ClientRef, GoogleUser, RefreshToken};
use common::seal::Key;
use serde_json::{Value, json};
use tests::{Calrelay, Launch, event_with, eventually};

use crate::accounts::keep;

fn body(extra: &Value) -> Value {
    event_with("Of an operator", extra)
}

/// A start that must be refused, and what was said: one line, and nothing else.
fn refused(launch: &Launch) -> String {
    let (status, said) = launch.fails();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "one sentence, not:\n{said}");
    said.trim().to_owned()
}

/// Every file of the folder, with a sum of its bytes. Left out are the lock, in which whoever tries leaves their name,
/// and what SQLite counts in the head of its file: how often somebody could have written.
fn contents(dir: &Path) -> BTreeMap<String, u64> {
    let entries = std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let sum = |path: &Path| {
        let mut bytes = std::fs::read(path).expect("a file");
        if name(path) == "calrelay.db" {
            for counter in [24..28, 92..100] {
                bytes[counter].fill(0);
            }
        }
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        hasher.finish()
    };
    entries.filter(|path| name(path) != "worker.lock").map(|path| (name(&path), sum(&path))).collect()
}

async fn status_with(calrelay: &Calrelay, key: &str, body: &Value) -> u16 {
    let request = calrelay.http().post(calrelay.url("/api/v1/events")).bearer_auth(key).json(body);
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_and_revoked_beside_a_running_server_which_notices_within_30_seconds() {
    let launch = Launch::new();
    let calrelay = launch.start().await;
    let create = ["keys", "create", "--owner", "crm", "--scope", "submit", "--accounts", "def*"];
    let key = launch.run(&create);
    assert_eq!(status_with(&calrelay, &key, &body(&json!({}))).await, 202, "a new key works at once");
    assert_eq!(status_with(&calrelay, &key, &body(&json!({"account": "other"}))).await, 403);
    let reading = calrelay.http().get(calrelay.url("/api/v1/jobs/x")).bearer_auth(&key).send().await;
    assert_eq!(reading.expect("an answer").status(), 403, "it may submit and no more");

    let listed = launch.run(&["keys", "list"]);
    let line = listed.lines().find(|line| line.contains("crm")).expect("it is listed");
    let name = line.split_whitespace().next().expect("a name").to_owned();
    assert!(key.starts_with(&name) && !listed.contains(&key), "{listed}");
    assert!(line.contains("submit") && line.contains("def*"), "{line}");

    let revoked = Instant::now();
    let said = launch.run(&["keys", "revoke", &name]);
    assert!(said.contains(&name) && !said.contains(&key), "{said}");
    eventually("the key's end", Duration::from_secs(32), || async {
        (status_with(&calrelay, &key, &body(&json!({}))).await == 401).then_some(())
    })
    .await;
    println!("a revoked key was refused after {:.1} s", revoked.elapsed().as_secs_f64());
    let other = calrelay.submit(&body(&json!({})), "another").await;
    assert!(other.is_ok(), "other keys are as they were: {other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_in_one_sentence_and_changes_nothing() {
    let launch = Launch::new();
    let calrelay = launch.start().await;
    let later = json!({"notBefore": "2027-02-01T00:00:00Z"});
    let id = calrelay.submit(&body(&later), "kept").await.expect("accepted");
    calrelay.terminate().await;
    let data = launch.dir().join("data");
    let before = contents(&data);

    let wrong = Key::random().to_base64();
    let said = refused(&launch.clone().with("ENCRYPTION_KEY", wrong.as_str()));
    println!("{said}");
    assert!(said.contains("ENCRYPTION_KEY") && !said.contains(wrong.as_str()), "{said}");
    assert_eq!(contents(&data), before);

    // A key that is missing is not replaced by another: it would fit nothing that is there.
    std::fs::rename(data.join("key"), launch.dir().join("elsewhere")).expect("a file");
    let said = refused(&launch);
    println!("{said}");
    assert!(said.contains("ENCRYPTION_KEY"), "{said}");
    assert!(!data.join("key").exists(), "a key was made that fits nothing");

    std::fs::rename(launch.dir().join("elsewhere"), data.join("key")).expect("a file");
    assert_eq!(contents(&data), before);
    let calrelay = launch.start().await;
    assert!(calrelay.job(&id).await["finishedAt"].is_null(), "the job is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_in_the_same_folder_is_refused_and_told_who_the_first_is() {
    let launch = Launch::new();
    let calrelay = launch.start().await;
    let said = refused(&launch);
    println!("{said}");
    assert!(said.contains(&calrelay.pid().to_string()), "{said}");
    let id = calrelay.submit(&body(&json!({})), "still-there").await.expect("the first is not disturbed");
    eventually("the job's success", Duration::from_secs(20), || async {
        (calrelay.job(&id).await["state"] == "succeeded").then_some(())
    })
    .await;
}

#[test]
fn every_problem_of_the_configuration_is_told_at_once_by_name_and_never_by_value() {
    let bad = [
        ("PORT", "a-port"),
        ("BIND", "everywhere"),
        ("PUBLIC_URL", "no-url"),
        ("SANDBOX_URL", "not-one-either"),
        ("ENCRYPTION_KEY", "in-the-clear"),
        ("QUOTA_ACCOUNT_PER_MINUTE", "lots"),
        ("RATE_LIMIT", "seldom"),
        ("DRAIN_SECONDS", "soon"),
        ("LOG_FORMAT", "yaml"),
    ];
    let launch = bad.iter().fold(Launch::new(), |launch, (name, value)| launch.with(name, value));
    let (status, said) = launch.fails();
    println!("{said}");
    assert_eq!(status.code(), Some(1));
    for (name, value) in bad {
        assert!(said.contains(&format!("{name}:")), "{name} is not told:\n{said}");
        assert!(!said.contains(value), "the value of {name} is told:\n{said}");
    }
    assert!(!launch.dir().join("data").exists(), "nothing was made");
}

#[test]
fn credentials_that_are_missing_or_a_directory_are_an_error_and_never_a_sandbox() {
    let missing = Launch::new().with("GOOGLE_CREDENTIALS", "./credentials.json");
    let (status, said) = missing.fails();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("GOOGLE_CREDENTIALS"), "{said}");

    let folder = Launch::new();
    std::fs::create_dir(folder.dir().join("google-credentials.json")).expect("a folder");
    let (status, said) = folder.fails();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("GOOGLE_CREDENTIALS") && said.contains("directory"), "{said}");

    let both = Launch::new().with("GOOGLE_CREDENTIALS", "./x.json").with("SANDBOX_URL", "http://127.0.0.1:1");
    assert!(both.fails().1.contains("not both"));

    let broken = Launch::new();
    std::fs::write(broken.dir().join("google-credentials.json"), "{\"web\": 7}").expect("a file");
    let (status, said) = broken.fails();
    println!("{said}");
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("google-credentials.json"), "{said}");
}

const REDIRECT: &str = "http://localhost:3001/oauth2callback";

/// A file as Google hands it out; nothing in it is real.
fn live_credentials(launch: &Launch) {
    let file = json!({"web": {
        "client_id": "1-x.apps.googleusercontent.com", "client_secret": "not-a-secret", "project_id": "example",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "redirect_uris": [REDIRECT],
    }});
    std::fs::write(launch.dir().join("google-credentials.json"), file.to_string()).expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_a_live_account_refuses_the_sandbox() {
    let launch = Launch::new();
    let data = launch.dir().join("data");
    std::fs::DirBuilder::new().mode(0o700).create(&data).expect("a folder");
    let mut options = std::fs::OpenOptions::new();
    let mut key = options.write(true).create_new(true).mode(0o600).open(data.join("key")).expect("a file");
    writeln!(key, "{}", Key::random().to_base64().as_str()).expect("written");
    let connection = Connection {
        user: GoogleUser { sub: "1".to_owned(), email: "somebody@example.com".to_owned() },
        refresh_token: RefreshToken("not-a-token".to_owned().into()),
        client: ClientRef {
            token_uri: "https://oauth2.googleapis.com/token".to_owned(),
            client_id: "1-x.apps.googleusercontent.com".to_owned(),
        },
        scopes: vec!["https://www.googleapis.com/auth/calendar.events".to_owned()],
    };
    keep(&launch, "default", &connection).await;
    let before = contents(&data);

    let said = refused(&launch);
    println!("{said}");
    assert!(said.contains("real Google") && said.contains("google-credentials.json"), "{said}");
    assert!(!said.contains("somebody"), "{said}");
    let mut after = contents(&data);
    after.retain(|name, _| !name.starts_with("sandbox."));
    assert_eq!(after, before, "but for the sandbox's own file nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_the_sandbox_refuses_the_real_google() {
    let launch = Launch::new();
    let calrelay = launch.start().await;
    calrelay.terminate().await;
    live_credentials(&launch);
    let said = refused(&launch.with("GOOGLE_REDIRECT_URI", REDIRECT));
    println!("{said}");
    assert!(said.contains("sandbox") && said.contains("DATA_DIR"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_it_is_the_real_google_and_nobody_is_connected() {
    let launch = Launch::new();
    live_credentials(&launch);
    let calrelay = launch.start().await;
    assert!(!calrelay.log().contains("SANDBOX"), "{}", calrelay.log());
    let reply = calrelay.post("/api/v1/events", &body(&json!({}))).send().await.expect("an answer");
    assert_eq!(reply.status(), 409);
    assert!(!reply.headers().contains_key("calrelay-google"));
    let problem: Value = reply.json().await.expect("JSON");
    assert_eq!(problem["type"], "urn:calrelay:problem:account-not-connected");
    assert!(problem["setupUrl"].as_str().is_some_and(|url| url.contains("/google-calendar-setup")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_ends_at_once_with_exit_code_0_and_says_so() {
    let calrelay = Launch::new().start().await;
    let (status, took, log) = calrelay.terminate().await;
    println!("ended after {} ms", took.as_millis());
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(log.contains("Stopping") && log.contains("Stopped"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_for_its_owner_only() {
    let launch = Launch::new();
    let calrelay = launch.start().await;
    calrelay.submit(&body(&json!({})), "one").await.expect("accepted");
    let data = launch.dir().join("data");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files = contents(&data);
    for name in files.keys().map(String::as_str).chain(["worker.lock"]) {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    for name in ["calrelay.db", "key", "sandbox.jsonl"] {
        assert!(files.contains_key(name), "{name} is not in {:?}", files.keys());
    }
    calrelay.terminate().await;

    std::fs::set_permissions(data.join("key"), std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let said = refused(&launch);
    println!("{said}");
    assert!(said.contains("chmod 600"), "{said}");
}

/// The lines of the log that warn.
fn warnings(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_looks_or_takes_back_makes_nothing_and_says_where_to_look() {
    let commands: [&[&str]; 15] = [
        &["keys", "list"],
        &["keys", "revoke", "crk_nothing"],
        &["accounts", "list"],
        &["accounts", "show", "default"],
        &["accounts", "revoke", "default"],
        &["accounts", "revoke", "--all"],
        &["accounts", "revoke", "--all", "--without-google"],
        &["accounts", "rebind", "default"],
        &["accounts", "erase", "default", "--without-google"],
        &["vault", "backup", "backup"],
        &["vault", "rotate"],
        &["notices", "show"],
        &["queue"],
        &["jobs", "list"],
        &["jobs", "replay", "--state", "failed"],
    ];
    let launch = Launch::new();
    for command in commands {
        let said = launch.refused(command);
        assert!(said.contains("there is no folder") && said.contains("DATA_DIR"), "{command:?}: {said}");
        let made: Vec<_> = std::fs::read_dir(launch.dir()).expect("a folder").collect();
        assert!(made.is_empty(), "{command:?} made {made:?}");
    }
    // A folder of something else.
    let data = launch.dir().join("data");
    std::fs::create_dir(&data).expect("a folder");
    std::fs::write(data.join("notes.txt"), "of somebody").expect("a file");
    for command in commands {
        let said = launch.refused(command);
        assert!(said.contains("was never started on"), "{command:?}: {said}");
        assert_eq!(std::fs::read_dir(&data).expect("a folder").count(), 1, "{command:?}");
    }
    assert_eq!(std::fs::read_dir(launch.dir()).expect("a folder").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_at_once_warns_of_that_and_not_of_what_it_closes() {
    let launch = Launch::new().with("DEV_NO_AUTH", 1);
    let calrelay = launch.start().await;
    calrelay.sandbox().fault(json!({"method": "events.insert", "latencyMs": 60_000})).await;
    calrelay.submit(&body(&json!({})), "slow").await.expect("accepted");
    eventually("the job to be in flight", Duration::from_secs(20), || async {
        (calrelay.metric("calrelay_jobs_in_flight").await >= 1.0).then_some(())
    })
    .await;
    let pid = calrelay.pid().to_string();
    let first = std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
    assert!(first.success());
    eventually("the first signal's line", Duration::from_secs(20), || async {
        calrelay.log().contains("Stopping: ").then_some(())
    })
    .await;
    let (status, _, log) = calrelay.terminate().await;
    assert!(status.success(), "{log}");
    let warnings = warnings(&log);
    let expected = ["Stopping at once", "Handing 1 jobs back to the queue"];
    assert_eq!(warnings.len(), expected.len(), "{log}");
    for (warning, expected) in warnings.into_iter().zip(expected) {
        assert!(warning.contains(expected), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_about_a_job_begins_with_what_happened() {
    let calrelay = Launch::new().start().await;
    let id = calrelay.submit(&body(&json!({})), "told").await.expect("accepted");
    let line = eventually("the line of its end", Duration::from_secs(20), || async {
        calrelay.log().lines().find(|line| line.contains("succeeded")).map(str::to_owned)
    })
    .await;
    assert!(line.contains(&format!("  INFO Job {id} succeeded job.id={id}")), "{line}");
    assert!(line.contains(" trace_id=") && !line.contains("trace:"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_says_that_it_is_ready_and_how_to_go_on_as_it_was_started() {
    let calrelay = Launch::new().start().await;
    let log = eventually("the line", Duration::from_secs(20), || async {
        let log = calrelay.log();
        (log.contains("Ready: accepting jobs on http://localhost:")).then_some(log)
    })
    .await;
    let program = tests::program();
    assert!(log.contains(&format!("{} keys create", program.display())), "{log}");
    assert!(log.contains(&format!("export CALRELAY_KEY={}", calrelay.key())), "{log}");
    assert!(!log.lines().any(|line| line.contains("WARN")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_live_start_suggests_nothing_that_writes_and_its_folder_stays_live() {
    let launch = Launch::new();
    live_credentials(&launch);
    let launch = launch.with("GOOGLE_REDIRECT_URI", REDIRECT);
    let calrelay = launch.start().await;
    let (_, _, log) = calrelay.terminate().await;
    assert!(!log.contains("POST") && !log.contains("@example.com"), "{log}");
    assert!(log.contains("google-calendar-setup"), "{log}");

    std::fs::remove_file(launch.dir().join("google-credentials.json")).expect("a file");
    let data = launch.dir().join("data");
    let elsewhere = sandbox::start(sandbox::Config::default()).await.expect("a sandbox");
    for launch in [launch.clone(), launch.clone().with("SANDBOX_URL", &elsewhere.url)] {
        let said = refused(&launch);
        assert!(said.contains("real Google") && said.contains("google-credentials.json"), "{said}");
        launch.check().fails(&["accounts"], "real Google");
    }
    assert!(data.is_dir());
    live_credentials(&launch);
    launch.start().await;
}

#[test]
fn a_pattern_that_fits_no_account_is_refused() {
    let launch = Launch::new();
    for pattern in ["[a-z", "a.b", "a,b", "", "a@b.example"] {
        let output = launch.output(&["keys", "create", "--accounts", pattern]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{pattern}: {said}");
        assert!(said.contains("--accounts"), "{pattern}: {said}");
    }
    assert!(!launch.dir().join("data").exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_starting_is_told_once_with_what_to_do() {
    let launch = Launch::new();
    let calrelay = launch.start().await;
    // Another sandbox on the port.
    let other =
        Launch::new().with("SANDBOX_PORT", calrelay.sandbox().url("").rsplit(':').next().expect("a port"));
    let said = refused(&other);
    assert!(said.contains("SANDBOX_PORT chooses another port"), "{said}");
    assert_eq!(said.matches("in use").count(), 1, "{said}");
    // The sandbox of this folder on another port than the command believes.
    let elsewhere = launch.clone().with("SANDBOX_PORT", tests::free_port());
    let said = elsewhere.refused(&["accounts", "revoke", "default"]);
    assert!(said.contains("set SANDBOX_PORT as it was started with"), "{said}");
    assert!(!said.contains("chooses another port"), "{said}");
    calrelay.terminate().await;
    // The lock cannot be had.
    let lock = launch.dir().join("data/worker.lock");
    std::fs::remove_file(&lock).expect("a file");
    std::fs::create_dir(&lock).expect("a folder");
    let said = refused(&launch);
    assert!(said.contains(&lock.display().to_string()), "{said}");
    assert_eq!(said.matches("os error").count(), 1, "{said}");
    launch.check().fails(&["data-folder"], "worker.lock");
}
