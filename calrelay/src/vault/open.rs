//! A vault alone, without the queue and the records.

use std::path::Path;
use std::sync::Arc;

use adapter_embedded::{Embedded, Role};
use adapter_redis::Redis;
use anyhow::Context as _;
use common::port::{SystemClock, Vault};
use common::seal::Keyring;
use secrecy::ExposeSecret as _;

use crate::config::{Place, SealedVaultConfig, VaultConfig};
use crate::installation::{open_vault, used};
use crate::keyfile::{self, Sealed};
use crate::patience::Patience;

/// The vault, and what has to be closed with it.
pub struct Opened {
    /// The vault.
    pub vault: Arc<dyn Vault>,
    folder: Option<Embedded>,
}

impl Opened {
    /// Closes it.
    pub async fn close(self) {
        if let Some(folder) = self.folder {
            folder.close().await;
        }
    }
}

/// The configured keys; none is ever made here.
///
/// # Errors
/// A sentence that says what to do.
pub fn ring(config: &SealedVaultConfig) -> anyhow::Result<Keyring> {
    let keys = config.encryption_keys.as_ref();
    match &config.place {
        Place::Folder(dir) => keyfile::keyring(keys, dir, Sealed::Something),
        Place::Servers(_) => {
            keyfile::parse(keys.map_or("", |keys| keys.expose_secret())).context("ENCRYPTION_KEY")
        }
    }
}

/// Opens the vault, of a folder beside whoever works on it.
///
/// # Errors
/// A sentence that says what to do.
pub async fn beside(place: &Place<VaultConfig>) -> anyhow::Result<Opened> {
    match place {
        Place::Folder(dir) => {
            used(dir)?;
            in_folder(dir, Role::Operator).await
        }
        Place::Servers(servers) => on_server(servers).await,
    }
}

/// Opens the vault for filling it: nobody works on its folder meanwhile, which is made where it is missing.
///
/// # Errors
/// A sentence that says what to do.
pub async fn alone(config: &SealedVaultConfig) -> anyhow::Result<Opened> {
    match &config.place {
        Place::Folder(dir) => in_folder(dir, Role::Worker).await,
        Place::Servers(servers) => on_server(servers).await,
    }
}

async fn in_folder(dir: &Path, role: Role) -> anyhow::Result<Opened> {
    let folder = Embedded::open(dir, role, Arc::new(SystemClock), None).await?;
    Ok(Opened { vault: folder.vault(), folder: Some(folder) })
}

async fn on_server(VaultConfig { vault, redis }: &VaultConfig) -> anyhow::Result<Opened> {
    let redis = match redis {
        Some(url) => Some(Redis::start(url.expose_secret(), Arc::new(SystemClock)).context("REDIS_URL")?),
        None => None,
    };
    Ok(Opened { vault: open_vault(vault, redis.as_deref(), Patience::None).await?, folder: None })
}
