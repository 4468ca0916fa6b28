//! What every long-running command has: metrics, signals, an operators' port, and an orderly end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use api::{Admin, Readiness};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::Stop;

use crate::config::Config;
use crate::health::{self, Seen, Watched};
use crate::logging;
use crate::recorder::{self, Render};
use crate::signals::Signals;

/// A process that has not started to serve.
pub struct Process {
    signals: Signals,
    render: Render,
    last: CancellationToken,
}

/// A process that serves.
pub struct Serving {
    /// Where the operators' port is.
    pub admin: SocketAddr,
    last: CancellationToken,
    answering: JoinHandle<std::io::Result<()>>,
    watching: JoinHandle<()>,
    driving: JoinHandle<()>,
}

impl Process {
    /// Starts logs and metrics, and takes over the signals.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn begin(config: &Config) -> anyhow::Result<Self> {
        logging::start(&config.log);
        let signals = Signals::listen()?;
        let last = CancellationToken::new();
        let render = recorder::install(last.clone())?;
        Ok(Self { signals, render, last })
    }

    /// Waits for what has to be there first, unless a signal comes.
    ///
    /// # Errors
    /// As `starting`, or the signal.
    pub async fn wait_for<T>(
        &mut self,
        starting: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            started = starting => started,
            () = self.signals.next() => bail!("told to stop before it had started"),
        }
    }

    /// Opens the operators' port, and begins to look at the dependencies and for signals.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn serve(
        self,
        config: &Config,
        stop: Stop,
        roles: Vec<(&str, Readiness)>,
        watched: Watched,
    ) -> anyhow::Result<Serving> {
        let Self { signals, render, last } = self;
        health::describe(&watched);
        let seen = Seen::default();
        let told = Seen::clone(&seen);
        let admin = Admin {
            metrics: render,
            roles: roles.into_iter().map(|(name, ready)| (name.to_owned(), ready)).collect(),
            dependencies: Arc::new(move || told.lock().expect("nothing panics holding it").clone()),
            public_url: config.public_url.clone(),
        };
        let admin = admin
            .bind(SocketAddr::new(config.bind, config.admin_port))
            .map_err(|error| anyhow!("{error}; ADMIN_PORT chooses another port for operators"))?;
        Ok(Serving {
            admin: admin.address(),
            answering: tokio::spawn(admin.serve(last.clone())),
            watching: tokio::spawn(health::look(watched, seen)),
            driving: tokio::spawn(signals.drive(stop)),
            last,
        })
    }
}

impl Serving {
    /// Looks at the dependencies no more: they are closed next, and would be told to be away.
    pub async fn look_away(&mut self) {
        self.watching.abort();
        // It was aborted, or has panicked, which was told.
        let _ = (&mut self.watching).await;
    }

    /// Ends what is left; the operators' port is the last to go.
    ///
    /// # Errors
    /// When the port broke.
    pub async fn end(self) -> anyhow::Result<()> {
        self.last.cancel();
        self.answering.await.context("the operators' port panicked")?.context("the operators' port broke")?;
        self.driving.abort();
        Ok(())
    }
}
