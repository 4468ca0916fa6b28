//! At the project's limit jobs wait for their turns without asking for them all the time.

#![expect(clippy::print_stdout, reason = "the figures of a measurement")]

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tests::{Caller, Installation, Plan, all_succeeded, connect, each_once, event_of, sliding_minutes};

/// Half of the round trip to a Redis that is far away.
const FAR: Duration = Duration::from_millis(90);

/// What jobs of many accounts cost at the project's limit.
struct Crowd {
    accounts: usize,
    jobs: usize,
    /// Google's limit for the project, a minute.
    limit: usize,
    /// Jobs in the hands of a worker.
    slots: usize,
    /// Whether one worker's Redis is far away.
    far: bool,
}

/// What was measured.
#[derive(Debug)]
struct Cost {
    /// Redis scripts a job, of the workers alone.
    scripts: f64,
    /// The share of Google's limit.
    used: f64,
    /// The most that Google saw in a minute.
    most: usize,
    refused: usize,
    /// Jobs that were charged with an attempt.
    charged: usize,
}

impl Crowd {
    async fn measure(&self) -> Cost {
        let mut calrelay = Plan::new(1, 3)
            .unlimited()
            .with("QUOTA_PROJECT_PER_MINUTE", self.limit)
            .with("WORKER_CONCURRENCY", self.slots)
            .start()
            .await;
        let google = calrelay.sandbox().view();
        stream::iter(0..self.accounts)
            .for_each_concurrent(8, |number| {
                let calrelay = &calrelay;
                async move {
                    let (account, user) = (format!("a{number}"), format!("a{number}@example.com"));
                    connect(calrelay, &account, &user, &[]).await;
                }
            })
            .await;
        // Every account has its token: what that takes is not what is measured.
        let caller = calrelay.caller();
        let mut ids = self.submit(&caller, self.accounts).await;
        all_succeeded(&caller, &ids, Duration::from_secs(120)).await;
        for worker in 0..3 {
            calrelay.worker(worker).terminate().await;
        }
        let began = Timestamp::now();
        ids.extend(self.submit(&caller, self.jobs).await);
        calrelay.redis().command(&["CONFIG", "RESETSTAT"]);
        if self.far {
            calrelay.workers()[0].redis().move_away(FAR);
        }
        for worker in 0..3 {
            calrelay.worker(worker).start().await;
        }
        let expected = Duration::from_secs((self.jobs * 60 / self.limit) as u64);
        // Not all are asked for all the time: that would be the test's load, and not the workers'.
        tokio::time::sleep(expected).await;
        all_succeeded(&caller, &ids, Duration::from_secs(60)).await;
        let scripts = scripts(&calrelay) as f64 / self.jobs as f64;
        each_once(&google, &ids).await;
        let requests = google.requests().await;
        let mut starts: Vec<Timestamp> = requests
            .iter()
            .filter(|request| request.method == "events.insert" && request.start >= began)
            .map(|request| request.start)
            .collect();
        starts.sort();
        let span = starts[starts.len() - 1].duration_since(starts[0]).as_secs_f64();
        let charged = stream::iter(&ids)
            .map(|id| {
                let caller = &caller;
                async move { caller.job(id).await.unwrap().body["attempts"] != 0 }
            })
            .buffer_unordered(16)
            .filter(|charged| std::future::ready(*charged))
            .count()
            .await;
        let refused = requests.iter().filter(|request| request.status != Some(200)).count();
        let used = (starts.len() - 1) as f64 / span * 60.0 / self.limit as f64;
        let cost = Cost { scripts, used, most: sliding_minutes(&starts).1, refused, charged };
        println!("{} jobs of {} accounts in {span:.1} s: {cost:?}", self.jobs, self.accounts);
        cost
    }

    async fn submit(&self, caller: &Caller, jobs: usize) -> Vec<String> {
        stream::iter(0..jobs)
            .map(|number| {
                let account = format!("a{}", number % self.accounts);
                let event = event_of(&account, "primary", &format!("Job {number}"));
                async move {
                    let accepted = caller.post(&event, None).await.unwrap();
                    assert_eq!(accepted.status, 202, "{accepted:?}");
                    accepted.body["jobId"].as_str().unwrap().to_owned()
                }
            })
            .buffer_unordered(16)
            .collect()
            .await
    }
}

/// How many scripts Redis has run.
fn scripts(calrelay: &Installation) -> u64 {
    let stats = calrelay.redis().command(&["INFO", "commandstats"]);
    let calls = |name: &str| -> u64 {
        let line = stats.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |line| line.split(',').next().and_then(|calls| calls.parse().ok()).expect("a count"))
    };
    calls("cmdstat_evalsha:calls=") + calls("cmdstat_eval:calls=")
}

impl Cost {
    /// `scripts` has room for what is not a job's: the first sweeps of the accounts, and the gauges.
    fn holds(&self, limit: usize, scripts: f64, least: f64) {
        assert!(self.scripts <= scripts, "{self:?}");
        assert!(self.most <= limit, "{self:?}");
        assert_eq!((self.refused, self.charged), (0, 0), "{self:?}");
        assert!(self.used >= least, "{self:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_projects_limit_a_job_costs_a_few_scripts_and_no_attempt() {
    let crowd = Crowd { accounts: 20, jobs: 240, limit: 1_500, slots: 16, far: true };
    // The shortest runs use a line's slack, and lose a moment at either end.
    crowd.measure().await.holds(1_500, 6.0, 0.8);
}

mod rarely {
    use super::*;

    const CROWD: Crowd = Crowd { accounts: 500, jobs: 5_000, limit: 4_000, slots: 256, far: false };

    #[tokio::test(flavor = "multi_thread")]
    async fn three_workers_use_97_percent_of_the_projects_limit_with_a_few_scripts_a_job() {
        CROWD.measure().await.holds(4_000, 6.0, 0.97 * 0.98);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn and_with_one_workers_redis_far_away() {
        Crowd { far: true, ..CROWD }.measure().await.holds(4_000, 6.0, 0.97 * 0.98);
    }
}
