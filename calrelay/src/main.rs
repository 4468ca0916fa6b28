//! calrelay: a durable queue in front of Google Calendar. This binary wires; the other crates decide.

mod accounts;
mod api_command;
mod banner;
mod check;
mod cli;
mod config;
mod google_kind;
mod google_link;
mod health;
mod ingress;
mod installation;
mod jobs;
mod keyfile;
mod keys;
mod logging;
mod notices;
mod output;
mod patience;
mod probe;
mod process;
mod queue_command;
mod recorder;
mod run;
mod sandbox_command;
mod setup_command;
mod signals;
mod vault;
mod worker_command;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use output::Unsaid;

/// The command line makes no sense.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    logging::tell_of_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => return said_by_clap(&said),
    };
    // Two TLS providers in one process would panic at the first handshake; there is one, and this is it.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        output::tell("calrelay: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::tell(&format!("calrelay: no runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match cli.command.unwrap_or(Command::Run) {
            Command::Run => run::run().await,
            Command::Api => api_command::run().await,
            Command::Worker => worker_command::run().await,
            Command::Check => check::run().await,
            Command::Setup => setup_command::run().await,
            Command::Sandbox(args) => sandbox_command::run(args).await,
            Command::Keys(command) => keys::run(command).await,
            Command::Accounts(command) => accounts::run(command).await,
            Command::Jobs(command) => jobs::run(command).await,
            Command::Vault(command) => vault::run(command).await,
            Command::Notices(command) => notices::run(command).await,
            Command::Queue => queue_command::run().await,
            Command::Probe(args) => probe::run(args).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Whoever had enough of an answer, as `head` has, is told nothing more.
fn failed(error: &anyhow::Error) -> ExitCode {
    if !error.downcast_ref::<Unsaid>().is_some_and(Unsaid::is_reader_gone) {
        output::tell(&format!("calrelay: {}", output::sentence(error)));
    }
    ExitCode::FAILURE
}

/// The help, the version, or what is wrong with the command line.
fn said_by_clap(said: &clap::Error) -> ExitCode {
    let text = said.to_string();
    if said.use_stderr() {
        output::tell(&text);
        return ExitCode::from(USAGE);
    }
    match output::answer(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(unsaid) => failed(&unsaid.into()),
    }
}
