//! What a job costs Redis, step by step. Printed, never asserted: machines differ.

use std::sync::Arc;
use std::time::Instant;

use common::job::{Effect, Job, Lease, Step, Tally};
use common::port::{Backlog, JobStore};
use common::sample;
use tests::RedisServer;
use tokio::task::JoinSet;

use super::{accepted, server, store, taken};

const JOBS: usize = 6_400;
const AT_ONCE: usize = 64;
/// More than this process remembers would have to be read again; a worker has fewer in hand.
const IN_HAND: usize = 1_600;
const STEPS: [&str; 5] = ["accept", "enqueued", "start", "begin write", "succeed"];

/// A number of `INFO`.
fn info(server: &RedisServer, section: &str, name: &str) -> f64 {
    let text = server.command(&["INFO", section]);
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
}

/// Microseconds that the server has computed so far.
fn computed(server: &RedisServer) -> f64 {
    ["used_cpu_user", "used_cpu_sys"].map(|name| info(server, "cpu", name)).iter().sum::<f64>() * 1e6
}

/// Requests of clients so far. Commands within scripts are counted too, so what only clients send is counted.
fn requests(server: &RedisServer) -> f64 {
    let text = server.command(&["INFO", "commandstats"]);
    let calls = |command: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or(0.0)
    };
    // Each acceptance reads once for the record and once for the line.
    calls("evalsha") + calls("get") - 2.0 * calls("time")
}

async fn step(
    number: usize,
    ingress: &Arc<dyn JobStore>,
    worker: &Arc<dyn JobStore>,
    job: &Job,
    lease: &Lease,
) {
    let start = Step::Start { lease: lease.clone(), hop: 1, tally: Tally::default(), effect: Effect::None };
    match number {
        0 => accepted(ingress, job, Backlog::default()).await,
        1 => drop(taken(ingress, &job.id, Step::Enqueued).await),
        2 => drop(taken(worker, &job.id, start).await),
        3 => drop(taken(worker, &job.id, Step::BeginWrite(lease.clone())).await),
        _ => drop(taken(worker, &job.id, Step::Succeed(sample::sealed())).await),
    }
}

/// Takes one step with each of the jobs.
async fn all(
    number: usize,
    ingress: &Arc<dyn JobStore>,
    worker: &Arc<dyn JobStore>,
    jobs: &Arc<Vec<(Job, Lease)>>,
) {
    let mut running = JoinSet::new();
    for task in 0..AT_ONCE {
        let (ingress, worker, jobs) = (ingress.clone(), worker.clone(), jobs.clone());
        running.spawn(async move {
            for (job, lease) in jobs.iter().skip(task).step_by(AT_ONCE) {
                step(number, &ingress, &worker, job, lease).await;
            }
        });
    }
    running.join_all().await;
}

fn jobs(number: usize) -> Arc<Vec<(Job, Lease)>> {
    let account = |number: usize| format!("a{}", number % 100);
    let job = |number| (sample::job("o", &account(number)), sample::lease(sample::at(60)));
    Arc::new((0..number).map(job).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_costs_redis() {
    let server = server().await;
    let (ingress, worker) = (store(&server), store(&server));
    // Until the scripts are loaded and the sets are large enough to be kept as large ones are.
    let warm = jobs(500);
    for number in 0..STEPS.len() {
        all(number, &ingress, &worker, &warm).await;
    }
    let memory = info(&server, "memory", "used_memory");
    let mut costs = [[0.0; 3]; STEPS.len()];
    for _ in 0..JOBS / IN_HAND {
        let jobs = jobs(IN_HAND);
        for (number, cost) in costs.iter_mut().enumerate() {
            let (cpu, sent, began) = (computed(&server), requests(&server), Instant::now());
            all(number, &ingress, &worker, &jobs).await;
            let took = began.elapsed().as_secs_f64() * 1e6;
            let spent = [requests(&server) - sent, computed(&server) - cpu, took];
            for (sum, spent) in cost.iter_mut().zip(spent) {
                *sum += spent / JOBS as f64;
            }
        }
    }
    println!("{JOBS} jobs, {AT_ONCE} at once; per job:");
    for (name, [requests, cpu, took]) in STEPS.iter().zip(costs) {
        println!(
            "  {name:<12} {requests:>4.1} round trips  {cpu:>5.1} us of Redis CPU  {took:>5.1} us of the clock"
        );
    }
    let sum = |column: usize| costs.iter().map(|cost| cost[column]).sum::<f64>();
    let bytes = (info(&server, "memory", "used_memory") - memory) / JOBS as f64;
    println!("  in all       {:>4.1} round trips  {:>5.1} us of Redis CPU", sum(0), sum(1));
    println!("  {bytes:.0} bytes are kept of one that has succeeded");
}
