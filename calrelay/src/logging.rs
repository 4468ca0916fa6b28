//! Logs, to standard error.

mod line;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogConfig, LogFormat};
use crate::output::{self, Log};
use line::Line;

/// What is logged unless `RUST_LOG` says otherwise: the web server tells of its threads at `info`, and
/// deadpool warns of connections that ended, of which the vault tells itself.
const USUAL: &str = "info,actix_server=warn,deadpool_postgres=off";

/// Never logged, whatever `RUST_LOG` says. lapin shows messages (those that came back, at `warn`) and
/// passwords (at `trace`), and calls it an error that a connection ended, which the queue tells of itself.
/// The web server calls it an error that a client sent what is no HTTP: anybody can make such lines.
const NEVER: [&str; 2] = ["lapin=off", "actix_http::h1::dispatcher=off"];

/// Starts logging.
pub fn start(config: &LogConfig) {
    let filter = config.filter.as_deref().and_then(filter).unwrap_or_else(|| EnvFilter::new(USUAL));
    let filter =
        NEVER.iter().fold(filter, |filter, never| filter.add_directive(never.parse().expect("a directive")));
    let log = Log::default();
    let writer = move || log.clone();
    match config.format {
        LogFormat::Text => {
            let lines = tracing_subscriber::fmt::layer()
                .with_writer(writer)
                .with_ansi(io::stderr().is_terminal())
                .event_format(Line);
            // Telling of a line that could not be written would fail as that line did.
            let lines = lines.log_internal_errors(false);
            tracing_subscriber::registry().with(filter).with(lines).init();
        }
        LogFormat::Json => {
            // One object a line, of one level: `job.id` is a name with a dot in it, and the trace stands beside it.
            let lines = json_subscriber::layer()
                .with_writer(writer)
                .with_target(false)
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .flatten_span_list_on_top_level(true)
                .log_internal_errors(false);
            tracing_subscriber::registry().with(filter).with(lines).init();
        }
    }
    // A panic is a line like any other.
    panic::set_hook(Box::new(|panic| tracing::error!("A thread {}", told(panic))));
}

/// What `RUST_LOG` says, if that can be understood.
pub fn filter(text: &str) -> Option<EnvFilter> {
    EnvFilter::try_new(text).ok()
}

/// Tells of panics until logging starts. The system's own hook waits for a reader that does not read.
pub fn tell_of_panics() {
    panic::set_hook(Box::new(|panic| output::tell(&format!("calrelay: a thread {}", told(panic)))));
}

fn told(panic: &PanicHookInfo<'_>) -> String {
    let trace = Backtrace::capture();
    // RUST_BACKTRACE=1 asks for one.
    match trace.status() == BacktraceStatus::Captured {
        true => format!("{panic}\n{trace}"),
        false => panic.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::process::{Command, Stdio};

    use super::*;

    /// Says which logs the process of [`panicking`] has.
    const HOW: &str = "CALRELAY_TEST_LOGS";

    #[test]
    #[ignore = "it is run by the test below, in a process of its own"]
    fn panicking() {
        let format = match std::env::var(HOW).as_deref() {
            Ok("text") => Some(LogFormat::Text),
            Ok("json") => Some(LogFormat::Json),
            Ok(_) | Err(_) => None,
        };
        match format {
            Some(format) => start(&LogConfig { format, filter: None }),
            None => tell_of_panics(),
        }
        let outcome = std::thread::spawn(|| panic!("on purpose")).join();
        assert!(outcome.is_err(), "a panic ends its thread alone");
    }

    #[test]
    fn a_panic_that_cannot_be_told_ends_its_thread_alone() {
        for how in ["text", "json", "none yet"] {
            let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
            let gone = || Stdio::from(io::pipe().unwrap().1);
            for stderr in [full(), gone()] {
                let status = Command::new(std::env::current_exe().unwrap())
                    .args(["--ignored", "--exact", "logging::tests::panicking"])
                    .env(HOW, how)
                    .env("RUST_BACKTRACE", "1")
                    .stdout(Stdio::null())
                    .stderr(stderr)
                    .status()
                    .unwrap();
                assert_eq!(status.code(), Some(0), "{how}: {status}");
            }
        }
    }
}
