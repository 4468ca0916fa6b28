//! What the installation keeps for itself in the vault.

use serde_json::json;

use crate::fingerprint::HashKey;
use crate::port::{Shelf, Vault, VaultError};
use crate::seal::{Key, Keyring, OpenError, Sealed};

const NAME: &str = "hash-key";

/// Why the vault cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LockedOut {
    /// The keys do not fit: nothing was changed.
    #[error(
        "the vault was sealed with the key {0}, which is not among the configured ones; set ENCRYPTION_KEY (or the key file) to the key this data was made with"
    )]
    WrongKey(crate::seal::KeyId),
    /// What is there is damaged.
    #[error("the vault's own secret is damaged; restore the vault from a backup")]
    Damaged,
    /// The vault cannot be used.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Opens the vault: reads the installation's hash key, or makes it in an empty vault.
///
/// # Errors
/// [`LockedOut`]; nothing is ever overwritten.
pub async fn open(vault: &dyn Vault, ring: &Keyring) -> Result<HashKey, LockedOut> {
    if let Some(doc) = vault.get(Shelf::Secrets, NAME).await? {
        return unseal(doc.value, ring);
    }
    let sealed: Sealed<Key> = ring.seal(NAME, &Key::random());
    match vault.put(Shelf::Secrets, NAME, &json!(sealed), None).await {
        Ok(_) | Err(VaultError::Changed) => {}
        Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => {
            return Err(error.into());
        }
    }
    // Read it back: another process may have been faster.
    let doc = vault.get(Shelf::Secrets, NAME).await?;
    let doc = doc.ok_or_else(|| VaultError::Unreadable("the hash key vanished".to_owned()))?;
    unseal(doc.value, ring)
}

/// Seals what is kept for the installation with the newest of the keys; answers how much was sealed with
/// another. A document of [`Shelf::Secrets`] that is sealed has its own name for a context.
///
/// The hash key comes last: as long as it is sealed with an older key, nothing starts without that key.
///
/// # Errors
/// [`LockedOut`].
pub async fn rotate(vault: &dyn Vault, ring: &Keyring) -> Result<usize, LockedOut> {
    let (last, mut docs): (Vec<_>, Vec<_>) =
        vault.list(Shelf::Secrets).await?.into_iter().partition(|(name, _)| name == NAME);
    docs.extend(last);
    let mut rotated = 0;
    for (name, doc) in docs {
        let Ok(sealed) = serde_json::from_value::<Sealed<serde_json::Value>>(doc.value) else {
            continue;
        };
        let again = ring.reseal(&name, &sealed).map_err(locked_out)?;
        if again != sealed {
            // One that was changed meanwhile was sealed by somebody who may not have the newest key.
            vault.put(Shelf::Secrets, &name, &json!(again), Some(doc.version)).await?;
            rotated += 1;
        }
    }
    Ok(rotated)
}

fn locked_out(error: OpenError) -> LockedOut {
    match error {
        OpenError::UnknownKey(id) => LockedOut::WrongKey(id),
        OpenError::Damaged => LockedOut::Damaged,
    }
}

fn unseal(value: serde_json::Value, ring: &Keyring) -> Result<HashKey, LockedOut> {
    let sealed: Sealed<Key> = serde_json::from_value(value).map_err(|_| LockedOut::Damaged)?;
    ring.open(NAME, &sealed).map(HashKey::new).map_err(locked_out)
}
