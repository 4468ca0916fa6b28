//! A backup of a vault: all of it in one text, sealed with the master key, for a vault of any kind.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::secrets;
use common::account::{Account, Generation};
use common::port::{Shelf, Vault, VaultError, Version};
use common::seal::{KeyId, Keyring, OpenError, Sealed};
use common::time;

/// The first line of the text. A build that changes what follows raises the number.
const HEADER: &str = "calrelay vault backup 1";
/// What the rest is sealed for.
const CONTEXT: &str = "vault-backup";

/// Everything that a vault held. Persisted, sealed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    taken_at: Timestamp,
    docs: Vec<Kept>,
}

/// A document, and where it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    shelf: String,
    name: String,
    value: Value,
}

/// What to do with what a vault holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// Leave it alone: nothing is restored beside it.
    Keep,
    /// It goes.
    Replace,
}

/// Why there is no backup, or nothing was restored from it; each sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// The text is none.
    #[error("this is not a backup of a vault; it begins with the line `{HEADER}`")]
    NotABackup,
    /// A later build has made it.
    #[error("this backup was made by a newer calrelay; restore it with that one")]
    Newer,
    /// The key is not there.
    #[error(
        "the key {0} is not among the configured ones, and the backup cannot be read without it; add it to ENCRYPTION_KEY (or to the key file), behind the newest"
    )]
    MissingKey(KeyId),
    /// It was altered or cut short.
    #[error("the backup is damaged: {0}; nothing was restored")]
    Damaged(&'static str),
    /// There is nothing to make one of.
    #[error("there is nothing in the vault: it was never prepared")]
    Nothing,
    /// There is something that would be lost.
    #[error(
        "the vault is not empty: it holds {accounts} accounts and {keys} API keys; nothing was restored. With --replace they go, and the backup takes their place"
    )]
    NotEmpty {
        /// Accounts that are there.
        accounts: usize,
        /// Keys that are there.
        keys: usize,
    },
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Backup {
    /// Reads all of `vault`, which processes may go on using: each document is whole, and as it was at some
    /// moment while this ran.
    ///
    /// # Errors
    /// [`BackupError`]; also when the keys of `ring` do not open what is in it.
    pub async fn of(vault: &dyn Vault, ring: &Keyring, now: Timestamp) -> Result<Self, BackupError> {
        let mut docs = Vec::new();
        for shelf in Shelf::ALL {
            for (name, doc) in vault.list(shelf).await? {
                docs.push(Kept { shelf: shelf.as_str().to_owned(), name, value: doc.value });
            }
        }
        if docs.is_empty() {
            return Err(BackupError::Nothing);
        }
        let backup = Self { taken_at: now, docs };
        backup.check(ring)?;
        Ok(backup)
    }

    /// The backup as text, sealed with the newest key.
    #[must_use]
    pub fn to_text(&self, ring: &Keyring) -> String {
        format!("{HEADER}\n{}\n", String::from(ring.seal(CONTEXT, self)))
    }

    /// Reads a backup, and looks whether all that is sealed in it can be opened.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn from_text(text: &str, ring: &Keyring) -> Result<Self, BackupError> {
        let (header, sealed) = text.split_once('\n').ok_or(BackupError::NotABackup)?;
        if header.trim_end() != HEADER {
            let another = header.starts_with(HEADER.trim_end_matches('1'));
            return Err(if another { BackupError::Newer } else { BackupError::NotABackup });
        }
        let sealed = Sealed::<Self>::try_from(sealed.trim().to_owned()).map_err(unreadable)?;
        let backup = ring.open(CONTEXT, &sealed).map_err(unreadable)?;
        backup.check(ring)?;
        Ok(backup)
    }

    /// Puts everything into `vault`; answers how many documents that were.
    ///
    /// The hash key is what makes a vault one: it goes first and comes last, so that nothing starts on a vault
    /// that is half restored. Should this end in the middle, it is to be done again with [`Present::Replace`].
    ///
    /// # Errors
    /// [`BackupError::NotEmpty`], or the vault's trouble.
    pub async fn restore(
        &self,
        vault: &dyn Vault,
        present: Present,
        now: Timestamp,
    ) -> Result<usize, BackupError> {
        match present {
            Present::Keep => require_empty(vault).await?,
            Present::Replace => empty(vault).await?,
        }
        let (last, first): (Vec<&Kept>, Vec<&Kept>) = self.docs.iter().partition(|doc| doc.is_hash_key());
        for doc in first.into_iter().chain(last) {
            let value = self.renewed(doc, now)?;
            vault.put(doc.shelf()?, &doc.name, &value, None::<Version>).await?;
        }
        Ok(self.docs.len())
    }

    /// When it was taken.
    #[must_use]
    pub fn taken_at(&self) -> Timestamp {
        self.taken_at
    }

    /// How many accounts there are in it.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.docs.iter().filter(|doc| doc.is_on(Shelf::Accounts)).count()
    }

    /// Everything has its place, and a key that opens it.
    fn check(&self, ring: &Keyring) -> Result<(), BackupError> {
        for doc in &self.docs {
            match doc.shelf()? {
                Shelf::Accounts => drop(doc.account()?.seal_keys(ring).map_err(unreadable)?),
                Shelf::Secrets => {
                    if let Ok(sealed) = serde_json::from_value::<Sealed<Value>>(doc.value.clone()) {
                        drop(ring.open(&doc.name, &sealed).map_err(unreadable)?);
                    }
                }
                Shelf::ApiKeys
                | Shelf::Cancellations
                | Shelf::Nonces
                | Shelf::FormerAccounts
                | Shelf::Notices => {}
            }
        }
        if !self.docs.iter().any(Kept::is_hash_key) {
            return Err(BackupError::Damaged("the installation's own secret is not in it"));
        }
        Ok(())
    }

    /// A document as it is restored. An account may have been connected again since, as whichever user, and
    /// access tokens are remembered by the number of the connection: its number is higher now than any
    /// that there was, at one connection a second.
    fn renewed(&self, doc: &Kept, now: Timestamp) -> Result<Value, BackupError> {
        if !doc.is_on(Shelf::Accounts) {
            return Ok(doc.value.clone());
        }
        let account = doc.account()?;
        let since = time::until(self.taken_at, now).as_secs() + 1;
        let renewed = Account { generation: Generation(account.generation.0 + since), ..account };
        Ok(serde_json::to_value(&renewed).expect("an account is plain data"))
    }
}

impl Kept {
    fn shelf(&self) -> Result<Shelf, BackupError> {
        Shelf::ALL.into_iter().find(|shelf| self.is_on(*shelf)).ok_or(BackupError::Newer)
    }

    fn is_on(&self, shelf: Shelf) -> bool {
        self.shelf == shelf.as_str()
    }

    fn is_hash_key(&self) -> bool {
        self.is_on(Shelf::Secrets) && self.name == secrets::NAME
    }

    fn account(&self) -> Result<Account, BackupError> {
        serde_json::from_value(self.value.clone())
            .map_err(|_| BackupError::Damaged("an account in it cannot be read"))
    }
}

fn unreadable(error: OpenError) -> BackupError {
    match error {
        OpenError::UnknownKey(id) => BackupError::MissingKey(id),
        OpenError::Damaged => BackupError::Damaged("it was altered, or is not all there"),
    }
}

async fn require_empty(vault: &dyn Vault) -> Result<(), BackupError> {
    let mut docs = 0;
    for shelf in Shelf::ALL {
        docs += vault.list(shelf).await?.len();
    }
    if docs == 0 {
        return Ok(());
    }
    let accounts = vault.list(Shelf::Accounts).await?.len();
    let keys = vault.list(Shelf::ApiKeys).await?.len();
    Err(BackupError::NotEmpty { accounts, keys })
}

async fn empty(vault: &dyn Vault) -> Result<(), BackupError> {
    vault.remove(Shelf::Secrets, secrets::NAME).await?;
    for shelf in Shelf::ALL {
        for (name, _) in vault.list(shelf).await? {
            vault.remove(shelf, &name).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
