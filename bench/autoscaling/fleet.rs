//! An installation whose workers come and go.

use std::time::Duration;

use bench::management::Management;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde_json::json;
use tests::{Caller, Installation, Plan, RabbitServer, connect, eventually};

use crate::{ACCOUNTS, CONCURRENCY, LATENCY, WORKERS};

/// Nothing here takes longer.
const LIMIT: Duration = Duration::from_secs(1_200);
/// Requests at a time.
const CALLERS: usize = 64;

/// RabbitMQ, Redis, a vault, a sandbox, two ingresses, and workers of which none runs at first.
pub struct Fleet {
    installation: Installation,
    caller: Caller,
    /// Which of the workers run: the first so many.
    running: usize,
    /// Every job that was accepted, in any run.
    accepted: usize,
    pub queues: Management,
}

/// One job's end.
pub struct Ended {
    pub at: Timestamp,
}

impl Fleet {
    /// Installs it. The project's quota is lifted, the others are Google's.
    pub async fn install() -> Self {
        let (broker, port) = RabbitServer::start_managed().await;
        let vhost = broker.vhost().await;
        let queues = Management::new(port, vhost.name());
        let lots = 100_000_000;
        let plan = Plan::new(2, WORKERS)
            .with("DEV_NO_AUTH", 1)
            .with("RATE_LIMIT", "100000000/1m")
            .with("QUOTA_PROJECT_PER_MINUTE", lots)
            .with("QUOTA_PROJECT_PER_DAY", lots)
            .with("WORKER_CONCURRENCY", CONCURRENCY);
        let mut installation = plan.start_in(vhost).await;
        for number in 0..WORKERS {
            installation.worker(number).terminate().await;
        }
        let google = installation.sandbox().view();
        google.control("/_sandbox/quota", &json!({"projectPerMinute": lots})).await;
        for number in 0..ACCOUNTS {
            connect(&installation, &account(number), &format!("user-{number}@example.com"), &[]).await;
        }
        google.fault(json!({"method": "*", "latencyMs": LATENCY.as_millis()})).await;
        let caller = installation.caller();
        Self { installation, caller, running: 0, accepted: 0, queues }
    }

    /// How many workers run.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Starts workers, or ends some with SIGTERM, until so many run. Answers how many jobs those that were ended had
    /// in hand.
    pub async fn scale(&mut self, workers: usize) -> f64 {
        let mut in_hand = 0.0;
        let (kept, more) = (self.running.min(workers), workers.max(self.running));
        // One after the other: the figures of a start are the machine's, not calrelay's.
        for number in kept..more {
            let worker = self.installation.worker(number);
            if number < self.running {
                in_hand += worker.process().metric("calrelay_jobs_in_flight").await;
                let (status, _, said) = worker.terminate().await;
                assert!(status.success(), "{status}: {said}");
            } else {
                worker.start().await;
            }
        }
        self.running = workers;
        in_hand
    }

    /// Somebody who posts and asks.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// So many jobs, accepted as fast as the ingresses take them.
    pub async fn post(&mut self, run: &str, jobs: usize) -> Vec<String> {
        let ids = post(&self.caller, run, jobs).await;
        self.accepted += ids.len();
        ids
    }

    /// Jobs that somebody else has posted.
    pub fn count(&mut self, jobs: usize) {
        self.accepted += jobs;
    }

    /// Returns once nothing waits in any queue.
    pub async fn drained(&self) {
        eventually("the queues to be empty", LIMIT, || async {
            let messages: u64 = self.installation.vhost().messages().await.values().sum();
            (messages == 0).then_some(())
        })
        .await;
    }

    /// How each of these jobs has ended.
    ///
    /// # Panics
    /// Unless all of them have succeeded.
    pub async fn ends(&self, ids: &[String]) -> Vec<Ended> {
        let ends = stream::iter(ids).map(|id| async move {
            let job = eventually("a job's end", LIMIT, || async {
                let job = self.caller.job(id).await.ok()?.body;
                job["finishedAt"].is_string().then_some(job)
            })
            .await;
            assert_eq!(job["state"], "succeeded", "{job}");
            let at = job["finishedAt"].as_str().and_then(|text| text.parse().ok()).expect("an instant");
            Ended { at }
        });
        ends.buffer_unordered(CALLERS).collect().await
    }

    /// Whether Google holds each accepted event once.
    ///
    /// # Panics
    /// When it does not.
    pub async fn count_events(&self) {
        let events = self.installation.sandbox().view().events().await;
        let twice = events.values().filter(|stored| stored.inserts != 1).count();
        println!("{} accepted in all, {} events, {twice} of them twice", self.accepted, events.len());
        assert_eq!((events.len(), twice), (self.accepted, 0), "each once");
    }
}

/// The name of an account.
pub fn account(number: usize) -> String {
    format!("account-{}", number % ACCOUNTS)
}

/// Posts jobs, each of another account than the one before.
pub async fn post(caller: &Caller, run: &str, jobs: usize) -> Vec<String> {
    let posting = stream::iter(0..jobs).map(|number| async move {
        let event = json!({
            "account": account(number), "summary": format!("{run} {number}"), "conference": false,
            "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
        });
        caller.submit(&event, &format!("{run}-{number}"), LIMIT).await.id
    });
    posting.buffer_unordered(CALLERS).collect().await
}

/// The seconds between two instants.
pub fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
