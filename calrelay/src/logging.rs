//! Logs, to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What is logged unless `RUST_LOG` says otherwise: the web server tells of its threads at `info`, and
/// deadpool warns of connections that ended, of which the vault tells itself.
const USUAL: &str = "info,actix_server=warn,deadpool_postgres=off";

/// Never logged, whatever `RUST_LOG` says: lapin shows messages (those that came back, at `warn`) and
/// passwords (at `trace`), and calls it an error that a connection ended, which the queue tells of itself.
const NEVER: &str = "lapin=off";

/// Starts logging.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    let never = NEVER.parse().expect("a directive");
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter.add_directive(never))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    match format {
        LogFormat::Text => logs.compact().init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
}
