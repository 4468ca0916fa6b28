//! `calrelay sandbox`: the offline Google alone.

use std::net::SocketAddr;

use anyhow::Context as _;

use crate::cli::SandboxArgs;
use crate::config::LogFormat;
use crate::logging;
use crate::signals::Signals;

/// Runs it until a signal.
///
/// # Errors
/// When it cannot start.
pub async fn run(args: SandboxArgs) -> anyhow::Result<()> {
    logging::start(LogFormat::Text);
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
    #[expect(clippy::print_stdout, reason = "it is the answer to the command")]
    {
        println!(
            "SANDBOX Google on {url}\n  calendar page  {url}/\n  start calrelay with  SANDBOX_URL={url}{memory}",
            url = sandbox.url,
        );
    }
    signals.next().await;
    sandbox.stop().await.context("the sandbox did not stop in order")
}
