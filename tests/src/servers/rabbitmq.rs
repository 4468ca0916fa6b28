//! A private RabbitMQ node.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::daemon::Daemon;
use super::vhost::Vhost;
use crate::{eventually, free_port};

/// Debian's wrapper in /usr/sbin changes users; these do not.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// What RabbitMQ is given to itself: an Erlang cookie that only nodes of this test process know.
const COOKIE: &str = "calrelay-tests";

/// A broker on ports of its own, with the user `guest`. Killed when the last handle is dropped.
#[derive(Clone)]
pub struct RabbitServer {
    node: Arc<Node>,
}

struct Node {
    dir: TempDir,
    name: String,
    port: u16,
    distribution_port: u16,
    daemon: Mutex<Option<Daemon>>,
}

/// One broker for all tests of this process that do not hurt it: give each a vhost of its own.
pub async fn shared_rabbit() -> &'static RabbitServer {
    static SHARED: OnceCell<RabbitServer> = OnceCell::const_new();
    SHARED.get_or_init(RabbitServer::start).await
}

impl RabbitServer {
    /// Starts one; this takes some seconds.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts one with further lines in its `rabbitmq.conf`.
    pub async fn start_with(config: &str) -> Self {
        Self::start_named(&Self::names(1)[0], config).await
    }

    /// Starts one that tells Prometheus of itself, and answers on which port.
    pub async fn start_measured() -> (Self, u16) {
        let port = free_port();
        let config = format!("prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {port}");
        let server = Self::start_with_plugins(&Self::names(1)[0], "rabbitmq_prometheus", &config).await;
        (server, port)
    }

    /// Starts one that also answers its HTTP API, as `guest`, and answers on which port.
    pub async fn start_managed() -> (Self, u16) {
        let port = free_port();
        let config = format!("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}");
        let server = Self::start_with_plugins(&Self::names(1)[0], "rabbitmq_management", &config).await;
        (server, port)
    }

    /// Names of nodes that there are not yet.
    pub(super) fn names(count: usize) -> Vec<String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let first = NEXT.fetch_add(count, Ordering::Relaxed);
        let name = |number| format!("calrelay-{}-{number}@localhost", std::process::id());
        (first..first + count).map(name).collect()
    }

    pub(super) async fn start_named(name: &str, config: &str) -> Self {
        Self::start_with_plugins(name, "", config).await
    }

    async fn start_with_plugins(name: &str, plugins: &str, config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        write(
            &dir.path().join("rabbitmq.conf"),
            &format!(
                "listeners.tcp.1 = 127.0.0.1:{port}\n\
                 raft.wal_max_size_bytes = 64000000\n\
                 disk_free_limit.absolute = 50MB\n\
                 log.console = false\n\
                 {config}\n"
            ),
        );
        write(&dir.path().join("plugins"), &format!("[{plugins}].\n"));
        let cookie = dir.path().join(".erlang.cookie");
        write(&cookie, COOKIE);
        std::fs::set_permissions(&cookie, std::fs::Permissions::from_mode(0o400)).expect("our own file");
        let server = Self {
            node: Arc::new(Node {
                name: name.to_owned(),
                dir,
                port,
                distribution_port: free_port(),
                daemon: Mutex::default(),
            }),
        };
        server.start_again().await;
        server
    }

    /// Starts it where it was, with what it kept, and waits until it accepts connections.
    ///
    /// # Panics
    /// When it runs, or does not come up.
    pub async fn start_again(&self) {
        {
            let mut daemon = self.node.daemon.lock().expect("no panics");
            assert!(daemon.is_none(), "it runs");
            let program = format!("{PROGRAMS}/rabbitmq-server");
            let log = self.node.dir.path().join("console");
            *daemon = Some(Daemon::start(&[&program], &self.env(), self.node.dir.path(), &log));
        }
        eventually("RabbitMQ", Duration::from_secs(90), || async {
            let running =
                self.node.daemon.lock().expect("no panics").as_ref().is_some_and(Daemon::is_running);
            assert!(running, "RabbitMQ ended at once:\n{}", self.log());
            self.greets().await.then_some(())
        })
        .await;
        self.ctl(&["await_startup"]).await;
    }

    /// `amqp://guest:guest@127.0.0.1:<port>/%2f`; tests better take a [`Self::vhost`].
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.node.port)
    }

    /// A fresh vhost, which fails the test when messages are left in it.
    pub async fn vhost(&self) -> Vhost {
        Vhost::create(self).await
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.node.port
    }

    /// Its name among Erlang's nodes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.node.name
    }

    /// Whether it was started and not ended since.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.node.daemon.lock().expect("no panics").is_some()
    }

    /// Where it keeps its files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.node.dir.path()
    }

    /// SIGKILL, at once.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self) {
        // RabbitMQ loses a whole queue that was declared in the last half second before a SIGKILL: its Raft library
        // saves the names of queues that often (ra 2.2, `ra_directory`). No test is about that.
        let _ = self.eval_now("dets:sync(ra_directory_reverse).");
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
        self.node.daemon.lock().expect("no panics").as_ref().expect("it runs").signal("STOP");
    }

    /// Ends [`Self::freeze`].
    pub fn thaw(&self) {
        self.node.daemon.lock().expect("no panics").as_ref().expect("it runs").signal("CONT");
    }

    /// Raises the memory alarm, which blocks whoever publishes, or clears it. True when this returns.
    pub async fn alarm(&self, raised: bool) {
        self.ctl(&["set_vm_memory_high_watermark", if raised { "0" } else { "0.4" }]).await;
        eventually("the memory alarm", Duration::from_secs(10), || async {
            let alarms = self.eval("length(rabbit_alarm:get_alarms()).").await;
            ((alarms != "0") == raised).then_some(())
        })
        .await;
    }

    /// Runs `rabbitmqctl` on it and answers what it prints. It takes a quarter of a second at best.
    ///
    /// # Panics
    /// When it fails.
    pub async fn ctl(&self, args: &[&str]) -> String {
        let output = tokio::process::Command::new("timeout")
            .args(["60", &format!("{PROGRAMS}/rabbitmqctl")])
            .args(args)
            .envs(self.env())
            .output()
            .await
            .expect("rabbitmqctl runs");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(
            output.status.success(),
            "rabbitmqctl {args:?}: {text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Evaluates Erlang in it and answers the value as it prints: `rabbit_amqqueue:list().` It takes milliseconds.
    ///
    /// # Panics
    /// When it fails.
    pub async fn eval(&self, expression: &str) -> String {
        let (server, expression) = (self.clone(), expression.to_owned());
        tokio::task::spawn_blocking(move || server.eval_now(&expression))
            .await
            .expect("no panics")
            .expect("a value")
    }

    /// [`Self::eval`] for where nothing can be awaited; `Err` says what the node answered.
    pub(super) fn eval_now(&self, expression: &str) -> Result<String, String> {
        // Calls of one name at once shut each other out.
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let caller = format!("call-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut child = Command::new("timeout")
            .args(["30", "erl_call", "-sname", &self.node.name, "-h", &caller, "-c", COOKIE, "-e"])
            .envs(self.env())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("erl_call runs: it comes with RabbitMQ's Erlang");
        let line = format!("{expression}\n");
        child.stdin.take().expect("piped").write_all(line.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match text.strip_prefix("{ok, ").and_then(|rest| rest.strip_suffix('}')) {
            Some(value) => Ok(value.to_owned()),
            None => Err(format!("{expression}: {text} {}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// What the node has logged.
    #[must_use]
    pub fn log(&self) -> String {
        let read = |name| std::fs::read_to_string(self.node.dir.path().join(name)).unwrap_or_default();
        format!("{}{}", read("console"), read("log"))
    }

    /// Whether it speaks AMQP: the listener opens last, when the broker is ready.
    async fn greets(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.node.port)).await else { return false };
        let mut first = [0; 1];
        stream.write_all(b"AMQP\x00\x00\x09\x01").await.is_ok() && stream.read_exact(&mut first).await.is_ok()
    }

    fn take(&self) -> Daemon {
        self.node.daemon.lock().expect("no panics").take().expect("it runs")
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        let in_dir =
            |name: &str| self.node.dir.path().join(name).to_str().expect("a path in UTF-8").to_owned();
        let erlang = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -start_epmd false \
                      -kernel inet_dist_use_interface {127,0,0,1}";
        vec![
            // The Erlang cookie is looked for there.
            ("HOME", in_dir("")),
            ("ERL_EPMD_PORT", port_mapper().to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_NODENAME", self.node.name.clone()),
            ("RABBITMQ_DIST_PORT", self.node.distribution_port.to_string()),
            ("RABBITMQ_MNESIA_BASE", in_dir("data")),
            ("RABBITMQ_LOG_BASE", in_dir("")),
            ("RABBITMQ_LOGS", in_dir("log")),
            ("RABBITMQ_PID_FILE", in_dir("pid")),
            // Not into the folder that the tests run in.
            ("ERL_CRASH_DUMP", in_dir("crash.dump")),
            ("RABBITMQ_CONFIG_FILE", in_dir("rabbitmq.conf")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", in_dir("plugins")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang.to_owned()),
            // The script then becomes Erlang's process, so that signals reach it.
            ("RUNNING_UNDER_SYSTEMD", "1".to_owned()),
        ]
    }
}

/// The port of this process's own Erlang port mapper, which its nodes find each other through.
fn port_mapper() -> u16 {
    static MAPPER: OnceLock<(u16, TempDir, Daemon)> = OnceLock::new();
    let (port, _, _) = MAPPER.get_or_init(|| {
        let (port, dir) = (free_port(), tempfile::tempdir().expect("a temporary folder"));
        let argument = port.to_string();
        let command = ["epmd", "-address", "127.0.0.1", "-port", &argument];
        let daemon = Daemon::start(&command, &[], dir.path(), &dir.path().join("log"));
        (port, dir, daemon)
    });
    *port
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the folder can be written to");
}
