//! A private Sentinel that watches a private Redis.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::RedisServer;
use super::daemon::Daemon;
use crate::{eventually, free_port};

/// One Sentinel, which decides alone. Killed when dropped.
pub struct SentinelServer {
    dir: TempDir,
    port: u16,
    _daemon: Daemon,
}

impl SentinelServer {
    /// Starts one that watches `primary` under the name `main` and knows `replicas` of its replicas: it puts one
    /// of them in the primary's place soon after that has died.
    ///
    /// # Panics
    /// When it does not come up, or does not learn of the replicas.
    pub async fn start(primary: &RedisServer, replicas: usize) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        // It keeps what it learns in its own configuration.
        let file = dir.path().join("sentinel.conf");
        let lines = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n",
            dir.path().display(),
            primary.port()
        );
        std::fs::write(&file, lines).expect("a file in a folder of ours");
        let command = ["redis-server", file.to_str().expect("a path in UTF-8"), "--sentinel"];
        let daemon = Daemon::start(&command, &[], dir.path(), &dir.path().join("log"));
        let sentinel = Self { dir, port, _daemon: daemon };
        let known = format!("slaves={replicas},");
        eventually("the Sentinel", Duration::from_secs(30), || async {
            sentinel.command(&["INFO", "sentinel"]).filter(|about| about.contains(&known))
        })
        .await;
        sentinel
    }

    /// `redis+sentinel://127.0.0.1:<port>/main`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/main", self.port)
    }

    /// What it has said.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn command(&self, args: &[&str]) -> Option<String> {
        let output = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(args)
            .output()
            .expect("redis-cli runs: ./test.sh installs it");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
