//! `calrelay sandbox` as a process of its own, which can go away and come back.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::launch::program;
use crate::{SandboxView, eventually, free_port};

/// The offline Google, on one port and with one state file for as long as this lives.
pub struct SandboxProcess {
    dir: TempDir,
    port: u16,
    child: Option<Child>,
}

impl SandboxProcess {
    /// Starts it.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut process = Self { dir, port: free_port(), child: None };
        process.come_back().await;
        process
    }

    /// Starts it as another one was left, whose state file had this text but for its port.
    pub async fn start_on(state: impl FnOnce(u16) -> Vec<u8>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut process = Self { dir, port: free_port(), child: None };
        std::fs::write(process.state(), state(process.port)).expect("it is written");
        process.come_back().await;
        process
    }

    /// The file that it keeps everything in.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state.jsonl")
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again, where it was and as it was.
    ///
    /// # Panics
    /// When it is there.
    pub async fn come_back(&mut self) {
        assert!(self.child.is_none(), "it is there");
        let child = Command::new(program())
            .args(["sandbox", "--port", &self.port.to_string(), "--state"])
            .arg(self.state())
            .current_dir(self.dir.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        self.child = Some(child);
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = self.view().url("/_sandbox/stats");
        eventually("the sandbox", Duration::from_secs(30), || async {
            http.get(&url).send().await.is_ok_and(|reply| reply.status() == 200).then_some(())
        })
        .await;
    }

    /// SIGKILL: from now on nobody answers on its port.
    ///
    /// # Panics
    /// When it is gone already.
    pub fn go_away(&mut self) {
        let mut child = self.child.take().expect("it is there");
        child.kill().expect("it is ours to kill");
        child.wait().expect("it has ended");
        // Somebody else could have taken the port over: then nothing would be refused.
        drop(TcpListener::bind(("127.0.0.1", self.port)).expect("nobody listens there now"));
    }

    /// A view of it.
    #[must_use]
    pub fn view(&self) -> SandboxView {
        SandboxView::new(format!("http://127.0.0.1:{}", self.port))
    }
}

impl Drop for SandboxProcess {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
