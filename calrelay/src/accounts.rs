//! `calrelay accounts`: whose calendars there are, and how to give them back; beside running processes or
//! without any.

mod handover;
mod revoke;
mod shown;

use std::sync::Arc;

use accounts::Accounts;
use adapter_redis::Redis;
use anyhow::{Context as _, anyhow};
use common::account::AccountId;
use common::port::{SystemClock, Vault};
use secrecy::ExposeSecret as _;

use crate::cli::AccountsCommand;
use crate::config::{AccountsConfig, Place};
use crate::google_link::{self, GoogleLink};
use crate::installation::{self, Expect, Installation, Unlocked};
use crate::output;
use crate::patience::Patience;
use handover::Handover;

/// Does it.
///
/// # Errors
/// When the installation or Google cannot be used, or what was asked makes no sense.
pub async fn run(command: AccountsCommand) -> anyhow::Result<()> {
    let config = AccountsConfig::from_env(command.tells_google(), |name| std::env::var(name).ok())?;
    if let Place::Folder(dir) = &config.place {
        // A sandbox of our own would make it.
        installation::used(dir)?;
    }
    let link = match &config.google {
        Some(google) => Some(google_link::beside(google, &config.data_dir).await?),
        None => None,
    };
    let said = answer(&config, link.as_ref(), command).await;
    if let Some(sandbox) = link.and_then(|link| link.own) {
        sandbox.stop().await.context("the sandbox did not stop in order")?;
    }
    Ok(output::answer(&said?)?)
}

async fn answer(
    config: &AccountsConfig,
    link: Option<&GoogleLink>,
    command: AccountsCommand,
) -> anyhow::Result<String> {
    let handover = match &command {
        AccountsCommand::Rebind { account, .. } => Some((account, Handover::Rebind)),
        AccountsCommand::Erase { account, .. } => Some((account, Handover::Erase)),
        AccountsCommand::List | AccountsCommand::Show { .. } | AccountsCommand::Revoke { .. } => None,
    };
    // An emergency must not wait for a broker: only where jobs are touched has everything to be there.
    if let (Place::Servers(servers), None) = (&config.place, &handover) {
        let redis =
            Redis::start(servers.redis.expose_secret(), Arc::new(SystemClock)).context("REDIS_URL")?;
        let keys = config.encryption_keys.as_ref();
        let vault = Unlocked::open(servers, &redis, Expect::Prepared, keys, Patience::None).await?;
        return of_accounts(vault.vault.as_ref(), &vault.accounts, link, command).await;
    }
    let keys = config.encryption_keys.as_ref();
    let installation = match &config.place {
        Place::Folder(dir) => Installation::in_folder(dir, keys).await?,
        Place::Servers(servers) => Installation::beside_servers(servers, keys, config.retention).await?,
    };
    let said = match handover {
        Some((account, handover)) => {
            guarded(link, installation.vault.as_ref(), &installation.accounts).await?;
            handover::run(&installation, &config.quotas, link, account, handover).await
        }
        None => of_accounts(installation.vault.as_ref(), &installation.accounts, link, command).await,
    };
    installation.close().await;
    said
}

async fn of_accounts(
    vault: &dyn Vault,
    accounts: &Accounts,
    link: Option<&GoogleLink>,
    command: AccountsCommand,
) -> anyhow::Result<String> {
    guarded(link, vault, accounts).await?;
    match command {
        AccountsCommand::List => Ok(shown::table(accounts, &accounts.list().await?)),
        AccountsCommand::Show { account } => {
            let account = accounts.get_now(&account).await?.ok_or_else(|| unknown(&account))?;
            let others = accounts.others_of_user(&account).await?;
            Ok(serde_json::to_string_pretty(&shown::Shown::of(&account, accounts, others))?)
        }
        AccountsCommand::Revoke { accounts: named, all, .. } => {
            let which = if all { revoke::Which::All } else { revoke::Which::Named(named) };
            revoke::run(accounts, link, which).await
        }
        AccountsCommand::Rebind { .. } | AccountsCommand::Erase { .. } => {
            unreachable!("these are done with a whole installation")
        }
    }
}

/// Tokens of one kind of Google are no business of the other.
async fn guarded(link: Option<&GoogleLink>, vault: &dyn Vault, accounts: &Accounts) -> anyhow::Result<()> {
    match link {
        Some(link) => link.guard(vault, accounts).await,
        None => Ok(()),
    }
}

fn unknown(account: &AccountId) -> anyhow::Error {
    anyhow!("there is no account {account}; `calrelay accounts list` shows those there are")
}
