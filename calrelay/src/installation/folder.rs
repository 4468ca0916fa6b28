//! An installation in one folder.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adapter_embedded::{Embedded, Role, SqliteQueue};
use anyhow::bail;
use common::port::{Clock, SystemClock, Vault, pause};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::task::JoinHandle;

use super::{Behind, Installation, is_prepared, unlock};
use crate::keyfile::{self, Sealed};

/// Between two looks for dead letters that are old enough.
const FORGET: Duration = Duration::from_secs(3600);

/// What is to be closed.
pub(super) struct Folder {
    files: Embedded,
    forgetting: Option<JoinHandle<()>>,
}

impl Folder {
    pub(super) async fn close(self) {
        if let Some(forgetting) = self.forgetting {
            forgetting.abort();
        }
        self.files.close().await;
    }
}

/// Refuses a folder in which nothing was ever kept, and makes nothing in it: whoever looks there, or takes something
/// back, means another one.
///
/// # Errors
/// A sentence that says what to do.
pub fn used(dir: &Path) -> anyhow::Result<()> {
    if !dir.is_dir() {
        bail!(
            "there is no folder {}; set DATA_DIR to the one that `calrelay run` uses, or AMQP_URL, REDIS_URL and VAULT_URL",
            dir.display()
        );
    }
    if !Embedded::is_in(dir) {
        bail!(never_started(dir));
    }
    Ok(())
}

fn never_started(dir: &Path) -> String {
    format!("`calrelay run` was never started on {}; DATA_DIR chooses another folder", dir.display())
}

impl Installation {
    /// Opens the folder for the one process that works on it; makes what is missing.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub async fn in_own_folder(
        dir: &Path,
        keys: Option<&SecretString>,
        retention: Duration,
    ) -> anyhow::Result<Self> {
        let clock = super::clock();
        let files = Embedded::open(dir, Role::Worker, Arc::clone(&clock), None).await?;
        let forgetting = tokio::spawn(forget_dead_letters(files.queue(), retention));
        Self::over(Folder { files, forgetting: Some(forgetting) }, dir, keys, clock).await
    }

    /// Opens the folder beside whoever works on it.
    ///
    /// # Errors
    /// When nothing was ever made there, or it cannot be opened.
    pub async fn in_folder(dir: &Path, keys: Option<&SecretString>) -> anyhow::Result<Self> {
        used(dir)?;
        let clock = super::clock();
        let files = Embedded::open(dir, Role::Operator, Arc::clone(&clock), None).await?;
        let vault: Arc<dyn Vault> = files.vault();
        if !is_prepared(vault.as_ref()).await? {
            files.close().await;
            bail!(never_started(dir));
        }
        Self::over(Folder { files, forgetting: None }, dir, keys, clock).await
    }

    async fn over(
        folder: Folder,
        dir: &Path,
        keys: Option<&SecretString>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let files = &folder.files;
        let vault: Arc<dyn Vault> = files.vault();
        let sealed = match is_prepared(vault.as_ref()).await? {
            true => Sealed::Something,
            false => Sealed::Nothing,
        };
        let ring = keyfile::keyring(keys, dir, sealed)?;
        let (accounts, keys) = unlock(&vault, ring, &clock).await?;
        Ok(Self {
            queue: files.queue(),
            store: files.store(),
            vault,
            accounts,
            keys,
            tokens: files.tokens(),
            throttle: files.throttle(),
            allowances: None,
            clock,
            behind: Behind::Folder(folder),
        })
    }
}

/// Dead letters are kept as long as finished jobs.
async fn forget_dead_letters(queue: Arc<SqliteQueue>, retention: Duration) {
    loop {
        let before = SystemClock.now().checked_sub(retention).unwrap_or(Timestamp::MIN);
        if let Err(error) = queue.forget_dead(before).await {
            tracing::warn!("Old dead letters could not be removed: {error}");
        }
        pause(FORGET).await;
    }
}
