//! The master key of a folder: a file that only its owner can read, made at the first start.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use common::seal::{Key, Keyring};
use secrecy::{ExposeSecret as _, SecretString};

/// Whether there is anything yet that a key was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// Nothing: any key will do.
    Nothing,
    /// Only the key that it was sealed with will do.
    Something,
}

/// The ring from the configuration, or from `data/key`, which is made where nothing is sealed yet.
///
/// # Errors
/// When a key is malformed, or the file cannot be read or made.
pub fn keyring(
    configured: Option<&SecretString>,
    data_dir: &Path,
    sealed: Sealed,
) -> anyhow::Result<Keyring> {
    match configured {
        Some(text) => parse(text.expose_secret()).context("ENCRYPTION_KEY"),
        None => from_file(&data_dir.join("key"), sealed),
    }
}

/// Parses keys as they are configured: newest first, separated by commas or line ends.
///
/// # Errors
/// When one of them is none, or there is none.
pub fn parse(text: &str) -> anyhow::Result<Keyring> {
    let mut keys = Vec::new();
    for part in text.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty()) {
        keys.push(Key::parse(part)?);
    }
    if keys.is_empty() {
        bail!("there is no key in it");
    }
    let newest = keys.remove(0);
    Ok(Keyring::new(newest, keys))
}

fn from_file(path: &PathBuf, sealed: Sealed) -> anyhow::Result<Keyring> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let mode = std::fs::metadata(path)?.permissions().mode();
            if mode & 0o077 != 0 {
                bail!("{} can be read by others; run `chmod 600 {}`", path.display(), path.display());
            }
            parse(&text).with_context(|| format!("{} does not hold a key", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match sealed {
            Sealed::Nothing => make(path),
            // Another one would open nothing, and look as if it belonged here.
            Sealed::Something => bail!(
                "{} is missing, and what is beside it was sealed with it; put it back, or set ENCRYPTION_KEY to it",
                path.display()
            ),
        },
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn make(path: &Path) -> anyhow::Result<Keyring> {
    let key = Key::random();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} cannot be made", path.display()))?;
    writeln!(file, "{}", key.to_base64().as_str())?;
    file.sync_all()?;
    Ok(Keyring::new(key, Vec::new()))
}
