//! Logs, to standard error.

use std::io::{self, IsTerminal as _};
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogFormat;

/// What is logged unless `RUST_LOG` says otherwise: the web server tells of its threads at `info`, and
/// deadpool warns of connections that ended, of which the vault tells itself.
const USUAL: &str = "info,actix_server=warn,deadpool_postgres=off";

/// Never logged, whatever `RUST_LOG` says. lapin shows messages (those that came back, at `warn`) and
/// passwords (at `trace`), and calls it an error that a connection ended, which the queue tells of itself.
/// The web server calls it an error that a client sent what is no HTTP: anybody can make such lines.
const NEVER: [&str; 2] = ["lapin=off", "actix_http::h1::dispatcher=off"];

/// Starts logging.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    let filter =
        NEVER.iter().fold(filter, |filter, never| filter.add_directive(never.parse().expect("a directive")));
    match format {
        LogFormat::Text => tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .compact()
            .init(),
        LogFormat::Json => {
            // One object a line, of one level: `job.id` is a name with a dot in it, and the trace stands beside it.
            let lines = json_subscriber::layer()
                .with_writer(io::stderr)
                .with_target(false)
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .flatten_span_list_on_top_level(true);
            tracing_subscriber::registry().with(filter).with(lines).init();
            panic::set_hook(Box::new(tell_of_panic));
        }
    }
}

/// A panic is a line like any other.
fn tell_of_panic(panic: &PanicHookInfo<'_>) {
    tracing::error!("A thread {panic}");
}
