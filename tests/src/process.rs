//! One calrelay process, in a folder of its own, on ports of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::launch::Launch;
use crate::sandbox::SandboxView;
use crate::sink::Kept;

/// A running process. Killed when dropped.
pub struct Calrelay {
    launch: Launch,
    child: Child,
    log: Arc<Mutex<String>>,
    http: reqwest::Client,
    /// Whether nobody can read what it says.
    unheard: bool,
    unread: Vec<Kept>,
}

/// Keeps what the process says, and the key that it prints at its first start.
fn gather(pipe: impl std::io::Read + Send + 'static, log: Arc<Mutex<String>>, launch: Launch) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            launch.keep_key(&line);
            let mut log = log.lock().expect("no panics");
            log.push_str(&line);
            log.push('\n');
        }
    });
}

impl Calrelay {
    /// Takes a process that was just started, and waits until it is ready.
    pub(crate) async fn watch(launch: Launch, mut child: Child) -> Self {
        let log = Arc::new(Mutex::new(String::new()));
        let unheard = child.stdout.is_none();
        if let Some(pipe) = child.stdout.take() {
            gather(pipe, Arc::clone(&log), launch.clone());
        }
        if let Some(pipe) = child.stderr.take() {
            gather(pipe, Arc::clone(&log), launch.clone());
        }
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut running = Self { launch, child, log, http, unheard, unread: Vec::new() };
        running.until_ready().await;
        running
    }

    async fn until_ready(&mut self) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be asked") {
                panic!("it ended at once with {status}:\n{}", self.log());
            }
            let ready = self.http.get(self.admin("/readyz")).send().await;
            if ready.is_ok_and(|reply| reply.status() == 200) && self.has_key() {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "not ready in 30 s:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Keeps the ends of pipes that nobody reads.
    pub(crate) fn keep(&mut self, unread: impl IntoIterator<Item = Kept>) {
        self.unread.extend(unread);
    }

    fn has_key(&self) -> bool {
        // Only an ingress asks for keys, and `setup` has printed the one of an installation.
        // A start that nobody could read has shown none.
        self.unheard || self.launch.open() || self.launch.has_role() || self.launch.key().is_some()
    }

    /// The admin key that was printed.
    ///
    /// # Panics
    /// When none was.
    #[must_use]
    pub fn key(&self) -> String {
        self.launch.key().expect("a key was printed")
    }

    /// Everything it has said.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().expect("no panics").clone()
    }

    /// A URL of the public port.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.launch.url(path)
    }

    /// A URL of the operators' port.
    #[must_use]
    pub fn admin(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.launch.admin_port())
    }

    /// The sandbox inside it.
    #[must_use]
    pub fn sandbox(&self) -> SandboxView {
        SandboxView::new(format!("http://127.0.0.1:{}", self.launch.sandbox_port()))
    }

    /// The client that every request of this process goes through.
    #[must_use]
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        if self.launch.open() { request } else { request.bearer_auth(self.key()) }
    }

    /// `GET`, with the key.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.authorised(self.http.get(self.url(path)))
    }

    /// `POST` of JSON, with the key.
    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.authorised(self.http.post(self.url(path)).json(body))
    }

    /// `DELETE`, with the key.
    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.authorised(self.http.delete(self.url(path)))
    }

    /// Posts an event and answers the job's id.
    ///
    /// # Errors
    /// When the process died under the request or did not accept.
    pub async fn submit(&self, body: &Value, key: &str) -> Result<String, String> {
        let reply = self
            .post("/api/v1/events", body)
            .header("Idempotency-Key", key)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let status = reply.status();
        let body: Value = reply.json().await.map_err(|error| error.to_string())?;
        if status != 202 {
            return Err(format!("{status}: {body}"));
        }
        Ok(body["jobId"].as_str().ok_or("no jobId")?.to_owned())
    }

    /// The job as `GET /api/v1/jobs/{id}` shows it.
    pub async fn job(&self, id: &str) -> Value {
        json(self.get(&format!("/api/v1/jobs/{id}")).send().await.expect("an answer")).await
    }

    /// One number of the metrics page: the sum of every series that starts with `series`.
    pub async fn metric(&self, series: &str) -> f64 {
        let page =
            self.http.get(self.admin("/metrics")).send().await.expect("metrics").text().await.expect("text");
        page.lines()
            .filter(|line| line.starts_with(series))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// SIGKILL, at once.
    pub fn kill(mut self) -> Launch {
        self.child.kill().expect("it is ours to kill");
        self.child.wait().expect("it has ended");
        self.launch.clone()
    }

    /// SIGTERM; answers how it ended, how long that took, and what it said.
    pub async fn terminate(self) -> (ExitStatus, Duration, String) {
        self.stop_by("TERM").await
    }

    /// A signal that stops it, such as `TERM` or, as by Ctrl-C, `INT`; answers as [`Self::terminate`].
    pub async fn stop_by(mut self, signal: &str) -> (ExitStatus, Duration, String) {
        let began = Instant::now();
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &pid]).status().expect("kill runs");
        assert!(sent.success());
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be asked") {
                return (status, began.elapsed(), self.log());
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "still running after SIG{signal}:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it was started with.
    #[must_use]
    pub fn launch(&self) -> Launch {
        self.launch.clone()
    }
}

impl Drop for Calrelay {
    #[expect(clippy::print_stderr, reason = "it is for whoever reads a failed test")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- what calrelay said ----\n{}", self.log());
        }
    }
}

async fn json(reply: Response) -> Value {
    reply.json().await.expect("JSON")
}
