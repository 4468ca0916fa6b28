//! Log lines and answers that cannot be written: they change nothing but what can be read.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tests::{Calrelay, Launch, Sink, event, eventually};

/// The drain time, and a little for the machine.
const DRAIN: Duration = Duration::from_secs(25);

fn open(format: &str) -> Launch {
    Launch::new().unlimited().with("DEV_NO_AUTH", 1).with("LOG_FORMAT", format)
}

/// A job through five answers 503, each of which is a log line of an attempt.
async fn succeeds_after_five_503(calrelay: &Calrelay) {
    let fault = json!({"method": "events.insert", "status": 503, "count": 5});
    calrelay.sandbox().fault(fault).await;
    let id = calrelay.submit(&event("Unheard"), "unheard").await.expect("accepted");
    let job = eventually("the job's end", Duration::from_secs(120), || async {
        let job = calrelay.job(&id).await;
        (!job["finishedAt"].is_null()).then_some(job)
    })
    .await;
    assert_eq!((&job["state"], &job["attempts"]), (&json!("succeeded"), &json!(5)), "{job}");
    assert_eq!(calrelay.sandbox().events().await[&id].inserts, 1);
}

async fn goes_on_and_stops(sink: Sink) {
    let each = ["text", "json"].map(|format| async move {
        let calrelay = open(format).start_unheard(sink).await;
        succeeds_after_five_503(&calrelay).await;
        assert!(calrelay.metric("calrelay_log_lines_lost_total").await >= 1.0, "{sink:?} {format}");
        let (status, took, _) = calrelay.stop_by("TERM").await;
        assert!(status.success() && took < DRAIN, "{sink:?} {format}: {status} after {took:?}");

        let calrelay = open(format).start_unheard(sink).await;
        let (status, took, _) = calrelay.stop_by("INT").await;
        assert!(status.success() && took < DRAIN, "{sink:?} {format}: {status} after {took:?}");
    });
    futures_util::future::join_all(each).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_reading_the_log_a_job_survives_five_503_and_the_process_stops() {
    goes_on_and_stops(Sink::Gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_log_on_a_full_disk_a_job_survives_five_503_and_the_process_stops() {
    goes_on_and_stops(Sink::Full).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_reader_of_the_log_that_does_not_read_a_job_survives_five_503_and_the_process_stops() {
    goes_on_and_stops(Sink::Stalled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_whose_log_cannot_be_written_serves_and_stops() {
    for sink in Sink::ALL {
        for format in ["text", "json"] {
            let port = tests::free_port();
            let (out, err) = (sink.open(), sink.open());
            let mut child = Command::new(tests::program())
                .args(["sandbox", "--port", &port.to_string()])
                .env_clear()
                .env("LOG_FORMAT", format)
                .env("RUST_LOG", "trace")
                .stdin(Stdio::null())
                .stdout(out.0)
                .stderr(err.0)
                .spawn()
                .expect("the program starts");
            let view = tests::SandboxView::new(format!("http://127.0.0.1:{port}"));
            let http = reqwest::Client::builder().no_proxy().build().expect("a client");
            eventually("the sandbox", Duration::from_secs(30), || async {
                http.get(view.url("/_sandbox/stats")).send().await.is_ok().then_some(())
            })
            .await;
            let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            assert!(sent.expect("kill runs").success());
            let status = eventually("its end", DRAIN, || {
                let ended = child.try_wait().expect("it can be asked");
                async move { ended }
            })
            .await;
            assert!(status.success(), "{sink:?} {format}");
        }
    }
}

/// Every command that answers, in an installation with a key and a job.
fn answering(name: &str, job: &str) -> Vec<Vec<String>> {
    [
        "--help",
        "--version",
        "help jobs",
        "jobs replay --help",
        "check",
        "queue",
        "notices show",
        "notices unmute",
        "jobs list",
        "jobs restore",
        "jobs restore --dry-run",
        "jobs replay --state failed",
        "keys list",
        "accounts list",
        "accounts show default",
        "vault rotate",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([format!("jobs show {job}"), format!("jobs replay {job}"), format!("keys revoke {name}")])
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_answer_cannot_be_written_fails_without_a_panic() {
    let calrelay = Launch::new().start().await;
    let job = calrelay.submit(&event("Unheard"), "asked-about").await.expect("accepted");
    let launch = calrelay.launch();
    for sink in [Sink::Gone, Sink::Full] {
        let key = launch.run(&["keys", "create"]);
        for words in answering(&key[..12], &job) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (status, said) = launch.unanswered(&words, sink.open().0);
            assert_eq!(status.code(), Some(1), "{words:?} {sink:?}: {said}");
            assert!(!said.contains("panicked"), "{words:?} {sink:?}: {said}");
            match sink {
                Sink::Gone => assert_eq!(said, "", "{words:?}: a reader that had enough is told nothing"),
                Sink::Full | Sink::Stalled => {
                    assert!(said.contains("standard output cannot be written"), "{words:?}: {said}");
                    assert_eq!(said.trim().lines().count(), 1, "{words:?}: {said}");
                }
            }
        }
        let backup = launch.dir().join(format!("{sink:?}.backup"));
        let backup = ["vault", "backup", backup.to_str().expect("UTF-8")];
        assert_eq!(launch.unanswered(&backup, sink.open().0).0.code(), Some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_errors_cannot_be_written_ends_as_it_would() {
    let calrelay = Launch::new().start().await;
    let launch = calrelay.launch();
    for sink in Sink::ALL {
        for (words, code) in [
            (vec!["jobs", "list"], 0),
            (vec!["keys", "revoke", "nobody's"], 1),
            (vec!["accounts", "show", "nobody"], 1),
            (vec!["no-such-command"], 2),
            (vec!["jobs", "show", "not an id"], 2),
            (vec!["probe", "--url", "http://127.0.0.1:9/"], 1),
            // A second process in the folder.
            (vec!["run"], 1),
            // There are no servers.
            (vec!["api"], 1),
            (vec!["worker"], 1),
            (vec!["setup"], 1),
        ] {
            let (err, _kept) = sink.open();
            assert_eq!(launch.untold(&words, err).code(), Some(code), "{words:?} {sink:?}");
        }
    }
}

fn keys(launch: &Launch) -> usize {
    launch.run(&["keys", "list"]).lines().count() - 1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_could_see_is_not_made() {
    let calrelay = Launch::new().start().await;
    let launch = calrelay.launch();
    let before = keys(&launch);
    for sink in [Stdio::null(), Sink::Gone.open().0, Sink::Full.open().0] {
        let (status, said) = launch.unanswered(&["keys", "create", "--owner", "x"], sink);
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("no key was made") && !said.contains("panicked"), "{said}");
        assert!(!said.contains("crk_"), "{said}");
    }
    // A shell that closes it.
    let program = tests::program();
    let closed = Command::new("sh")
        .args(["-c", "exec \"$0\" keys create >&-"])
        .arg(&program)
        .current_dir(launch.dir())
        .env_clear()
        .env("DATA_DIR", launch.dir().join("data"))
        .output()
        .expect("a shell");
    assert_eq!(closed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&closed.stderr).contains("no key was made"));
    assert_eq!(keys(&launch), before);
    assert!(launch.run(&["keys", "create", "--owner", "x"]).starts_with("crk_"));
    assert_eq!(keys(&launch), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_admin_key_is_made_at_the_first_start_that_can_show_it() {
    for sink in Sink::ALL {
        let launch = Launch::new();
        let calrelay = launch.start_unheard(sink).await;
        assert_eq!(keys(&launch), 0, "{sink:?}: a key that nobody saw");
        let (status, ..) = calrelay.stop_by("TERM").await;
        assert!(status.success());
        let calrelay = launch.start().await;
        assert!(calrelay.key().starts_with("crk_"));
        assert_eq!(keys(&launch), 1);
        calrelay.submit(&event("Unheard"), "with-it").await.expect("the key works");
    }
}
