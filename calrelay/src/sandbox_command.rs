//! `calrelay sandbox`: the offline Google alone.

use std::net::SocketAddr;

use anyhow::Context as _;

use crate::cli::SandboxArgs;
use crate::config::LogConfig;
use crate::signals::Signals;
use crate::{logging, output};

/// Runs it until a signal.
///
/// # Errors
/// When it cannot start.
pub async fn run(args: SandboxArgs) -> anyhow::Result<()> {
    logging::start(&LogConfig::from_env(|name| std::env::var(name).ok())?);
    let mut signals = Signals::listen()?;
    let mut config = sandbox::Config {
        listen: SocketAddr::new(args.bind, args.port),
        state_file: args.state,
        allowed_hosts: args.allowed_hosts,
        public_url: args.public_url.map(|url| url.origin().ascii_serialization()),
        ..sandbox::Config::default()
    };
    config.redirect_uris.extend(args.redirect_uris);
    let memory = match config.state_file {
        Some(_) => "",
        None => "\n  forgets its calendars and connections when it ends; --state FILE keeps them",
    };
    let sandbox = sandbox::start(config).await.context("the sandbox cannot start")?;
    let url = &sandbox.url;
    let said = output::announce(&format!(
        "SANDBOX Google on {url}\n  calendar page  {url}/\n  start calrelay with  SANDBOX_URL={url}{memory}"
    ));
    if let Err(unsaid) = said {
        tracing::warn!("The sandbox is on {url}, and goes on: {unsaid}");
    }
    signals.next().await;
    sandbox.stop().await.context("the sandbox did not stop in order")
}
