//! A server's process, which does not outlive the test's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts the server in a session of its own, says its pid, and then waits on standard input. A line means that the
/// server was told to end and is to be waited for. The end of input means that the test process is gone, SIGKILL
/// included: then the server is killed and its folder removed.
const KEEPER: &str = r#"
folder=$1; log=$2; shift 2
setsid "$@" </dev/null >>"$log" 2>&1 &
echo $!
if read -r _; then wait $!; exit 0; fi
kill -s KILL -- -$! $!
wait $!
rm -rf "$folder"
"#;

/// A running server. Killed when dropped.
pub(super) struct Daemon {
    keeper: Child,
    stdin: Option<ChildStdin>,
    pid: u32,
}

impl Daemon {
    /// Starts `command` with `env` alone (and a `PATH`). What it prints is added to `log`; `folder` is removed when
    /// this test process dies without having ended the server.
    pub(super) fn start(command: &[&str], env: &[(&str, String)], folder: &Path, log: &Path) -> Self {
        let mut keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "keeper"])
            .args([folder, log])
            .args(command)
            .current_dir(folder)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(env.iter().map(|(name, value)| (name, value)))
            // Ctrl-C at the terminal is for the test process: the keeper must live to see it die.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let stdin = keeper.stdin.take();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().expect("piped")).read_line(&mut line).expect("the keeper speaks");
        let pid = line.trim().parse().expect("the keeper says the server's pid");
        Self { keeper, stdin, pid }
    }

    /// Whether it still runs.
    pub(super) fn is_running(&self) -> bool {
        runs(&self.pid.to_string())
    }

    /// Sends a signal to it and all it started.
    pub(super) fn signal(&self, signal: &str) {
        let (group, pid) = (format!("-{}", self.pid), self.pid.to_string());
        let _ = Command::new("kill")
            .args(["-s", signal, "--", &group, &pid])
            .args(self.children())
            .stderr(Stdio::null())
            .status()
            .expect("kill runs");
    }

    /// SIGKILL; it is gone afterwards, and so is what it started.
    ///
    /// # Panics
    /// When something of it goes on.
    pub(super) fn kill(self) {
        let children = self.children();
        drop(self);
        let began = Instant::now();
        while children.iter().any(|child| runs(child)) {
            assert!(began.elapsed() < Duration::from_secs(10), "{children:?} go on after SIGKILL");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The processes that it started. PostgreSQL makes each of its own a session of its own, out of reach of
    /// its group, and those it leaves behind keep a new server from its memory for a moment.
    fn children(&self) -> Vec<String> {
        let told = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid));
        told.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    /// `signal` (its own way to end properly), then waits until it has ended.
    ///
    /// # Panics
    /// When it has not ended in 60 s.
    pub(super) fn stop(mut self, signal: &str) {
        let pid = self.pid.to_string();
        let _ = Command::new("kill").args(["-s", signal, "--", &pid]).status().expect("kill runs");
        assert!(self.ended_within(Duration::from_secs(60)), "a server goes on after {signal}");
    }

    fn ended_within(&mut self, limit: Duration) -> bool {
        if let Some(mut stdin) = self.stdin.take() {
            let _ = stdin.write_all(b"\n");
        }
        let began = Instant::now();
        while self.keeper.try_wait().expect("the keeper can be asked").is_none() {
            if began.elapsed() > limit {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

/// Whether there is such a process, and it is not only waiting to be noticed dead.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.keeper.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal("KILL");
            if !self.ended_within(Duration::from_secs(10)) {
                let _ = self.keeper.kill();
                let _ = self.keeper.wait();
            }
        }
    }
}
