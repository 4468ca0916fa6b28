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

fn unseal(value: serde_json::Value, ring: &Keyring) -> Result<HashKey, LockedOut> {
    let sealed: Sealed<Key> = serde_json::from_value(value).map_err(|_| LockedOut::Damaged)?;
    match ring.open(NAME, &sealed) {
        Ok(key) => Ok(HashKey::new(key)),
        Err(OpenError::UnknownKey(id)) => Err(LockedOut::WrongKey(id)),
        Err(OpenError::Damaged) => Err(LockedOut::Damaged),
    }
}
