//! `calrelay setup`: prepares the servers. The only role that needs the right to declare queues and
//! make tables; may be run again at any time, beside running processes too.

use std::sync::Arc;

use adapter_rabbitmq::SetUpError;
use adapter_redis::Redis;
use anyhow::bail;
use common::account::{AccountId, AccountState};
use common::port::SystemClock;
use secrecy::ExposeSecret as _;

use crate::config::{Config, Role};
use crate::installation::{Expect, Unlocked};
use crate::keys::{self, NewKey};
use crate::output::{self, Unsaid};
use crate::patience::{Outlook, Patience};
use crate::{google_kind, google_link};
use crate::{ingress, logging};

/// Does it, and says what it did.
///
/// # Errors
/// A sentence that says what to do; what was done by then stays done.
pub async fn run() -> anyhow::Result<()> {
    let config = Config::from_env(Role::Setup, |name| std::env::var(name).ok())?;
    logging::start(&config.log);
    let mut report = Report::default();
    let servers = config.servers()?;
    let amqp = servers.amqp.expose_secret();
    Patience::AMinute.ask(async || adapter_rabbitmq::set_up(amqp).await, outlook).await?;
    report.tell("RabbitMQ", "the exchanges and queues are there");

    let redis = Redis::start(servers.redis.expose_secret(), Arc::new(SystemClock))?;
    let keys = config.encryption_keys.as_ref();
    let unlocked = Unlocked::open(servers, &redis, Expect::Anything, keys, Patience::AMinute).await?;
    report.tell("vault", "it is ready");
    match redis.run_id().await {
        Ok(_) => report.tell("Redis", "it answers; nothing has to be prepared there"),
        Err(error) => report.tell(
            "Redis",
            &format!(
                "it does not answer ({error}); `api` and `worker` start all the same, and use it once it does"
            ),
        ),
    }

    let public_url = ingress::public_url(&config)?;
    let redirect_uri = ingress::redirect_uri(&config, &public_url);
    let link = google_link::open(&config.google, Some(&redirect_uri), &config.data_dir).await?;
    link.guard(unlocked.vault.as_ref(), &unlocked.accounts).await?;
    google_kind::remember(link.kind(), unlocked.vault.as_ref()).await?;
    link.connect_default(&unlocked.accounts).await?;
    report.tell("Google", &link.told());
    match &link.sandbox_url {
        Some(_) => {
            let account = unlocked.accounts.get_now(&AccountId::default_account()).await?;
            report.tell("", default_account(account.map(|account| account.state)));
        }
        None => report.tell("", &format!("its OAuth client needs the redirect URI {redirect_uri}")),
    }
    if !unlocked.keys.list().await?.is_empty() {
        report
            .tell("admin key", "there are keys already; `calrelay keys create --scope admin` makes another");
        return report.end();
    }
    let shown = keys::make(&unlocked.keys, NewKey::first(), |key| {
        say(
            "admin key",
            &format!(
                "{}\n            shown this once; `calrelay keys create --scope admin` makes another",
                key.expose_secret()
            ),
        )
    });
    if let Err(unsaid) = shown.await? {
        bail!(
            "everything is prepared, but no admin key was made, since it could not be shown: {unsaid}; run this again"
        );
    }
    report.end()
}

/// What was said on the way. It is no reason to stop in the middle that nobody can read it.
#[derive(Default)]
struct Report {
    unsaid: Option<Unsaid>,
}

impl Report {
    fn tell(&mut self, what: &str, how: &str) {
        if let Err(unsaid) = say(what, how) {
            self.unsaid.get_or_insert(unsaid);
        }
    }

    /// # Errors
    /// When something could not be said.
    fn end(self) -> anyhow::Result<()> {
        match self.unsaid {
            None => Ok(()),
            Some(unsaid) => Err(unsaid.into()),
        }
    }
}

fn say(what: &str, how: &str) -> Result<(), Unsaid> {
    output::answer(&format!("{what:<10}  {how}"))
}

fn default_account(state: Option<AccountState>) -> &'static str {
    match state {
        Some(AccountState::Connected) => "its first user is connected as the account `default`",
        Some(AccountState::NeedsReauthorization { .. }) => {
            "the account `default` has to be connected again, on the setup page"
        }
        Some(AccountState::Disconnected { .. }) | None => {
            "the account `default` is not connected, as somebody has wished; the setup page connects it"
        }
    }
}

fn outlook(error: &SetUpError) -> Outlook {
    match error {
        SetUpError::Unreachable(_) => Outlook::Hopeful,
        SetUpError::InvalidUrl(_)
        | SetUpError::Forbidden { .. }
        | SetUpError::Different { .. }
        | SetUpError::Refused { .. } => Outlook::Hopeless,
    }
}
