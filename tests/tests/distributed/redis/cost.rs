//! What a job costs Redis. Printed, never asserted: machines differ.

use std::sync::Arc;
use std::time::Instant;

use common::conformance::sample;
use common::job::{Effect, Step, Tally};
use common::port::{Backlog, JobStore};
use tokio::task::JoinSet;

use super::{accepted, server, store, taken};

const JOBS: usize = 6_000;
const AT_ONCE: usize = 64;

/// A number of `INFO`.
fn info(server: &tests::RedisServer, section: &str, name: &str) -> f64 {
    let text = server.command(&["INFO", section]);
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
}

/// How often clients have called `command`; commands within scripts are counted by their own names.
fn calls(server: &tests::RedisServer, command: &str) -> f64 {
    let text = server.command(&["INFO", "commandstats"]);
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or(0.0)
}

async fn run_through(ingress: Arc<dyn JobStore>, worker: Arc<dyn JobStore>, jobs: usize) {
    for _ in 0..jobs {
        let job = sample::job("o", &format!("a{}", rand_account()));
        accepted(&ingress, &job, Backlog::default()).await;
        taken(&ingress, &job.id, Step::Enqueued).await;
        let claim = sample::claim(sample::at(60));
        let start =
            Step::Start { claim: claim.clone(), hop: 1, tally: Tally::default(), effect: Effect::None };
        taken(&worker, &job.id, start).await;
        taken(&worker, &job.id, Step::BeginWrite(claim)).await;
        taken(&worker, &job.id, Step::Succeed(sample::sealed())).await;
    }
}

fn rand_account() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % 100
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_costs_redis() {
    let server = server().await;
    let (ingress, worker) = (store(&server), store(&server));
    // The scripts are loaded, and the connections made.
    run_through(ingress.clone(), worker.clone(), 100).await;
    let keys_before = server.command(&["DBSIZE"]).parse::<f64>().unwrap();
    let figures = || {
        let cpu =
            ["used_cpu_user", "used_cpu_sys"].map(|name| info(&server, "cpu", name)).iter().sum::<f64>();
        let trips = calls(&server, "evalsha");
        (cpu, trips, calls(&server, "get"), info(&server, "memory", "used_memory"))
    };
    let before = figures();
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..AT_ONCE {
        running.spawn(run_through(ingress.clone(), worker.clone(), JOBS / AT_ONCE));
    }
    running.join_all().await;
    let took = began.elapsed();
    let after = figures();
    let jobs = (JOBS / AT_ONCE * AT_ONCE) as f64;
    let keys = server.command(&["DBSIZE"]).parse::<f64>().unwrap() - keys_before;
    println!(
        "{jobs} jobs, {AT_ONCE} at once: {:.0} jobs/s; per job {:.1} scripts, {:.1} reads (one of them accept's own), \
         {:.0} us of Redis CPU, {:.2} keys, {:.0} bytes once it has succeeded",
        jobs / took.as_secs_f64(),
        (after.1 - before.1) / jobs,
        (after.2 - before.2) / jobs,
        (after.0 - before.0) * 1e6 / jobs,
        keys / jobs,
        (after.3 - before.3) / jobs,
    );
}
