//! How every account stands: what a process keeps in memory of each, and the lists that are made of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::Accounts;
use crate::mirror::Known;
use common::account::{Account, AccountId, AccountState, Generation};
use common::port::{Doc, Shelf, VaultError};

/// So many accounts of a page are read at a time.
const AT_ONCE: usize = 16;

/// How an account stands, without anything that is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub id: AccountId,
    /// How often it has been connected.
    pub generation: Generation,
    /// Whether jobs may run.
    pub state: AccountState,
    /// When it was last connected.
    pub connected_at: Timestamp,
    /// Whether it has a refresh token.
    pub has_token: bool,
    /// Keyed hash of its Google user's `sub`.
    pub user_key: String,
}

impl Standing {
    /// `None` for what is no account.
    pub(super) fn of(_: &str, doc: &Doc) -> Option<Self> {
        let account: Account = serde_json::from_value(doc.value.clone()).ok()?;
        Some(Self {
            id: account.id,
            generation: account.generation,
            state: account.state,
            connected_at: account.connected_at,
            has_token: account.refresh_token.is_some(),
            user_key: account.user_key,
        })
    }
}

impl Accounts {
    /// Reads from how all accounts stand, as they did at most `age` ago. The vault is asked for what has changed
    /// since the last time alone. One that cannot be understood is left out.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn standings<R>(
        &self,
        age: Duration,
        read: impl FnOnce(&mut dyn Iterator<Item = &Standing>) -> R,
    ) -> Result<R, VaultError> {
        let read =
            |known: Known<'_, Option<Standing>>| read(&mut known.iter().filter_map(|(_, it)| it.as_ref()));
        self.mirror.read(age, read).await
    }

    /// The next accounts that `wanted` wants after the one of the name `after`, by name and as they are now: at most
    /// `limit`, and whether there are more. Only those are read.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn page(
        &self,
        after: &str,
        limit: usize,
        wanted: impl Fn(&Standing) -> bool,
    ) -> Result<(Vec<Arc<Account>>, bool), VaultError> {
        let named = |all: &mut dyn Iterator<Item = &Standing>| -> Vec<AccountId> {
            let behind = all.filter(|it| it.id.as_str() > after && wanted(it));
            behind.take(limit + 1).map(|it| it.id.clone()).collect()
        };
        let mut ids = self.standings(Duration::ZERO, named).await?;
        let more = ids.len() > limit;
        ids.truncate(limit);
        let reads = stream::iter(ids).map(|id| async move { self.get_now(&id).await });
        // One that was removed meanwhile is left out.
        let read: Vec<Option<Arc<Account>>> = reads.buffered(AT_ONCE).try_collect().await?;
        Ok((read.into_iter().flatten().collect(), more))
    }

    /// All accounts, by name: for an operator's command, which ends.
    ///
    /// # Errors
    /// When the vault cannot be read, or holds what is no account.
    pub async fn list(&self) -> Result<Vec<Account>, VaultError> {
        let docs = self.vault.list(Shelf::Accounts).await?;
        docs.into_iter()
            .map(|(name, doc)| serde_json::from_value(doc.value).map_err(|_| VaultError::Unreadable(name)))
            .collect()
    }
}
