//! How one calrelay process is started: its folder, its ports, its variables.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::checked::Checked;
use crate::installation::Caller;
use crate::process::Calrelay;
use crate::sandbox::SandboxView;
use crate::sink::Sink;

/// What a process is started with. The folder and the ports stay the same over restarts.
#[derive(Clone)]
pub struct Launch {
    dir: Arc<TempDir>,
    role: Option<&'static str>,
    port: u16,
    admin_port: u16,
    sandbox_port: u16,
    env: Vec<(String, String)>,
    key: Arc<Mutex<Option<String>>>,
    program: Option<PathBuf>,
}

/// A port that nobody listens on now, and that no other test in this process was given.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Below the range from which the system hands out ports by itself; spread by process.
    let base = 10_000 + u16::try_from(std::process::id() % 400).expect("below 400") * 50;
    for _ in 0..10_000 {
        let port = base.saturating_add(NEXT.fetch_add(1, Ordering::Relaxed) % 2_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

impl Default for Launch {
    fn default() -> Self {
        Self::new()
    }
}

impl Launch {
    /// A fresh folder and free ports.
    #[must_use]
    pub fn new() -> Self {
        Self {
            dir: Arc::new(tempfile::tempdir().expect("a temporary folder")),
            role: None,
            port: free_port(),
            admin_port: free_port(),
            sandbox_port: free_port(),
            env: Vec::new(),
            key: Arc::default(),
            program: None,
        }
    }

    /// A process of the same installation: with the same variables and the same key, in a folder and on ports of its
    /// own, started as `calrelay <role>`.
    #[must_use]
    pub fn another(&self, role: &'static str) -> Self {
        Self { role: Some(role), env: self.env.clone(), key: Arc::clone(&self.key), ..Self::new() }
    }

    /// With a variable set.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.env.push((name.to_owned(), value.to_string()));
        self
    }

    /// By another build of the program.
    #[must_use]
    pub fn by(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// With a sandbox that runs elsewhere, in place of its own.
    #[must_use]
    pub fn with_sandbox(&self, sandbox: &SandboxView) -> Self {
        self.clone().with("SANDBOX_URL", sandbox.url(""))
    }

    /// Quotas and rate limits that no test comes near.
    #[must_use]
    pub fn unlimited(self) -> Self {
        self.with("QUOTA_PROJECT_PER_MINUTE", 100_000_000)
            .with("QUOTA_PROJECT_PER_DAY", 1_000_000_000)
            .with("QUOTA_ACCOUNT_PER_MINUTE", 100_000_000)
            .with("QUOTA_CALENDAR_PER_SECOND", 1_000_000)
            .with("QUOTA_INVITES_PER_DAY", 1_000_000_000)
            .with("RATE_LIMIT", "1000000/1m")
    }

    /// Starts the process and waits until it is ready.
    pub async fn start(&self) -> Calrelay {
        let child = self.command().args(self.role).spawn().expect("the program starts");
        Calrelay::watch(self.clone(), child).await
    }

    /// Starts the process with standard output and standard error leading to `sink`, and waits until it is ready.
    pub async fn start_unheard(&self, sink: Sink) -> Calrelay {
        let (out, err) = (sink.open(), sink.open());
        let child = self.command().args(self.role).stdout(out.0).stderr(err.0).spawn();
        let mut running = Calrelay::watch(self.clone(), child.expect("the program starts")).await;
        running.keep([out.1, err.1]);
        running
    }

    /// Starts the process by a program that becomes it: `wrapper` with the path of the program as its last argument.
    /// Waits until it is ready.
    pub async fn start_by(&self, wrapper: &[&str]) -> Calrelay {
        let plain = self.command();
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(plain.get_program()).current_dir(self.dir()).env_clear();
        for (name, value) in plain.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            command.env(name, value);
        }
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the wrapper starts");
        Calrelay::watch(self.clone(), child).await
    }

    /// Runs a command with its standard output leading to `sink`; answers how it ended and what it said on standard
    /// error.
    ///
    /// # Panics
    /// When the program does not run.
    #[must_use]
    pub fn unanswered(&self, args: &[&str], sink: Stdio) -> (ExitStatus, String) {
        let output = self.command().args(args).stdout(sink).output().expect("the program runs");
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs a command with its standard error leading to `sink`, and answers how it ended.
    ///
    /// # Panics
    /// When the program does not run.
    #[must_use]
    pub fn untold(&self, args: &[&str], sink: Stdio) -> ExitStatus {
        self.command().args(args).stderr(sink).output().expect("the program runs").status
    }

    /// Runs a command of the program on the same folder and answers what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.command().args(args).output().expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Runs its role, which ends by itself (`setup`), and keeps the key that it prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn prepare(&self) {
        let said = self.run(&[self.role.expect("a role")]);
        self.keep_key(&said);
    }

    /// The admin key that was printed, if one was.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        if self.open() { None } else { self.key.lock().expect("no panics").clone() }
    }

    /// With an admin key that was printed long ago.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        *self.key.lock().expect("no panics") = Some(key.to_owned());
        self
    }

    /// Whoever posts to this process alone.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller::of(std::iter::once(self))
    }

    /// A URL of the public port.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// Whether it runs one of the roles, and not all of them at once.
    pub(crate) fn has_role(&self) -> bool {
        self.role.is_some()
    }

    pub(crate) fn admin_port(&self) -> u16 {
        self.admin_port
    }

    /// The port of the sandbox inside it.
    #[must_use]
    pub fn sandbox_port(&self) -> u16 {
        self.sandbox_port
    }

    /// Keeps the admin key that the program prints at its first start.
    pub(crate) fn keep_key(&self, said: &str) {
        if let Some(found) = said.split_whitespace().find(|word| word.starts_with("crk_")) {
            *self.key.lock().expect("no panics") = Some(found.trim_end_matches('\'').to_owned());
        }
    }

    /// Whether everybody on this machine is let in.
    pub(crate) fn open(&self) -> bool {
        self.env.iter().any(|(name, value)| name == "DEV_NO_AUTH" && value == "1")
    }

    /// Runs a command that must be refused, and answers what was said.
    ///
    /// # Panics
    /// When it succeeds.
    #[must_use]
    pub fn refused(&self, args: &[&str]) -> String {
        let output = self.command().args(args).output().expect("the program runs");
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
        text
    }

    /// Runs a command, whatever comes of it.
    ///
    /// # Panics
    /// When the program does not run.
    #[must_use]
    pub fn output(&self, args: &[&str]) -> Output {
        self.command().args(args).output().expect("the program runs")
    }

    /// Runs `calrelay check` with these variables.
    ///
    /// # Panics
    /// When it says anything but findings.
    #[must_use]
    pub fn check(&self) -> Checked {
        Checked::of(&self.output(&["check"]))
    }

    /// Runs the program as it is and answers how it ended and what it said; for starts that must fail.
    ///
    /// # Panics
    /// When it goes on.
    #[must_use]
    pub fn fails(&self) -> (ExitStatus, String) {
        let mut child = self.command().args(self.role).spawn().expect("the program runs");
        let began = Instant::now();
        while child.try_wait().expect("the process can be asked").is_none() {
            if began.elapsed() > Duration::from_secs(20) {
                child.kill().expect("it is ours to kill");
                panic!("it was to fail, and runs");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = child.wait_with_output().expect("it has ended");
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The folder that holds `data`.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program.clone().unwrap_or_else(program));
        command
            .current_dir(self.dir.path())
            .env_clear()
            .env("DATA_DIR", self.dir.path().join("data"))
            .env("PORT", self.port.to_string())
            .env("ADMIN_PORT", self.admin_port.to_string())
            .env("SANDBOX_PORT", self.sandbox_port.to_string())
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// The program that `./test.sh` has built, beside this test's own binary.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn program() -> PathBuf {
    let own = std::env::current_exe().expect("this test has a path");
    let profile = own.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let program = profile.join("calrelay");
    assert!(program.is_file(), "{} is not built; run `cargo build` first, or ./test.sh", program.display());
    program
}
