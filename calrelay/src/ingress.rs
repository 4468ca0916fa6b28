//! The ingress of a process, over an installation.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use api::{GoogleKind, Ingress, Listening};
use common::account::AccountId;
use url::Url;

use crate::config::Config;
use crate::google_link::GoogleLink;
use crate::installation::Installation;

/// Binds it.
///
/// # Errors
/// When the address cannot be had.
pub fn bind(
    config: &Config,
    link: &GoogleLink,
    installation: &Installation,
    public_url: &Url,
) -> anyhow::Result<Listening> {
    let google = match &link.sandbox_url {
        Some(_) => GoogleKind::Sandbox { page: link.sandbox_page.clone() },
        None => GoogleKind::Live,
    };
    let linger = linger(config);
    let settings = api::Settings {
        access: config.access,
        public_url: Some(public_url.clone()),
        google,
        client: Some(link.client.clone()),
        quotas: config.quotas,
        rate_limit: config.rate_limit,
        trusted_proxies: config.trusted_proxies.clone(),
        allowed_origins: config.allowed_origins.clone(),
        retention: config.retention,
        linger,
        drain: config.drain.saturating_sub(linger),
        ..api::Settings::default()
    };
    let api_ports = api::Ports {
        jobs: installation.operator_ports(),
        keys: Arc::clone(&installation.keys),
        allowances: installation.allowances.clone(),
        google: Arc::new(link.oauth.clone()),
    };
    let (ports, quotas) = (installation.operator_ports(), config.quotas);
    let on_connected = Arc::new(move |account: AccountId| {
        let ports = ports.clone();
        // The workers' own sweep does it again should this be cut short.
        tokio::spawn(async move {
            let Ok(Some(account)) = ports.accounts.get_now(&account).await else {
                return;
            };
            match lifecycle::wake_account(&ports, &quotas, &account).await {
                Ok(lifecycle::Wakeups { woken: 0, .. }) => {}
                Ok(lifecycle::Wakeups { woken: count, .. }) => {
                    tracing::info!(account.id = %account.id, "Woke {count} jobs of account {}", account.id);
                }
                Err(error) => {
                    tracing::warn!(
                        "Blocked jobs could not be woken at once; a worker will wake them: {error}"
                    );
                }
            }
        });
    });
    let ingress = Ingress::new(api_ports, settings, on_connected);
    let address = SocketAddr::new(config.bind, config.port);
    ingress.bind(&[address]).map_err(|error| anyhow!("{error}; PORT and BIND choose another address"))
}

/// Where others send requests here, they need a moment to see that we are not ready any more. It is
/// part of the drain time, so that DRAIN_SECONDS is the whole of it.
fn linger(config: &Config) -> Duration {
    const LONGEST: Duration = Duration::from_secs(5);
    if config.bind.is_loopback() { Duration::ZERO } else { LONGEST.min(config.drain / 5) }
}

/// Port 0 is settled before anything is told where we are.
///
/// # Errors
/// When no port is free.
pub fn settled_port(config: &Config) -> anyhow::Result<u16> {
    if config.port != 0 {
        return Ok(config.port);
    }
    let listener = TcpListener::bind(SocketAddr::new(config.bind, 0)).context("no port is free")?;
    Ok(listener.local_addr().context("no port is free")?.port())
}

/// Where browsers and callers reach it.
///
/// # Errors
/// Never in practice: localhost and a port are a URL.
pub fn public_url(config: &Config) -> anyhow::Result<Url> {
    match &config.public_url {
        Some(url) => Ok(url.clone()),
        None => Url::parse(&format!("http://localhost:{}/", config.port)).context("the public URL"),
    }
}

/// Where Google sends browsers back to.
#[must_use]
pub fn redirect_uri(config: &Config, public_url: &Url) -> String {
    config.redirect_uri.clone().unwrap_or_else(|| format!("{public_url}oauth2callback"))
}
