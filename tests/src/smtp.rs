//! A real mail server (aiosmtpd) that keeps what it is given.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::eventually;

/// Who may log in, and with what.
pub const LOGIN: (&str, &str) = ("relay@example.com", "correct horse");

/// A running mail server, at `localhost`. Ends when dropped.
pub struct MailServer {
    port: u16,
    dir: TempDir,
    said: Arc<Mutex<Vec<Value>>>,
    _child: Child,
}

impl MailServer {
    /// Starts one that speaks `starttls`, `tls` or `none`, and refuses the first letters that it is given.
    ///
    /// # Panics
    /// When there is no Python that has aiosmtpd.
    pub async fn start(mode: &str, refusals: u32) -> Self {
        let python = std::env::var("CALRELAY_PYTHON")
            .expect("CALRELAY_PYTHON must name a Python that has aiosmtpd: run ./test.sh, which makes one");
        let dir = tempfile::tempdir().expect("a temporary folder");
        make_certificate(dir.path()).await;
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("smtp/server.py"))
            .args([mode, "certificate.pem", "key.pem"])
            .env("PYTHONWARNINGS", "ignore")
            .env("SMTP_TEST_REFUSE", refusals.to_string())
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let first = lines.next_line().await.expect("text").expect("a port");
        let port = first.strip_prefix("port ").and_then(|port| port.parse().ok()).expect("a port");
        let said: Arc<Mutex<Vec<Value>>> = Arc::default();
        let keep = Arc::clone(&said);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let letter = serde_json::from_str(&line).expect("JSON");
                keep.lock().expect("no panics").push(letter);
            }
        });
        Self { port, dir, said, _child: child }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate that it shows: whoever is to believe it has to trust this.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("certificate.pem")
    }

    /// Every letter that was given to it, `{"refused": true}` for those it refused.
    #[must_use]
    pub fn letters(&self) -> Vec<Value> {
        self.said.lock().expect("no panics").clone()
    }

    /// Waits until it was given so many letters.
    pub async fn given(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} letters"), Duration::from_secs(90), || async {
            let letters = self.letters();
            (letters.len() >= count).then_some(letters)
        })
        .await
    }
}

/// A certificate for this machine that vouches for itself.
async fn make_certificate(dir: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(dir)
        .output()
        .await
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
