//! A private PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::daemon::Daemon;
use crate::{eventually, free_port};

/// A PostgreSQL on a port of its own, whose user `postgres` needs no password. Killed when dropped.
pub struct PostgresServer {
    dir: TempDir,
    port: u16,
    daemon: Mutex<Option<Daemon>>,
}

/// One server for all tests of this process that do not hurt it: give each a database of its own.
pub async fn shared_postgres() -> &'static PostgresServer {
    static SHARED: OnceCell<PostgresServer> = OnceCell::const_new();
    SHARED.get_or_init(PostgresServer::start).await
}

impl PostgresServer {
    /// Starts one with an empty database `postgres`.
    ///
    /// # Panics
    /// When PostgreSQL is not installed.
    pub async fn start() -> Self {
        let server = Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            port: free_port(),
            daemon: Mutex::default(),
        };
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(server.dir.path()).status();
            assert!(owned.is_ok_and(|status| status.success()), "a folder for the user postgres");
        }
        server.run(
            "initdb",
            &["-D", &server.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        );
        server.start_again().await;
        server
    }

    /// Starts it where it was, with what it kept.
    ///
    /// # Panics
    /// When it runs, or does not come up.
    pub async fn start_again(&self) {
        let (postgres, data, port) = (program("postgres"), self.data(), self.port.to_string());
        let mut command = as_postgres();
        command.extend([postgres.as_str(), "-D", &data, "-p", &port, "-h", "127.0.0.1", "-k", "", "-c"]);
        command.extend(["shared_buffers=16MB"]);
        {
            let mut daemon = self.daemon.lock().expect("no panics");
            assert!(daemon.is_none(), "it runs");
            *daemon = Some(Daemon::start(&command, &[], self.dir.path(), &self.dir.path().join("log")));
        }
        eventually("PostgreSQL", Duration::from_secs(60), || async {
            let running = self.daemon.lock().expect("no panics").as_ref().is_some_and(Daemon::is_running);
            assert!(running, "PostgreSQL ended at once:\n{}", self.log());
            let asked =
                Command::new(program("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
            asked.expect("pg_isready runs").success().then_some(())
        })
        .await;
    }

    /// `postgres://postgres@127.0.0.1:<port>/postgres`
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Makes a fresh database and answers its URL.
    #[must_use]
    pub fn database(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.run("createdb", &["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", &name]);
        self.url_of(&name)
    }

    /// Runs SQL in the database at `url` and answers what `psql` prints for it, unaligned.
    #[must_use]
    pub fn sql(&self, url: &str, sql: &str) -> String {
        self.run("psql", &["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, url])
    }

    /// SQL that makes what is in the database at `url`, and nothing of how this server is set.
    #[must_use]
    pub fn dump(&self, url: &str) -> String {
        let dump = self.run("pg_dump", &["--inserts", "--no-owner", "--no-privileges", url]);
        let settings = ["--", "\\", "SET ", "SELECT pg_catalog.set_config"];
        let kept = dump.lines().filter(|line| !line.is_empty());
        kept.filter(|line| !settings.iter().any(|start| line.starts_with(start)))
            .fold(String::new(), |sql, line| sql + line + "\n")
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

    /// A "fast" shutdown: sessions are ended, everything is written.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&self) {
        self.take().stop("INT");
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn data(&self) -> String {
        self.dir.path().join("data").to_str().expect("a path in UTF-8").to_owned()
    }

    fn take(&self) -> Daemon {
        self.daemon.lock().expect("no panics").take().expect("it runs")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Runs one of PostgreSQL's own programs.
    fn run(&self, name: &str, args: &[&str]) -> String {
        let program = program(name);
        let mut command = as_postgres();
        command.push(&program);
        let output = Command::new(command[0])
            .args(&command[1..])
            .args(args)
            .current_dir(self.dir.path())
            .output()
            .expect("PostgreSQL's programs run");
        assert!(output.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// Debian keeps the server's programs out of `PATH`, one folder a version.
fn program(name: &str) -> String {
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed: ./test.sh does it");
    let newest = versions
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse::<u32>().ok())
        .max()
        .expect("PostgreSQL is installed: ./test.sh does it");
    let path = PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin/{name}"));
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// PostgreSQL refuses to run as root.
fn as_postgres() -> Vec<&'static str> {
    if is_root() {
        vec!["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    } else {
        vec!["env"]
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
