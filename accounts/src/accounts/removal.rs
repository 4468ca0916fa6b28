//! Removing an account: with its seal key goes everything that was ever sealed for it, wherever it is.

use serde_json::{Value, json};

use super::{AccountError, Accounts};
use common::account::{AccountId, Generation};
use common::port::{Shelf, VaultError};

/// The member of what is kept of a removed account.
const LAST: &str = "lastGeneration";

impl Accounts {
    /// Removes the account, and the key that what was sealed for it could be read with. The next connection
    /// under its name is a first one, of whichever user.
    ///
    /// Of the account there remains, under a keyed hash of its name, how often it was connected: access
    /// tokens are kept by that number, and one of the former user must never be taken for one of the next.
    ///
    /// # Errors
    /// [`AccountError::NeverConnected`], or the vault's trouble; doing it again is safe.
    pub async fn remove(&self, id: &AccountId) -> Result<(), AccountError> {
        let account = self.get_now(id).await?.ok_or(AccountError::NeverConnected)?;
        // One more: should the user connect it at this moment, that connection goes too.
        self.keep_last(id, Generation(account.generation.0 + 1)).await?;
        self.vault.remove(Shelf::Accounts, id.as_str()).await?;
        self.remember(id, None);
        Ok(())
    }

    /// Whether there was an account of this name that was removed.
    ///
    /// # Errors
    /// The vault's trouble.
    pub async fn was_removed(&self, id: &AccountId) -> Result<bool, VaultError> {
        Ok(self.last_before(id).await? != Generation::default())
    }

    /// The last connection of whoever had this name before; zero for nobody.
    pub(super) async fn last_before(&self, id: &AccountId) -> Result<Generation, VaultError> {
        let doc = self.vault.get(Shelf::FormerAccounts, &self.former_name(id)).await?;
        doc.map_or(Ok(Generation::default()), |doc| last(&doc.value))
    }

    async fn keep_last(&self, id: &AccountId, generation: Generation) -> Result<(), VaultError> {
        let name = self.former_name(id);
        loop {
            let doc = self.vault.get(Shelf::FormerAccounts, &name).await?;
            let before = doc.as_ref().map_or(Ok(Generation::default()), |doc| last(&doc.value))?;
            let value = json!({ LAST: before.max(generation) });
            match self.vault.put(Shelf::FormerAccounts, &name, &value, doc.map(|doc| doc.version)).await {
                Ok(_) => return Ok(()),
                Err(VaultError::Changed) => {}
                Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => return Err(error),
            }
        }
    }

    fn former_name(&self, id: &AccountId) -> String {
        self.hash_key.name("former-account", id.as_str())
    }
}

fn last(value: &Value) -> Result<Generation, VaultError> {
    let number = value.get(LAST).and_then(Value::as_u64);
    number.map(Generation).ok_or_else(|| VaultError::Unreadable("a former account".to_owned()))
}
