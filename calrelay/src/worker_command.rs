//! `calrelay worker`: a worker alone. As many as one likes, on the same servers.

use std::sync::Arc;

use adapter_rabbitmq::Part;
use worker::{Stop, Worker};

use crate::config::{Config, NoticesConfig, Role};
use crate::google_link;
use crate::installation::Installation;
use crate::process::Process;

/// Runs until a signal, then drains.
///
/// # Errors
/// Whatever keeps it from starting, in a sentence.
pub async fn run() -> anyhow::Result<()> {
    let mut config = Config::from_env(Role::Worker, |name| std::env::var(name).ok())?;
    let mut process = Process::begin(&config)?;
    let part = Part::Worker { prefetch: prefetch(config.concurrency) };
    let keys = config.encryption_keys.as_ref();
    let installation = Installation::on_servers(config.servers()?, part, keys, config.retention);
    let installation = process.wait_for(installation).await?;
    let link = process.wait_for(google_link::open(&config.google, None, &config.data_dir)).await?;
    link.guard(installation.vault.as_ref(), &installation.accounts).await?;

    let stop = Stop::default();
    worker::describe_metrics();
    let worker = Worker::new(installation.ports(&link), settings(&mut config)?, stop.clone());
    let (taking, consuming) = (worker.readiness(), installation.is_consuming());
    let roles = vec![("worker", Arc::new(move || taking() && consuming()) as _)];
    let watched = installation.watched(Some(worker.google_answers()));
    let mut process = process.serve(&config, stop.clone(), roles, watched)?;
    tracing::info!(
        "Working on {} jobs at a time; operators' port http://{}; Google: {}",
        config.concurrency,
        process.admin,
        link.told()
    );
    let letting_go = async {
        stop.taking.cancelled().await;
        // What nobody has begun is for the other workers, now and not at the end of the drain.
        installation.stop_receiving().await;
    };
    let (handed_back, ()) = tokio::join!(worker.run(), letting_go);
    process.look_away().await;
    installation.close().await;
    tracing::info!("Stopped; {handed_back} jobs went back to the queue unfinished, nothing is lost");
    process.end().await
}

/// What a worker is set to.
///
/// # Errors
/// When this system cannot speak to whom it is to tell.
pub fn settings(config: &mut Config) -> anyhow::Result<worker::Settings> {
    let notices = config.notices.take().map(NoticesConfig::open).transpose()?;
    Ok(worker::Settings {
        concurrency: config.concurrency,
        drain: config.drain,
        max_attempts: config.max_attempts,
        quotas: config.quotas,
        retention: config.retention,
        notices: Arc::new(notices.unwrap_or_default()),
    })
}

/// Each of the two lanes may hold as many in hand as run at a time: the next is there when one ends,
/// and little is held that another worker could do.
fn prefetch(concurrency: usize) -> u16 {
    u16::try_from(concurrency).unwrap_or(u16::MAX)
}
