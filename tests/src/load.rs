//! Many jobs, posted by many callers at once, and what became of them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::eventually;
use crate::installation::{Accepted, Caller, Installation};
use crate::jobs::event_with;
use crate::sandbox::SandboxView;

const CALENDARS: usize = 50;

/// How long a caller tries until it gives up, and the test with it.
const PATIENCE: Duration = Duration::from_secs(180);

/// Callers that post one job after the other, each until it is accepted.
pub struct Load {
    accepted: Arc<Mutex<Vec<Acceptance>>>,
    posted: Arc<AtomicUsize>,
    stopped: Arc<AtomicUsize>,
    callers: JoinSet<()>,
}

/// One job that was accepted.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The job, and what it took.
    pub job: Accepted,
    /// When.
    pub at: Instant,
}

/// What was found of the jobs that were accepted.
#[derive(Debug)]
pub struct Outcome {
    /// Events that stand in Google.
    pub events: usize,
    /// Titles that stand there more than once.
    pub doubled: usize,
    /// Jobs without an event.
    pub missing: usize,
    /// Jobs by the state that they are shown in.
    pub states: HashMap<String, usize>,
}

fn calendar(number: usize) -> String {
    format!("team-{number}@group.calendar.example.com")
}

fn numbered(number: usize) -> Value {
    let calendar = calendar(number % CALENDARS);
    event_with(&format!("Job {number}"), &json!({"calendarId": calendar}))
}

/// Gives the sandbox's first user the calendars that the jobs go to, and lifts its quotas.
pub async fn prepare_load(sandbox: &SandboxView) {
    sandbox.no_quotas().await;
    let calendars: Vec<String> = (0..CALENDARS).map(calendar).collect();
    sandbox.control("/_sandbox/users/ada@example.com", &json!({"calendars": calendars})).await;
}

impl Load {
    /// Posts `jobs` jobs: `at_once` callers, each of which rests for `pause` after an acceptance.
    pub fn start(caller: &Caller, jobs: usize, at_once: usize, pause: Duration) -> Self {
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let (posted, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(jobs)));
        let mut callers = JoinSet::new();
        for _ in 0..at_once {
            let (caller, accepted, posted) = (caller.clone(), Arc::clone(&accepted), Arc::clone(&posted));
            let stopped = Arc::clone(&stopped);
            callers.spawn(async move {
                loop {
                    let number = posted.fetch_add(1, Ordering::Relaxed);
                    if number >= stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    let job = caller.submit(&numbered(number), &format!("load-{number}"), PATIENCE).await;
                    accepted
                        .lock()
                        .expect("nothing panics holding it")
                        .push(Acceptance { job, at: Instant::now() });
                    tokio::time::sleep(pause).await;
                }
            });
        }
        Self { accepted, posted, stopped, callers }
    }

    /// How many were accepted by now.
    pub fn accepted(&self) -> usize {
        self.accepted.lock().expect("nothing panics holding it").len()
    }

    /// Waits until so many are accepted.
    pub async fn until_accepted(&self, jobs: usize) {
        eventually(&format!("{jobs} accepted jobs"), PATIENCE, || async {
            (self.accepted() >= jobs).then_some(())
        })
        .await;
    }

    /// Posts no further jobs; those that were posted are still posted until they are accepted.
    pub fn enough(&self) {
        self.stopped.store(self.posted.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Waits until every job is accepted, and answers them in the order of their acceptance.
    pub async fn all(mut self) -> Vec<Acceptance> {
        while let Some(caller) = self.callers.join_next().await {
            caller.expect("every job was accepted");
        }
        std::mem::take(&mut *self.accepted.lock().expect("nothing panics holding it"))
    }
}

/// Waits until no message is left in the installation's broker, and looks what became of the jobs.
pub async fn outcome(installation: &Installation, jobs: &[Acceptance]) -> Outcome {
    eventually("an empty broker", Duration::from_secs(420), || async {
        let messages: u64 = installation.vhost().messages().await.values().sum();
        if messages > 0 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        (messages == 0).then_some(())
    })
    .await;
    outcome_of(&installation.sandbox().view(), &installation.caller(), jobs).await
}

/// Looks what became of the jobs.
///
/// # Panics
/// When one of them is unknown to the caller's server, or two of them are one.
pub async fn outcome_of(google: &SandboxView, caller: &Caller, jobs: &[Acceptance]) -> Outcome {
    let stored = google.events().await;
    // The sandbox refuses an id that it knows, so a doubled event would have another id: titles tell.
    let mut titles: HashMap<&str, usize> = HashMap::new();
    for event in stored.values() {
        *titles.entry(event.event["summary"].as_str().expect("a title")).or_default() += 1;
    }
    let mut states: HashMap<String, usize> = HashMap::new();
    for chunk in jobs.chunks(100) {
        for answer in join_all(chunk.iter().map(|accepted| caller.job(&accepted.job.id))).await {
            let answer = answer.expect("an answer");
            assert_eq!(answer.status, 200, "{answer:?}");
            *states.entry(answer.body["state"].as_str().expect("a state").to_owned()).or_default() += 1;
        }
    }
    let ids: HashSet<&str> = jobs.iter().map(|accepted| accepted.job.id.as_str()).collect();
    assert_eq!(ids.len(), jobs.len(), "two jobs have one id");
    Outcome {
        events: stored.len(),
        doubled: titles.values().filter(|count| **count != 1).count(),
        missing: ids.iter().filter(|id| !stored.contains_key(**id)).count(),
        states,
    }
}

/// The value below which `share` of `sorted` lies.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().checked_sub(1).expect("at least one");
    sorted[((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1).min(last)]
}
