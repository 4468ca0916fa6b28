//! `calrelay keys`: beside a running server or without one, on the same folder.

use std::sync::Arc;

use accounts::keys::{ApiKey, ApiKeys, Scope};
use adapter_embedded::{Embedded, Role};
use adapter_redis::Redis;
use anyhow::{Context as _, bail};
use comfy_table::Table;
use comfy_table::presets;
use common::owner::Owner;
use common::port::{Clock, SystemClock};
use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::KeysCommand;
use crate::config::{Place, VaultConfig};
use crate::installation::{self, open_vault};
use crate::output::{self, Unsaid};
use crate::patience::Patience;

/// Does it.
///
/// # Errors
/// When the folder cannot be used, or what was asked makes no sense.
pub async fn run(command: KeysCommand) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    match VaultConfig::place(|name| std::env::var(name).ok())? {
        Place::Folder(dir) => {
            // The first key may be made before the first start; to look or to revoke, there has to be something.
            if !matches!(command, KeysCommand::Create { .. }) {
                installation::used(&dir)?;
            }
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
    }
}

/// A key that is to be made.
pub struct NewKey {
    /// On whose behalf it speaks.
    pub owner: Owner,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The accounts it may use; `None` is all.
    pub accounts: Option<String>,
}

impl NewKey {
    /// The key of an installation that has none yet.
    #[must_use]
    pub fn first() -> Self {
        Self { owner: Owner::local(), scopes: vec![Scope::Admin], accounts: None }
    }
}

/// Makes a key and shows it with `show`. A key that cannot be shown is taken back: nobody could ever use it.
///
/// # Errors
/// [`Unsaid`] when it could not be shown, and there is no key then; otherwise when the vault cannot be used.
pub async fn make(
    keys: &ApiKeys,
    new: NewKey,
    show: impl FnOnce(&SecretString) -> Result<(), Unsaid>,
) -> anyhow::Result<Result<(), Unsaid>> {
    if let Err(unsaid) = output::seen() {
        return Ok(Err(unsaid));
    }
    let key = keys.create(new.owner, new.scopes, new.accounts).await?;
    let Err(unsaid) = show(&key) else {
        return Ok(Ok(()));
    };
    keys.take_back(&key).await.with_context(|| {
        let name = ApiKey::name_of(&key);
        format!(
            "{unsaid}; the key {name} was made and not seen: revoke it with `calrelay keys revoke {name}`"
        )
    })?;
    Ok(Err(unsaid))
}

async fn answer(keys: &ApiKeys, command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create { owner, scopes, accounts } => {
            let owner = Owner::parse(&owner).context("--owner")?;
            let scopes: Vec<Scope> = scopes.into_iter().map(Scope::from).collect();
            let new = NewKey { owner, scopes, accounts };
            match make(keys, new, |key| output::answer(key.expose_secret())).await? {
                Ok(()) => Ok(()),
                Err(unsaid) => bail!("no key was made, since it could not be shown: {unsaid}"),
            }
        }
        KeysCommand::List => Ok(output::answer(&table(&keys.list().await?))?),
        KeysCommand::Revoke { name } => match keys.revoke(&name).await? {
            0 => bail!(
                "there is no key named {name} that could be revoked; `calrelay keys list` shows the names"
            ),
            1 => Ok(output::answer(&format!("Revoked {name}; running processes refuse it within 30 s."))?),
            count => Ok(output::answer(&format!(
                "Revoked the {count} keys named {name}; running processes refuse them within 30 s."
            ))?),
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
