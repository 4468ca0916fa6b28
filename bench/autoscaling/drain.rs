//! How long fleets of different sizes take for the same jobs.

use jiff::Timestamp;

use crate::fleet::{Fleet, seconds};
use crate::{CONCURRENCY, JOBS, LATENCY};

const FLEETS: [usize; 4] = [1, 2, 4, 8];

/// Prints a row for each size: the median of the runs, and their range.
pub async fn measure(fleet: &mut Fleet, runs: usize) {
    let mut took: [Vec<f64>; FLEETS.len()] = Default::default();
    for run in 0..runs {
        for (workers, took) in FLEETS.into_iter().zip(&mut took) {
            took.push(drain(fleet, workers, run).await);
        }
    }
    println!(
        "workers  seconds (median, range)   jobs/s   of what {CONCURRENCY} at a time allow   efficiency"
    );
    let alone = median(&mut took[0]);
    for (workers, took) in FLEETS.into_iter().zip(&mut took) {
        let time = median(took);
        let (rate, size) = (JOBS as f64 / time, workers as f64);
        let most = size * CONCURRENCY as f64 / LATENCY.as_secs_f64();
        println!(
            "{workers:>7}  {time:>7.1} ({:.1} to {:.1})  {rate:>9.0}  {:>27.0} %  {:>19.2}",
            took[0],
            took[took.len() - 1],
            100.0 * rate / most,
            alone / time / size,
        );
    }
}

/// From the start of so many workers to the end of the last job, of jobs that were all waiting.
async fn drain(fleet: &mut Fleet, workers: usize, run: usize) -> f64 {
    let ids = fleet.post(&format!("drain-{workers}-{run}"), JOBS).await;
    let began = Timestamp::now();
    fleet.scale(workers).await;
    fleet.drained().await;
    let last = fleet.ends(&ids).await.into_iter().map(|ended| ended.at).max().expect("jobs");
    fleet.scale(0).await;
    seconds(began, last)
}

/// Sorts.
fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
