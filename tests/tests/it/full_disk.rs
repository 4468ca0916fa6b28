//! The data and the log on one disk that is full: nothing is promised, nothing is lost, nothing ends.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Calrelay, Launch, event_with, eventually};

const LIMIT: Duration = Duration::from_secs(60);

fn numbered(number: usize) -> Value {
    event_with(&format!("Of a full disk {number}"), &json!({"description": "x".repeat(8_000)}))
}

/// A disk as the process sees it: it is mounted for the process alone, and gone with it.
struct Disk(PathBuf);

impl Disk {
    fn of(calrelay: &Calrelay) -> Self {
        Self(
            format!("/proc/{}/root{}", calrelay.pid(), calrelay.launch().dir().join("data").display()).into(),
        )
    }

    /// Leaves no room at all.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut filler = OpenOptions::new().append(true).create(true).open(&path).expect("a file");
        for size in [4096, 1] {
            while filler.write(&vec![0; size]).is_ok_and(|written| written > 0) {}
        }
        path
    }
}

/// Starts it with its data folder on a small disk of its own, which holds its log as well.
async fn start(launch: &Launch) -> Calrelay {
    std::fs::create_dir(launch.dir().join("data")).expect("a folder");
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    // Others than root mount in a user namespace of their own.
    let namespace: &[&str] = if root { &["--mount"] } else { &["--mount", "--map-root-user"] };
    let script = "mount -t tmpfs -o size=6m,mode=0700 tmpfs data && exec \"$0\" 2>>data/log";
    let mut wrapper = vec!["unshare"];
    wrapper.extend(namespace);
    wrapper.extend(["sh", "-c", script]);
    launch.start_by(&wrapper).await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_data_and_log_on_one_full_disk_nothing_is_promised_and_what_was_accepted_is_done() {
    let launch = Launch::new().unlimited().with("DEV_NO_AUTH", 1).with("RUST_LOG", "debug");
    let calrelay = start(&launch).await;
    let slow = json!({"method": "events.insert", "latencyMs": 20_000, "count": 3});
    calrelay.sandbox().fault(slow).await;
    let mut accepted = Vec::new();
    for number in 0..3 {
        accepted
            .push(calrelay.submit(&numbered(number), &format!("before-{number}")).await.expect("accepted"));
    }
    let filler = Disk::of(&calrelay).fill();
    let mut refused = 0;
    for number in 0..40 {
        let reply = calrelay
            .post("/api/v1/events", &numbered(number))
            .header("Idempotency-Key", format!("full-{number}"))
            .send()
            .await
            .expect("the process answers");
        let retry_after = reply.headers().get("retry-after").is_some();
        let status = reply.status().as_u16();
        let body: Value = reply.json().await.expect("JSON");
        match status {
            202 => accepted.push(body["jobId"].as_str().expect("an id").to_owned()),
            503 => {
                assert!(retry_after, "{body}");
                refused += 1;
            }
            other => panic!("{other}: {body}"),
        }
    }
    assert!(refused >= 30, "only {refused} of 40 were refused");
    let told = eventually("readiness to tell", LIMIT, || async {
        let reply = calrelay.http().get(calrelay.admin("/readyz")).send().await.expect("the process answers");
        let body: Value = reply.json().await.expect("JSON");
        (body["dependencies"]["queue"] == "down").then_some(body)
    });
    println!("{}", told.await);

    File::options().write(true).open(&filler).and_then(|file| file.set_len(0)).expect("room is made");
    let id = eventually("acceptance", LIMIT, || async { calrelay.submit(&numbered(99), "after").await.ok() });
    accepted.push(id.await);
    eventually("readiness to tell that it is over", LIMIT, || async {
        let reply = calrelay.http().get(calrelay.admin("/readyz")).send().await.expect("the process answers");
        let body: Value = reply.json().await.expect("JSON");
        (body["dependencies"]["queue"] == "up" && body["ready"] == true).then_some(())
    })
    .await;
    for id in &accepted {
        eventually("every job's success", LIMIT, || async {
            (calrelay.job(id).await["state"] == "succeeded").then_some(())
        })
        .await;
    }
    let events = calrelay.sandbox().events().await;
    assert!(accepted.iter().all(|id| events[id].inserts == 1));
    assert_eq!(events.len(), accepted.len(), "what was refused was not written");
    let (status, ..) = calrelay.terminate().await;
    assert!(status.success());
}
