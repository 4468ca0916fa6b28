//! `calrelay api`: the ingress alone. As many as one likes, on the same servers.

use adapter_rabbitmq::Part;
use anyhow::Context as _;
use worker::Stop;

use crate::config::{Config, Role};
use crate::installation::Installation;
use crate::process::Process;
use crate::{google_link, ingress};

/// Runs until a signal, then finishes the requests in flight.
///
/// # Errors
/// Whatever keeps it from starting, in a sentence.
pub async fn run() -> anyhow::Result<()> {
    let mut config = Config::from_env(Role::Api, |name| std::env::var(name).ok())?;
    config.port = ingress::settled_port(&config)?;
    let mut process = Process::begin(&config)?;
    let keys = config.encryption_keys.as_ref();
    let installation = Installation::on_servers(config.servers()?, Part::Ingress, keys, config.retention);
    let installation = process.wait_for(installation).await?;
    let public_url = ingress::public_url(&config)?;
    let redirect_uri = ingress::redirect_uri(&config, &public_url);
    let link =
        process.wait_for(google_link::open(&config.google, Some(&redirect_uri), &config.data_dir)).await?;
    link.guard(installation.vault.as_ref(), &installation.accounts).await?;

    let stop = Stop::default();
    let ingress = ingress::bind(&config, &link, &installation, &public_url)?;
    let roles = vec![("api", ingress.readiness())];
    let mut process = process.serve(&config, stop.clone(), roles, installation.watched(None))?;
    tracing::info!(
        "Accepting jobs on {public_url} as an ingress; operators' port http://{}; Google: {}",
        process.admin,
        link.told()
    );
    ingress.serve(stop.taking.clone()).await.context("the ingress broke")?;
    process.look_away().await;
    installation.close().await;
    tracing::info!("Stopped; whatever was accepted is in the queue");
    process.end().await
}
