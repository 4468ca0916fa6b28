//! The ingress as the binary starts it: made, bound, served until told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use accounts::nonces::Nonces;
use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use common::port::{Clock, JobStore};
use common::time;
use lifecycle::{Intake, Ledger};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use url::Url;

use crate::admin::Readiness;
use crate::api::{Api, OnConnected, Ports};
use crate::auth::{Access, Authenticator};
use crate::binding::{BindError, listen};
use crate::follow::Follows;
use crate::front::front;
use crate::hosts::Hosts;
use crate::metrics;
use crate::rate::Rates;
use crate::routes;
use crate::settings::Settings;
use crate::sign_outs::SignOuts;

/// Behind a proxy that keeps its connections for a minute, closing first makes sporadic 502s.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A caller has this long to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the age of the oldest job is looked up.
const AGE_EVERY: Duration = Duration::from_secs(15);

/// An ingress that does not listen yet.
pub struct Ingress {
    ports: Ports,
    settings: Settings,
    on_connected: OnConnected,
}

/// An ingress that listens: connections queue up until it is served.
pub struct Listening {
    server: Server,
    addresses: Vec<SocketAddr>,
    public_url: Url,
    closing: CancellationToken,
    stop_server: CancellationToken,
    ready: Arc<AtomicBool>,
    tasks: TaskTracker,
    ledger: Arc<Ledger>,
    ports: Ports,
    linger: Duration,
    drain: Duration,
}

impl Ingress {
    /// An ingress over these ports; `on_connected` hears of every account that gets connected.
    #[must_use]
    pub fn new(ports: Ports, settings: Settings, on_connected: OnConnected) -> Self {
        Self { ports, settings, on_connected }
    }

    /// Binds the addresses; port 0 takes any that is free, the same for all of them.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(self, addresses: &[SocketAddr]) -> Result<Listening, BindError> {
        if self.settings.access == Access::Open
            && let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback())
        {
            return Err(BindError::OpenBeyondLoopback(*open));
        }
        let listeners = listen(addresses)?;
        let bound: Vec<SocketAddr> = listeners.iter().map(|(_, address)| *address).collect();
        let Self { ports, settings, on_connected } = self;
        let public_url = settings.public_url.clone().unwrap_or_else(|| local_url(&bound));
        let loopback = bound.iter().all(|address| address.ip().is_loopback());
        let tasks = TaskTracker::new();
        let (closing, stop_server) = (CancellationToken::new(), CancellationToken::new());
        let (linger, drain, threads) = (settings.linger, settings.drain, settings.threads);
        let ledger = Arc::new(Ledger::new(&ports.jobs, settings.retention));
        let (records, backlog, quotas) = (Arc::clone(&ledger), settings.backlog, settings.quotas);
        let intake = Intake::new(ports.jobs.clone(), records, backlog, quotas, tasks.clone());
        let authenticator = Authenticator::new(
            settings.access,
            Arc::clone(&ports.keys),
            Rates::new(ports.allowances.clone(), ports.jobs.accounts.hash_key().clone()),
            settings.rate_limit,
            settings.trusted_proxies.clone(),
            Arc::clone(&ports.jobs.clock),
        );
        let nonces = Arc::new(Nonces::new(Arc::clone(&ports.jobs.vault), Arc::clone(&ports.jobs.clock)));
        let api = web::Data::new(Api {
            intake: Arc::new(intake),
            ledger: Arc::clone(&ledger),
            tasks: tasks.clone(),
            follows: Follows::new(Arc::clone(&ledger), Arc::clone(&ports.jobs.clock)),
            ports: ports.clone(),
            authenticator,
            hosts: Hosts::new(loopback, Some(public_url.clone()), settings.allowed_origins.clone()),
            settings,
            public_url: public_url.clone(),
            nonces: Arc::clone(&nonces),
            sign_outs: SignOuts::new(nonces),
            on_connected,
            closing: closing.clone(),
        });
        metrics::register();
        let app = move || {
            App::new().app_data(web::Data::clone(&api)).wrap(from_fn(front)).configure(routes::configure)
        };
        let mut server = HttpServer::new(app)
            .disable_signals()
            .shutdown_signal(stop_server.clone().cancelled_owned())
            .shutdown_timeout(drain.as_secs().max(1))
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT);
        if let Some(threads) = threads {
            server = server.workers(threads);
        }
        for (listener, address) in listeners {
            server = server.listen(listener).map_err(|cause| BindError::Unavailable { address, cause })?;
        }
        Ok(Listening {
            server: server.run(),
            addresses: bound,
            public_url,
            closing,
            stop_server,
            ready: Arc::new(AtomicBool::new(true)),
            tasks,
            ledger,
            ports,
            linger,
            drain,
        })
    }
}

impl Listening {
    /// The addresses it listens on.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where browsers reach it.
    #[must_use]
    pub fn public_url(&self) -> &Url {
        &self.public_url
    }

    /// Whether it takes requests: true until it begins to stop.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let ready = Arc::clone(&self.ready);
        Arc::new(move || ready.load(Ordering::Relaxed))
    }

    /// Serves until `stop`, then finishes the requests in flight, within the drain time.
    ///
    /// # Errors
    /// When the server breaks.
    pub async fn serve(self, stop: CancellationToken) -> io::Result<()> {
        let clock = Arc::clone(&self.ports.jobs.clock);
        let age = export_oldest_age(Arc::clone(&self.ports.jobs.store), Arc::clone(&clock));
        let age = tokio::spawn(stop.clone().run_until_cancelled_owned(age));
        let Self { server, closing, stop_server, ready, tasks, ledger, linger, drain, .. } = self;
        let writing = Arc::clone(&ledger);
        let writing =
            tokio::spawn(async move { tokio::join!(writing.write_down(), writing.remove_refused()) });
        let ending = async {
            stop.cancelled().await;
            // Readiness turns first, so that no request is sent here any more.
            ready.store(false, Ordering::Relaxed);
            clock.sleep(linger).await;
            info!("Finishing the HTTP requests in flight");
            closing.cancel();
            stop_server.cancel();
        };
        tokio::pin!(server);
        let served = tokio::select! {
            served = &mut server => served,
            () = ending => server.await,
        };
        age.abort();
        tasks.close();
        if tokio::time::timeout(drain, tasks.wait()).await.is_err() {
            warn!("Some jobs were still being recorded at the end; their messages are in the queue");
        }
        writing.abort();
        ledger.close().await;
        served
    }
}

fn local_url(bound: &[SocketAddr]) -> Url {
    let port = bound.first().map_or(80, SocketAddr::port);
    Url::parse(&format!("http://localhost:{port}")).expect("localhost and a port are a URL")
}

/// Tells how long the longest-due unfinished job has been due, for ever. That it is not known is said once.
async fn export_oldest_age(store: Arc<dyn JobStore>, clock: Arc<dyn Clock>) {
    let mut known = true;
    loop {
        let now = clock.now();
        let due = store.oldest_due(now).await;
        match &due {
            Ok(due) => metrics::oldest_age(due.map_or(Duration::ZERO, |due| time::until(due, now))),
            Err(error) if known => warn!(%error, "The age of the oldest job is unknown: {error}"),
            Err(_) => {}
        }
        known = due.is_ok();
        clock.sleep(AGE_EVERY).await;
    }
}
