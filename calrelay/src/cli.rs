//! The command line.

mod accounts;
mod jobs;
mod vault;

use ::accounts::keys::Scope;
use clap::{Parser, Subcommand, ValueEnum};

pub use accounts::AccountsCommand;
pub use jobs::JobsCommand;
pub use vault::VaultCommand;

/// A durable queue in front of Google Calendar.
#[derive(Debug, Parser)]
#[command(name = "calrelay", version, about, after_help = after_help())]
pub struct Cli {
    /// What to do; `run` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What there is to know beside the commands.
fn after_help() -> String {
    format!("{}\n{STATUS}", crate::config::table())
}

const STATUS: &str = "Exit status: 0 when it is done; 2 when the command line makes no sense; 1 otherwise, also when the \
                      answer cannot be\nwritten to standard output (nothing is said of a reader that had enough, such as head).";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything in one process: ingress, worker, an embedded queue, and the sandbox Google unless
    /// there are credentials for the real one.
    Run,
    /// The ingress alone: as many as you like, on RabbitMQ, Redis and a vault.
    Api,
    /// A worker alone: as many as you like, on the same servers.
    Worker,
    /// Prepares the servers for `api` and `worker`: declares the queues, opens the vault, prints the
    /// first admin key. Run it again as often as you like.
    Setup,
    /// Reads the configuration, tries every dependency, and says in a line each what to do. Ends with 0 unless
    /// one of them fails.
    Check,
    /// The offline Google alone.
    Sandbox(SandboxArgs),
    /// API keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Accounts: whose calendars they are, and how to give them back.
    #[command(subcommand)]
    Accounts(AccountsCommand),
    /// Jobs: what became of them, and another try.
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// The vault: new keys, backups.
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Notices: whether the receiver of webhooks still wants them.
    #[command(subcommand)]
    Notices(NoticesCommand),
    /// How many messages there are, by where they are.
    Queue,
    /// Asks the `api` or `worker` of this container how it is, for health checks: 0 is well.
    #[command(hide = true)]
    Probe(ProbeArgs),
}

/// How the sandbox is started.
#[derive(Debug, clap::Args)]
pub struct SandboxArgs {
    /// The port.
    #[arg(long, default_value_t = 8090)]
    pub port: u16,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub bind: std::net::IpAddr,
    /// Keeps its calendars in this file.
    #[arg(long, value_name = "FILE")]
    pub state: Option<std::path::PathBuf>,
    /// Where browsers reach it, when that is elsewhere than where calrelay does.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<url::Url>,
    /// A name under which its pages and controls answer besides localhost, addresses and the public URL's, such as the
    /// one that calrelay asks for; may be given more than once.
    #[arg(long = "allow-host", value_name = "NAME")]
    pub allowed_hosts: Vec<String>,
    /// A redirect URI that its OAuth client may use; may be given more than once.
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub redirect_uris: Vec<String>,
}

/// What is asked. A container has no curl.
#[derive(Debug, clap::Args)]
pub struct ProbeArgs {
    /// Whether it can do its own work (`/readyz`), and not only whether it runs (`/livez`).
    #[arg(long, conflicts_with = "url")]
    pub ready: bool,
    /// Another address than the operators' port: well is whatever answers 2xx.
    #[arg(long, value_name = "URL")]
    pub url: Option<url::Url>,
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Makes a key and prints it: the only time it can be seen.
    Create {
        /// On whose behalf it speaks.
        #[arg(long, default_value = "local")]
        owner: String,
        /// What it may do; may be given more than once.
        #[arg(long = "scope", value_enum, default_values_t = [KeyScope::Submit, KeyScope::Read])]
        scopes: Vec<KeyScope>,
        /// The accounts it may use; `*` stands for any run of characters.
        #[arg(long, value_name = "PATTERN", value_parser = account_pattern)]
        accounts: Option<String>,
    },
    /// Lists keys by name; the keys themselves are nowhere.
    List,
    /// Revokes a key. Running processes notice within half a minute.
    Revoke {
        /// The key's name: its first characters, as `keys list` shows them.
        name: String,
    },
}

/// A pattern that some account can fit.
fn account_pattern(text: &str) -> Result<String, String> {
    match ::accounts::keys::is_account_pattern(text) {
        true => Ok(text.to_owned()),
        false => {
            Err("write an account's id, such as default, in which `*` may stand for any run of characters: \
                      letters, digits, - and _"
                .to_owned())
        }
    }
}

/// What to do about notices.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum NoticesCommand {
    /// Says whether a receiver of webhooks is sent nothing more because it answered 410.
    Show,
    /// Sends it notices again. Running processes notice within half a minute; what happened meanwhile is not told.
    Unmute,
}

/// A scope on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyScope {
    Submit,
    Read,
    Admin,
}

impl From<KeyScope> for Scope {
    fn from(scope: KeyScope) -> Self {
        match scope {
            KeyScope::Submit => Self::Submit,
            KeyScope::Read => Self::Read,
            KeyScope::Admin => Self::Admin,
        }
    }
}

impl std::fmt::Display for KeyScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Scope::from(*self).as_str())
    }
}
