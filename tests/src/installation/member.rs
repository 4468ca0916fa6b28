//! One process of an installation, and its ways to the servers.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use crate::launch::Launch;
use crate::process::Calrelay;
use crate::servers::Proxy;

/// An ingress or a worker, which may be down at the moment. Its ports stay the same.
pub struct Member {
    launch: Launch,
    running: Option<Calrelay>,
    /// What it said before it went down.
    before: String,
    broker: Proxy,
    redis: Proxy,
    vault: Proxy,
}

impl Member {
    pub(super) fn new(launch: Launch, (broker, redis, vault): (Proxy, Proxy, Proxy)) -> Self {
        Self { launch, running: None, before: String::new(), broker, redis, vault }
    }

    /// What it is started with.
    #[must_use]
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// With a variable set in place of what it was, from the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.launch = self.launch.clone().with(name, value);
    }

    /// By another build of the program, from the next start on.
    pub fn run_by(&mut self, program: &Path) {
        self.launch = self.launch.clone().by(program);
    }

    /// The process.
    ///
    /// # Panics
    /// When it is down.
    #[must_use]
    pub fn process(&self) -> &Calrelay {
        self.running.as_ref().expect("it is down")
    }

    /// Its way to RabbitMQ.
    #[must_use]
    pub fn broker(&self) -> &Proxy {
        &self.broker
    }

    /// Its way to Redis.
    #[must_use]
    pub fn redis(&self) -> &Proxy {
        &self.redis
    }

    /// Its way to the vault.
    #[must_use]
    pub fn vault(&self) -> &Proxy {
        &self.vault
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it is up.
    pub async fn start(&mut self) {
        assert!(self.running.is_none(), "it is up");
        self.running = Some(self.launch.start().await);
    }

    /// SIGKILL, at once.
    ///
    /// # Panics
    /// When it is down.
    pub fn kill(&mut self) {
        self.running.take().expect("it is down").kill();
    }

    /// SIGTERM; answers how it ended, how long that took, and what it said.
    ///
    /// # Panics
    /// When it is down.
    pub async fn terminate(&mut self) -> (ExitStatus, Duration, String) {
        let ended = self.running.take().expect("it is down").terminate().await;
        self.before.push_str(&ended.2);
        ended
    }

    /// Everything it has said, since before it went down too, if by [`Self::terminate`].
    #[must_use]
    pub fn said(&self) -> String {
        let now = self.running.as_ref().map(Calrelay::log).unwrap_or_default();
        format!("{}{now}", self.before)
    }
}
