//! Metrics: the recorder, its buckets, and its upkeep.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tokio_util::sync::CancellationToken;

/// From a millisecond to a day: a job may wait for hours.
const SECONDS: [f64; 17] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0,
    86400.0,
];
/// Histograms hold every sample until they are drained, scraped or not.
const UPKEEP: Duration = Duration::from_secs(5);

/// Renders the metrics page.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Installs the process's recorder and starts its upkeep.
///
/// # Errors
/// When there is one already.
pub fn install(stop: CancellationToken) -> anyhow::Result<Render> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .context("the buckets are not empty")?
        .install_recorder()
        .context("a metrics recorder is installed already")?;
    metrics::describe_gauge!("calrelay_build_info", "1, with the version as a label");
    metrics::gauge!("calrelay_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let upkeep = handle.clone();
    tokio::spawn(async move {
        // Both branches are cancel safe: upkeep itself does not wait.
        loop {
            tokio::select! {
                () = tokio::time::sleep(UPKEEP) => upkeep.run_upkeep(),
                () = stop.cancelled() => return,
            }
        }
    });
    Ok(Arc::new(move || handle.render()))
}
