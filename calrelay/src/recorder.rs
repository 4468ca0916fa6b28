//! Metrics: the recorder, its buckets, and its upkeep.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use common::port::pause;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tokio_util::sync::CancellationToken;

/// Histograms hold every sample until they are drained, scraped or not.
const UPKEEP: Duration = Duration::from_secs(5);

/// Between machines in one place: half a millisecond to ten seconds, when whoever waits gives up.
const CONFIRMS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Requests over HTTP, ours and Google's: a millisecond to a minute.
const REQUESTS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// What a job may take: a hundredth of a second to the week in which it expires.
const JOBS: [f64; 18] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0,
    86_400.0, 604_800.0,
];

/// What the histograms measure. One without buckets would be rendered as a summary, which cannot be added up.
const BUCKETS: [(Matches, &str, &[f64]); 3] = [
    (Matcher::Suffix, "_seconds", &REQUESTS),
    (Matcher::Prefix, "calrelay_job_", &JOBS),
    (Matcher::Full, "calrelay_publish_confirm_seconds", &CONFIRMS),
];

type Matches = fn(String) -> Matcher;

/// Log lines that could not be written.
pub const LOST_LINES: &str = "calrelay_log_lines_lost_total";

/// Renders the metrics page.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Installs the process's recorder and starts its upkeep.
///
/// # Errors
/// When there is one already.
pub fn install(stop: CancellationToken) -> anyhow::Result<Render> {
    let handle = builder()?.install_recorder().context("a metrics recorder is installed already")?;
    metrics::describe_gauge!("calrelay_build_info", "1, with the version as a label");
    metrics::gauge!("calrelay_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    metrics::describe_counter!(LOST_LINES, "Log lines that could not be written to standard error");
    metrics::counter!(LOST_LINES).increment(0);
    let drained = handle.clone();
    tokio::spawn(keep_up(UPKEEP, move || drained.run_upkeep(), stop));
    Ok(Arc::new(move || handle.render()))
}

fn builder() -> anyhow::Result<PrometheusBuilder> {
    BUCKETS.into_iter().try_fold(PrometheusBuilder::new(), |builder, (matches, names, buckets)| {
        builder
            .set_buckets_for_metric(matches(names.to_owned()), buckets)
            .context("the buckets are not empty")
    })
}

/// The exporter leaves this to whoever installs it (metrics-rs/metrics#467).
async fn keep_up(every: Duration, upkeep: impl Fn(), stop: CancellationToken) {
    // Both branches are cancel safe: upkeep itself does not wait.
    loop {
        tokio::select! {
            () = pause(every) => upkeep(),
            () = stop.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn upkeep_runs_again_and_again_until_the_end() {
        let runs = Cell::new(0);
        let stop = CancellationToken::new();
        let upkeep = || {
            runs.set(runs.get() + 1);
            if runs.get() == 10 {
                stop.cancel();
            }
        };
        keep_up(Duration::from_millis(1), upkeep, stop.clone()).await;
        assert_eq!(runs.get(), 10);
    }

    #[test]
    fn histograms_are_histograms_with_the_buckets_of_what_they_measure() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            for name in ["job_duration_seconds", "publish_confirm_seconds", "google_request_duration_seconds"]
            {
                metrics::histogram!(format!("calrelay_{name}")).record(4.0);
            }
        });
        let page = handle.render();
        for line in [
            r#"calrelay_job_duration_seconds_bucket{le="604800"} 1"#,
            r#"calrelay_publish_confirm_seconds_bucket{le="0.0005"} 0"#,
            r#"calrelay_google_request_duration_seconds_bucket{le="60"} 1"#,
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
        }
        assert!(!page.contains("summary"), "{page}");
    }
}
