//! How workers scale: how long 1, 2, 4 and 8 of them take for twenty thousand jobs, and what happens to the jobs
//! when an autoscaler starts and ends workers by KEDA's figures.
//!
//! `cargo build --release && cargo bench -p bench --bench autoscaling`, on a machine that does nothing else;
//! `-- RUNS` for another number of runs than three. RabbitMQ and Redis have to be installed.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "figures are what it is for")]

mod drain;
mod fleet;
mod scaled;

use std::time::Duration;

use fleet::Fleet;

/// Jobs in a run.
const JOBS: usize = 20_000;
/// Whose they are, in turn.
const ACCOUNTS: usize = 400;
/// What Google takes for an answer.
const LATENCY: Duration = Duration::from_millis(300);
/// Jobs that a worker has in hand.
const CONCURRENCY: usize = 32;
/// The largest fleet.
const WORKERS: usize = 8;

#[tokio::main]
async fn main() {
    let runs = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(3);
    println!(
        "{JOBS} jobs of {ACCOUNTS} accounts, Google at {} ms, {CONCURRENCY} jobs at a time in each worker, {} processors",
        LATENCY.as_millis(),
        std::thread::available_parallelism().map_or(0, usize::from),
    );
    let mut fleet = Fleet::install().await;
    drain::measure(&mut fleet, runs).await;
    scaled::measure(&mut fleet).await;
    fleet.count_events().await;
}
