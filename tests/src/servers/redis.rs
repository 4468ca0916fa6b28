//! A private Redis.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use super::daemon::Daemon;
use crate::{eventually, free_port};

/// What a Redis keeps over its own death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: it comes back empty.
    Nothing,
    /// What it wrote up to a second before.
    EverySecond,
    /// Everything that it has answered: what a vault needs.
    Always,
}

/// A Redis on a port of its own. Killed when dropped.
pub struct RedisServer {
    dir: TempDir,
    port: u16,
    options: Vec<String>,
    daemon: Mutex<Option<Daemon>>,
}

impl RedisServer {
    /// Starts one.
    pub async fn start(durability: Durability) -> Self {
        Self::start_with(durability, &[]).await
    }

    /// Starts one with further options, as on `redis-server`'s command line: `["--replicaof", "127.0.0.1 6379"]`.
    pub async fn start_with(durability: Durability, options: &[&str]) -> Self {
        let appending: &[&str] = match durability {
            Durability::Nothing => &["--appendonly", "no"],
            Durability::EverySecond => &["--appendonly", "yes", "--appendfsync", "everysec"],
            Durability::Always => &["--appendonly", "yes", "--appendfsync", "always"],
        };
        let server = Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            port: free_port(),
            options: appending.iter().chain(options).map(|&option| option.to_owned()).collect(),
            daemon: Mutex::default(),
        };
        server.start_again().await;
        server
    }

    /// Starts it where it was, with what it kept.
    ///
    /// # Panics
    /// When it runs, or does not come up.
    pub async fn start_again(&self) {
        let port = self.port.to_string();
        let dir = self.dir.path().to_str().expect("a path in UTF-8");
        let mut command = vec![
            "redis-server",
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--dir",
            dir,
            "--save",
            "",
            "--maxmemory-policy",
            "noeviction",
            "--daemonize",
            "no",
        ];
        command.extend(self.options.iter().map(String::as_str));
        {
            let mut daemon = self.daemon.lock().expect("no panics");
            assert!(daemon.is_none(), "it runs");
            *daemon = Some(Daemon::start(&command, &[], self.dir.path(), &self.dir.path().join("log")));
        }
        eventually("Redis", Duration::from_secs(20), || async {
            let running = self.daemon.lock().expect("no panics").as_ref().is_some_and(Daemon::is_running);
            assert!(running, "Redis ended at once:\n{}", self.log());
            (self.try_command(&["PING"]).as_deref() == Some("PONG")).then_some(())
        })
        .await;
    }

    /// `redis://127.0.0.1:<port>`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it keeps its files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// SIGKILL, at once.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self) {
        self.take().kill();
    }

    /// SIGTERM; waits until it has ended.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&self) {
        self.take().stop("TERM");
    }

    /// Stops its process in its tracks: connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Ends [`Self::freeze`].
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Forgets everything (`FLUSHALL`).
    pub fn wipe(&self) {
        self.command(&["FLUSHALL"]);
    }

    /// Runs a command and answers what `redis-cli` prints for it.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub fn command(&self, args: &[&str]) -> String {
        self.try_command(args).unwrap_or_else(|| panic!("Redis does not answer {args:?}:\n{}", self.log()))
    }

    fn try_command(&self, args: &[&str]) -> Option<String> {
        let output = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(args)
            .output()
            .expect("redis-cli runs: ./test.sh installs it");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn signal(&self, signal: &str) {
        self.daemon.lock().expect("no panics").as_ref().expect("it runs").signal(signal);
    }

    fn take(&self) -> Daemon {
        self.daemon.lock().expect("no panics").take().expect("it runs")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}
