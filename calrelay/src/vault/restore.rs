//! `calrelay vault restore`: a vault as it was when a backup was taken.

use std::path::Path;

use accounts::backup::{Backup, Present};
use anyhow::Context as _;

use super::open;
use crate::config::SealedVaultConfig;
use common::port::{Clock as _, SystemClock};

/// Restores it. The file is read to its end, and everything in it looked at, before the vault is opened.
///
/// # Errors
/// When the file is not a backup that these keys open, or the vault is not empty; nothing was changed then.
/// When the vault fails in the middle, it has to be done again with `--replace`.
pub async fn run(config: &SealedVaultConfig, file: &Path, replace: bool) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let ring = open::ring(config)?;
    let backup = Backup::from_text(&text, &ring).with_context(|| file.display().to_string())?;
    let present = if replace { Present::Replace } else { Present::Keep };
    let opened = open::alone(config).await?;
    let restored = backup.restore(opened.vault.as_ref(), present, SystemClock.now()).await;
    opened.close().await;
    Ok(format!(
        "Restored {} documents, among them {} accounts, as they were at {:.0}. What was connected, disconnected, \
         cancelled or revoked since then is not in the backup.",
        restored?,
        backup.accounts(),
        backup.taken_at(),
    ))
}
