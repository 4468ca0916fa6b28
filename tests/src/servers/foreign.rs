//! Any other server, as somebody else's command line has it.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::daemon::Daemon;
use crate::eventually;

/// A running server, with a folder of its own. Killed when dropped.
pub struct ForeignServer {
    dir: TempDir,
    daemon: Daemon,
}

impl ForeignServer {
    /// Starts `command` in `dir`, with `env` and a `PATH` alone, and waits until somebody listens on `port`.
    ///
    /// # Panics
    /// When it ends at once, or nobody listens.
    pub async fn start(command: &[String], env: &[(&str, String)], dir: TempDir, port: u16) -> Self {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let daemon = Daemon::start(&words, env, dir.path(), &dir.path().join("log"));
        let server = Self { dir, daemon };
        eventually(&format!("{command:?} on port {port}"), Duration::from_secs(30), || async {
            assert!(server.daemon.is_running(), "it ended at once:\n{}", server.log());
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(|_| ())
        })
        .await;
        server
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What it has said.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}
