//! `calrelay run`: everything in one process, wired by hand.

use std::net::SocketAddr;

use anyhow::Context as _;
use api::Access;
use common::keys::{ApiKeys, Scope};
use common::owner::Owner;
use common::port::TokenEndpoint as _;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use worker::{Stop, Worker};

use crate::banner::Banner;
use crate::config::{Config, Role};
use crate::google_link::{self, GoogleLink};
use crate::installation::Installation;
use crate::process::Process;
use crate::{ingress, worker_command};

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
    link.guard(&installation.accounts).await?;
    link.connect_default(&installation.accounts).await?;

    let stop = Stop::default();
    worker::describe_metrics();
    let ports = installation.ports(&link);
    let worker = Worker::new(ports, worker_command::settings(&mut config)?, stop.clone());
    let ingress = ingress::bind(&config, &link, &installation, &public_url)?;
    let roles = vec![("api", ingress.readiness()), ("worker", worker.readiness())];
    let watched = installation.watched(Some(worker.google_answers()));
    let process = process.serve(&config, stop.clone(), roles, watched)?;
    let new_key = match config.access {
        Access::Open => None,
        Access::Keys => first_key(&installation.keys).await?,
    };
    announce(&config, &link, &public_url, process.admin, new_key.as_ref());

    let serving = tokio::spawn(ingress.serve(stop.taking.clone()));
    let handed_back = worker.run().await;
    serving.await.context("the ingress panicked")?.context("the ingress broke")?;
    installation.close().await;
    if let Some(sandbox) = link.own {
        sandbox.stop().await.context("the sandbox did not stop in order")?;
    }
    tracing::info!("Stopped; {handed_back} jobs went back to the queue unfinished, nothing is lost");
    process.end().await
}

/// An installation without keys gets one; it is shown this once.
///
/// # Errors
/// When the vault cannot be used.
pub async fn first_key(keys: &ApiKeys) -> anyhow::Result<Option<SecretString>> {
    if !keys.list().await?.is_empty() {
        return Ok(None);
    }
    Ok(Some(keys.create(Owner::local(), vec![Scope::Admin], None).await?))
}

#[expect(clippy::print_stdout, reason = "it is what a newcomer is looking for")]
fn announce(
    config: &Config,
    link: &GoogleLink,
    public_url: &Url,
    admin: SocketAddr,
    key: Option<&SecretString>,
) {
    let banner = Banner {
        public_url,
        admin,
        sandbox: link.sandbox_url.as_deref(),
        client: &link.oauth.client(),
        new_key: key.map(ExposeSecret::expose_secret),
        needs_key: config.access == Access::Keys,
    };
    println!("{}", banner.text());
}
