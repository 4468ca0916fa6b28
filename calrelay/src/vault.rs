//! `calrelay vault`: other keys for what is sealed, and a copy of what cannot be rebuilt.

mod backup;
pub mod open;
mod restore;
mod rotate;

use crate::cli::VaultCommand;
use crate::config::{JobsConfig, Place, SealedVaultConfig};
use crate::installation::Installation;
use crate::output;

/// Does it.
///
/// # Errors
/// When the vault cannot be used, or what was asked would lose something.
pub async fn run(command: VaultCommand) -> anyhow::Result<()> {
    let lookup = |name: &str| std::env::var(name).ok();
    let said = match command {
        VaultCommand::Rotate => rotate(&JobsConfig::from_env(lookup)?).await,
        VaultCommand::Backup { file } => backup::run(&SealedVaultConfig::from_env(lookup)?, &file).await,
        VaultCommand::Restore { file, replace } => {
            restore::run(&SealedVaultConfig::from_env(lookup)?, &file, replace).await
        }
    };
    Ok(output::answer(&said?)?)
}

async fn rotate(config: &JobsConfig) -> anyhow::Result<String> {
    let keys = config.encryption_keys.as_ref();
    let installation = match &config.place {
        Place::Folder(dir) => Installation::in_folder(dir, keys).await?,
        Place::Servers(servers) => Installation::beside_servers(servers, keys, config.retention).await?,
    };
    let said = rotate::run(&installation).await;
    installation.close().await;
    said
}
