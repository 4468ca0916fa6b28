//! `calrelay keys`: beside a running server or without one, on the same folder.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use comfy_table::Table;
use comfy_table::presets;
use common::embedded::{Embedded, Role};
use common::keys::{ApiKey, ApiKeys, Scope};
use common::owner::Owner;
use common::port::{Clock, SystemClock};
use common::redis::Redis;
use secrecy::ExposeSecret as _;

use crate::cli::KeysCommand;
use crate::config::{Place, VaultConfig};
use crate::installation::open_vault;
use crate::patience::Patience;

/// Does it.
///
/// # Errors
/// When the folder cannot be used, or what was asked makes no sense.
pub async fn run(command: KeysCommand) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let said = match VaultConfig::place(|name| std::env::var(name).ok())? {
        Place::Folder(dir) => {
            let folder = Embedded::open(&dir, Role::Operator, Arc::clone(&clock), None).await?;
            let said = answer(&ApiKeys::new(folder.vault(), clock), command).await;
            folder.close().await;
            said
        }
        Place::Servers(VaultConfig { vault, redis }) => {
            let redis = match redis {
                Some(url) => {
                    Some(Redis::start(url.expose_secret(), Arc::clone(&clock)).context("REDIS_URL")?)
                }
                None => None,
            };
            let vault = open_vault(&vault, redis.as_deref(), Patience::None).await?;
            answer(&ApiKeys::new(vault, clock), command).await
        }
    };
    #[expect(clippy::print_stdout, reason = "it is the answer to the command")]
    {
        println!("{}", said?);
    }
    Ok(())
}

async fn answer(keys: &ApiKeys, command: KeysCommand) -> anyhow::Result<String> {
    match command {
        KeysCommand::Create { owner, scopes, accounts } => {
            let owner = Owner::parse(&owner).context("--owner")?;
            let scopes: Vec<Scope> = scopes.into_iter().map(Scope::from).collect();
            let key = keys.create(owner, scopes, accounts).await?;
            Ok(key.expose_secret().to_owned())
        }
        KeysCommand::List => Ok(table(&keys.list().await?)),
        KeysCommand::Revoke { name } => match keys.revoke(&name).await? {
            0 => bail!(
                "there is no key named {name} that could be revoked; `calrelay keys list` shows the names"
            ),
            1 => Ok(format!("Revoked {name}; running processes refuse it within 30 s.")),
            count => Ok(format!(
                "Revoked the {count} keys named {name}; running processes refuse them within 30 s."
            )),
        },
    }
}

fn table(keys: &[ApiKey]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["NAME", "OWNER", "SCOPES", "ACCOUNTS", "CREATED", "REVOKED"]);
    for key in keys {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        table.add_row([
            key.name.clone(),
            key.owner.to_string(),
            scopes.join(","),
            key.accounts.clone().unwrap_or_else(|| "*".to_owned()),
            key.created_at.to_string(),
            key.revoked_at.map_or_else(String::new, |at| at.to_string()),
        ]);
    }
    table.to_string()
}
