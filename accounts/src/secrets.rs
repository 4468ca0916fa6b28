//! What the installation keeps for itself in the vault.

use serde_json::json;

use common::fingerprint::HashKey;
use common::port::{Shelf, Vault, VaultError};
use common::seal::{Key, Keyring, OpenError, Sealed};

pub(crate) const NAME: &str = "hash-key";

/// Why the vault cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LockedOut {
    /// The keys do not fit: nothing was changed.
    #[error(
        "the vault was sealed with the key {0}, which is not among the configured ones; set ENCRYPTION_KEY (or the key file) to the key this data was made with"
    )]
    WrongKey(common::seal::KeyId),
    /// What is there is damaged.
    #[error("the vault's own secret is damaged; restore the vault from a backup")]
    Damaged,
    /// The vault cannot be used.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The installation's hash key; `None` when there is none yet.
///
/// # Errors
/// [`LockedOut`].
pub async fn find(vault: &dyn Vault, ring: &Keyring) -> Result<Option<HashKey>, LockedOut> {
    let doc = vault.get(Shelf::Secrets, NAME).await?;
    doc.map(|doc| unseal(doc.value, ring)).transpose()
}

/// Opens the vault: reads the installation's hash key, or makes it in an empty vault.
///
/// # Errors
/// [`LockedOut`]; nothing is ever overwritten.
pub async fn open(vault: &dyn Vault, ring: &Keyring) -> Result<HashKey, LockedOut> {
    if let Some(key) = find(vault, ring).await? {
        return Ok(key);
    }
    let sealed: Sealed<Key> = ring.seal(NAME, &Key::random());
    match vault.put(Shelf::Secrets, NAME, &json!(sealed), None).await {
        Ok(_) | Err(VaultError::Changed) => {}
        Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => {
            return Err(error.into());
        }
    }
    // Read it back: another process may have been faster.
    let found = find(vault, ring).await?;
    found.ok_or_else(|| VaultError::Unreadable("the hash key vanished".to_owned()).into())
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

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use adapter_embedded::{Embedded, Role};
    use common::port::SystemClock;

    #[tokio::test]
    async fn after_a_rotation_the_newest_key_alone_opens_every_secret_and_the_hash_key_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Embedded::open(dir.path(), Role::Operator, Arc::new(SystemClock), None).await.unwrap();
        let vault = folder.vault();
        let (old, new) = (Key::random(), Key::random());
        let before = Keyring::new(old.clone(), Vec::new());
        let hash = open(vault.as_ref(), &before).await.unwrap().name("calendar", "x");
        let other = before.seal("signing", &"words".to_owned());
        vault.put(Shelf::Secrets, "signing", &json!(other), None).await.unwrap();
        vault.put(Shelf::Secrets, "not-sealed", &json!({"a": 1}), None).await.unwrap();

        let both = Keyring::new(new.clone(), vec![old]);
        assert_eq!(rotate(vault.as_ref(), &both).await.unwrap(), 2);
        assert_eq!(rotate(vault.as_ref(), &both).await.unwrap(), 0, "there is nothing more to do");

        let after = Keyring::new(new, Vec::new());
        assert_eq!(open(vault.as_ref(), &after).await.unwrap().name("calendar", "x"), hash);
        let doc = vault.get(Shelf::Secrets, "signing").await.unwrap().expect("there");
        let sealed: Sealed<String> = serde_json::from_value(doc.value).unwrap();
        assert_eq!(after.open("signing", &sealed), Ok("words".to_owned()));
        assert!(matches!(open(vault.as_ref(), &before).await, Err(LockedOut::WrongKey(_))));
    }
}
