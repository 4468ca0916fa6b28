//! `calrelay run`: everything in one process, wired by hand.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::{Access, Admin, GoogleKind, Ingress, Listening};
use common::account::AccountId;
use common::accounts::Accounts;
use common::embedded::{Embedded, Role, SqliteQueue};
use common::keys::{ApiKeys, Scope};
use common::owner::Owner;
use common::port::{Clock, Shelf, SystemClock, TokenEndpoint as _, Vault};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use url::Url;
use worker::{Stop, Worker};

use crate::banner::Banner;
use crate::config::Config;
use crate::google_link::GoogleLink;
use crate::keyfile::Sealed;
use crate::signals::Signals;
use crate::{google_link, health, keyfile, logging, recorder};

/// Runs until a signal, then drains.
///
/// # Errors
/// Whatever keeps it from starting, in a sentence.
pub async fn run() -> anyhow::Result<()> {
    let mut config = Config::from_env(|name| std::env::var(name).ok())?;
    config.port = settled_port(&config)?;
    logging::start(config.log_format);
    let stop = Stop::default();
    let last = CancellationToken::new();
    let render = recorder::install(last.clone())?;
    let signals = Signals::listen()?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let folder = Embedded::open(&config.data_dir, Role::Worker, Arc::clone(&clock), None).await?;
    let vault: Arc<dyn Vault> = folder.vault();
    let sealed = match vault.list(Shelf::Secrets).await?.is_empty() {
        true => Sealed::Nothing,
        false => Sealed::Something,
    };
    let ring = keyfile::keyring(config.encryption_keys.as_ref(), &config.data_dir, sealed)?;
    let hash_key = common::secrets::open(vault.as_ref(), &ring).await?;
    let accounts = Arc::new(Accounts::new(Arc::clone(&vault), ring, hash_key, Arc::clone(&clock)));
    let keys = Arc::new(ApiKeys::new(Arc::clone(&vault), Arc::clone(&clock)));

    let public_url = public_url(&config)?;
    let redirect_uri = config.redirect_uri.clone().unwrap_or_else(|| format!("{public_url}oauth2callback"));
    let link = google_link::open(&config.google, &redirect_uri, &config.data_dir).await?;
    link.guard(&accounts).await?;
    link.connect_default(&accounts).await?;

    let ports = worker::Ports {
        queue: folder.queue(),
        store: folder.store(),
        vault,
        accounts,
        tokens: folder.tokens(),
        throttle: folder.throttle(),
        calendar: Arc::new(link.calendar.clone()),
        endpoint: Arc::new(link.oauth.clone()),
        clock,
    };
    worker::describe_metrics();
    let worker = Worker::new(ports.clone(), worker_settings(&config), stop.clone());
    let ingress = ingress(&config, &link, &ports, &keys, &public_url)?;

    let seen = health::Seen::default();
    let told = Arc::clone(&seen);
    let admin = Admin {
        metrics: render,
        roles: vec![("api".to_owned(), ingress.readiness()), ("worker".to_owned(), worker.readiness())],
        dependencies: Arc::new(move || told.lock().expect("nothing panics holding it").clone()),
    }
    .bind(SocketAddr::new(config.bind, config.admin_port))?;

    let new_key = first_key(&config, &keys).await?;
    announce(&config, &link, &public_url, admin.address(), new_key.as_ref());

    let forgetting = tokio::spawn(forget_dead_letters(folder.queue(), config.retention));
    let watching = tokio::spawn(health::watch(ports, worker.google_answers(), seen));
    let admin = tokio::spawn(admin.serve(last.clone()));
    let driving = tokio::spawn(signals.drive(stop.clone()));
    let serving = tokio::spawn(ingress.serve(stop.taking.clone()));
    let handed_back = worker.run().await;
    serving.await.context("the ingress panicked")?.context("the ingress broke")?;

    watching.abort();
    forgetting.abort();
    folder.close().await;
    if let Some(sandbox) = link.own {
        sandbox.stop().await.context("the sandbox did not stop in order")?;
    }
    tracing::info!("Stopped; {handed_back} jobs went back to the queue unfinished, nothing is lost");
    last.cancel();
    admin.await.context("the operators' port panicked")?.context("the operators' port broke")?;
    driving.abort();
    Ok(())
}

fn ingress(
    config: &Config,
    link: &GoogleLink,
    ports: &worker::Ports,
    keys: &Arc<ApiKeys>,
    public_url: &Url,
) -> anyhow::Result<Listening> {
    let google = match &link.sandbox_url {
        Some(page) => GoogleKind::Sandbox { page: Url::parse(page).ok() },
        None => GoogleKind::Live,
    };
    let settings = api::Settings {
        access: config.access,
        public_url: Some(public_url.clone()),
        google,
        quotas: config.quotas,
        rate_limit: config.rate_limit,
        trusted_proxies: config.trusted_proxies.clone(),
        drain: config.drain,
        ..api::Settings::default()
    };
    let api_ports = api::Ports {
        store: Arc::clone(&ports.store),
        queue: Arc::clone(&ports.queue),
        vault: Arc::clone(&ports.vault),
        accounts: Arc::clone(&ports.accounts),
        keys: Arc::clone(keys),
        throttle: Arc::clone(&ports.throttle),
        google: Arc::clone(&ports.endpoint),
        clock: Arc::clone(&ports.clock),
    };
    let (ports, quotas) = (ports.clone(), config.quotas);
    let on_connected = Arc::new(move |account: AccountId| {
        let ports = ports.clone();
        // The worker's own sweep does it again should this be cut short.
        tokio::spawn(async move {
            let Ok(Some(account)) = ports.accounts.get_now(&account).await else {
                return;
            };
            if let Err(error) = worker::resume(&ports, &quotas, &account).await {
                tracing::warn!("Blocked jobs could not be woken at once: {error}");
            }
        });
    });
    let ingress = Ingress::new(api_ports, settings, on_connected);
    Ok(ingress.bind(&[SocketAddr::new(config.bind, config.port)])?)
}

fn worker_settings(config: &Config) -> worker::Settings {
    worker::Settings {
        concurrency: config.concurrency,
        drain: config.drain,
        max_attempts: config.max_attempts,
        quotas: config.quotas,
        retention: config.retention,
    }
}

/// Dead letters are kept as long as finished jobs.
async fn forget_dead_letters(queue: Arc<SqliteQueue>, retention: Duration) {
    loop {
        let before = Timestamp::now().checked_sub(retention).unwrap_or(Timestamp::MIN);
        if let Err(error) = queue.forget_dead(before).await {
            tracing::warn!("Old dead letters could not be removed: {error}");
        }
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
}

/// Port 0 is settled before anything is told where we are.
fn settled_port(config: &Config) -> anyhow::Result<u16> {
    if config.port != 0 {
        return Ok(config.port);
    }
    let listener = TcpListener::bind(SocketAddr::new(config.bind, 0)).context("no port is free")?;
    Ok(listener.local_addr().context("no port is free")?.port())
}

fn public_url(config: &Config) -> anyhow::Result<Url> {
    match &config.public_url {
        Some(url) => Ok(url.clone()),
        None => Url::parse(&format!("http://localhost:{}/", config.port)).context("the public URL"),
    }
}

/// A folder without keys gets one; it is shown this once.
async fn first_key(config: &Config, keys: &ApiKeys) -> anyhow::Result<Option<SecretString>> {
    if config.access == Access::Open || !keys.list().await?.is_empty() {
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
