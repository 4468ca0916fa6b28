//! `calrelay vault backup`: the whole vault in one sealed file.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use accounts::backup::Backup;
use anyhow::{Context as _, bail};

use super::open;
use crate::config::SealedVaultConfig;
use common::port::{Clock as _, SystemClock};

/// Writes it.
///
/// # Errors
/// When the vault cannot be read with these keys, or the file not be written; there is no file then.
pub async fn run(config: &SealedVaultConfig, file: &Path) -> anyhow::Result<String> {
    let opened = open::beside(&config.place).await?;
    let backup = async {
        let ring = open::ring(config)?;
        let backup = Backup::of(opened.vault.as_ref(), &ring, SystemClock.now()).await?;
        anyhow::Ok((backup, ring))
    };
    let backup = backup.await;
    opened.close().await;
    let (backup, ring) = backup?;
    write(file, &backup.to_text(&ring))?;
    Ok(format!(
        "Wrote {}: {} accounts, as of {:.0}. It opens with the key {} alone: keep that key as well, and in another \
         place. Accounts that are erased later are still in it.",
        file.display(),
        backup.accounts(),
        backup.taken_at(),
        ring.newest().id(),
    ))
}

/// Writes a file of this user's alone, or none.
fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut made = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(made) => made,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} is there already, and is left as it is; name another file", file.display())
        }
        Err(error) => return Err(error).with_context(|| format!("{} cannot be made", file.display())),
    };
    let written =
        made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).and_then(|()| sync_folder(file));
    if written.is_err() {
        // Half a backup is worse than none.
        let _ = std::fs::remove_file(file);
    }
    written.with_context(|| format!("{} cannot be written", file.display()))
}

/// A file is durable only once its folder is.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}
