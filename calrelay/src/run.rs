//! `calrelay run`: everything in one process, wired by hand.

use accounts::keys::ApiKeys;
use anyhow::Context as _;
use api::Access;
use common::port::TokenEndpoint as _;
use secrecy::{ExposeSecret as _, SecretString};
use worker::{Stop, Worker};

use crate::banner::{self, Banner};
use crate::config::{Config, Role};
use crate::installation::Installation;
use crate::keys::{self, NewKey};
use crate::process::Process;
use crate::{google_kind, google_link, ingress, output, worker_command};

/// Runs until a signal, then drains.
///
/// # Errors
/// Whatever keeps it from starting, in a sentence.
pub async fn run() -> anyhow::Result<()> {
    let mut config = Config::from_env(Role::Run, |name| std::env::var(name).ok())?;
    config.port = ingress::settled_port(&config)?;
    let process = Process::begin(&config)?;
    let installation =
        Installation::in_own_folder(&config.data_dir, config.encryption_keys.as_ref(), config.retention)
            .await?;
    let public_url = ingress::public_url(&config)?;
    let redirect_uri = ingress::redirect_uri(&config, &public_url);
    let link = google_link::open(&config.google, Some(&redirect_uri), &config.data_dir).await?;
    link.guard(installation.vault.as_ref(), &installation.accounts).await?;
    google_kind::remember(link.kind(), installation.vault.as_ref()).await?;
    link.connect_default(&installation.accounts).await?;

    let stop = Stop::default();
    worker::describe_metrics();
    let ports = installation.ports(&link);
    let worker = Worker::new(ports, worker_command::settings(&mut config)?, stop.clone());
    let ingress = ingress::bind(&config, &link, &installation, &public_url)?;
    let roles = vec![("api", ingress.readiness()), ("worker", worker.readiness())];
    let watched = installation.watched(Some(worker.google_answers()));
    let mut process = process.serve(&config, stop.clone(), roles, watched)?;
    let banner = Banner {
        program: &banner::program(),
        public_url: &public_url,
        admin: process.admin,
        sandbox: link.sandbox_url.as_deref(),
        client: &link.oauth.client(),
        needs_key: config.access == Access::Keys,
    };
    announce(&banner, &installation.keys).await?;

    if let Some(exposed) = config.exposed() {
        tracing::warn!("{exposed}");
    }
    tracing::info!(
        "Ready: accepting jobs on {public_url}; operators' port http://{}; Google: {}",
        process.admin,
        link.told()
    );

    let serving = tokio::spawn(ingress.serve(stop.taking.clone()));
    let handed_back = worker.run().await;
    serving.await.context("the ingress panicked")?.context("the ingress broke")?;
    process.look_away().await;
    installation.close().await;
    if let Some(sandbox) = link.own {
        sandbox.stop().await.context("the sandbox did not stop in order")?;
    }
    tracing::info!("Stopped; {handed_back} jobs went back to the queue unfinished, nothing is lost");
    process.end().await
}

/// Says where everything is. An installation without keys gets one, if that can be shown.
///
/// # Errors
/// When the vault cannot be used.
async fn announce(banner: &Banner<'_>, keys: &ApiKeys) -> anyhow::Result<()> {
    if !banner.needs_key || !keys.list().await?.is_empty() {
        // The log has the addresses too.
        let _ = output::announce(&banner.text(None));
        return Ok(());
    }
    let show = |key: &SecretString| output::announce(&banner.text(Some(key.expose_secret())));
    if let Err(unsaid) = keys::make(keys, NewKey::first(), show).await? {
        tracing::warn!(
            "No admin key was made, since it could not be shown: {unsaid}. The next start makes one, and so does \
             `calrelay keys create --scope admin`"
        );
    }
    Ok(())
}
