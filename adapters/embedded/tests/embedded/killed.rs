//! What was confirmed survives the process that confirmed it.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use adapter_embedded::Role;
use common::job::JobId;
use common::port::{Backlog, JobQueue as _, JobStore as _, Lane};
use common::sample;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bench::{Folder, open};

const FOLDER: &str = "CALRELAY_TEST_FOLDER";

#[tokio::test]
async fn what_was_confirmed_before_a_kill_is_there_after_it() {
    let mut folder = Folder::new();
    for round in 0..3 {
        let confirmed = killed_after(&folder, 300 * (round + 1));
        let worker = folder.worker().await;
        let mut queued = HashSet::new();
        while let Ok(delivery) = timeout(Duration::from_secs(1), worker.queue().receive()).await {
            queued.insert(delivery.unwrap().message.unwrap().job);
        }
        assert!(confirmed.len() >= 300, "{} were confirmed", confirmed.len());
        for job in confirmed {
            assert!(queued.contains(&job), "the message of {job} is gone");
            assert!(worker.store().get(&job).await.unwrap().is_some(), "the record of {job} is gone");
        }
        folder.close().await;
    }
}

/// Lets a process accept jobs, kills it once it has confirmed so many, and answers all it confirmed.
fn killed_after(folder: &Folder, enough: usize) -> HashSet<JobId> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::accepts_jobs_until_it_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut confirmed = HashSet::new();
    let said = BufReader::new(child.stdout.take().unwrap());
    for line in said.lines() {
        // The last line may be cut short; and the test harness says things too.
        if let Some(id) = line.unwrap().strip_prefix("confirmed ").and_then(|id| JobId::parse(id).ok()) {
            confirmed.insert(id);
        }
        if confirmed.len() == enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    confirmed
}

#[ignore = "it is the process that another test kills"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepts_jobs_until_it_is_killed() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("started by the other test"));
    let worker = open(&folder, Role::Worker).await.unwrap();
    let mut accepting = JoinSet::new();
    for _ in 0..64 {
        let (queue, store) = (worker.queue(), worker.store());
        accepting.spawn(async move {
            // Far more than it lives to see; it ends by itself if nobody kills it.
            for _ in 0..10_000 {
                let message = sample::message();
                let job = sample::job("o", "a").with(|fields| fields.id = message.job.clone());
                store.accept(&job, Backlog::default(), &sample::line("a")).await.unwrap();
                queue.publish(&message, Lane::Fresh, Duration::ZERO).await.unwrap();
                // Past the harness's capture, and in one piece.
                let line = format!("confirmed {}\n", message.job);
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    accepting.join_all().await;
}
