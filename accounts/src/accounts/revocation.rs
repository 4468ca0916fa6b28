//! Giving an account's permission back: first nobody uses it, then Google is told, then it is forgotten.
//!
//! The token outlives every crash and every silence of Google's until Google has been told: without it
//! nobody but the user could still end the grant.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{AccountError, Accounts, Standing};
use common::account::{Account, AccountId, AccountState, Generation};
use common::port::{TokenEndpoint, TokenError, VaultError};
use common::seal::OpenError;

/// So many grants are ended at a time.
const AT_ONCE: usize = 16;

/// What was done at Google about a permission that is not used here any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AtGoogle {
    /// The grant has ended, and its token is forgotten.
    Revoked,
    /// Nothing, and the token is forgotten: these accounts have the same Google user, whose grant is one.
    KeptFor(Vec<AccountId>),
    /// Google could not be told, for this reason. The token is kept to tell it later, and for nothing else.
    Untold(String),
    /// Google will not hear of it, for this reason. The token is forgotten.
    Refused(String),
    /// There was no token.
    Nothing,
}

impl Accounts {
    /// Disconnects the account and ends its grant at Google, unless another account needs that. It stays
    /// bound to its user, and waiting jobs wait. To be done again after [`AtGoogle::Untold`].
    ///
    /// # Errors
    /// [`AccountError::NeverConnected`], or the vault's trouble; doing it again is safe.
    pub async fn revoke(&self, id: &AccountId, google: &dyn TokenEndpoint) -> Result<AtGoogle, AccountError> {
        // Before the others are looked at: of two that are revoked together one must see the other go.
        let account = self.stop(id).await?;
        let others = match &account.refresh_token {
            Some(_) => self.others_of_user(&account).await?,
            None => Vec::new(),
        };
        self.give_back(&account, others, google).await
    }

    /// Disconnects every account and ends every grant: for emergencies. Answers what was done about each.
    ///
    /// # Errors
    /// The vault's trouble; by then some may be done, and doing it again does the rest.
    pub async fn revoke_all(
        &self,
        google: &dyn TokenEndpoint,
    ) -> Result<Vec<(AccountId, AtGoogle)>, AccountError> {
        let mut stopped = Vec::new();
        for account in self.list().await? {
            stopped.push(self.stop(&account.id).await?);
        }
        // Of all of them nobody needs anybody's grant any more.
        let given_back = stopped.iter().map(|account| async move {
            Ok((account.id.clone(), self.give_back(account, Vec::new(), google).await?))
        });
        stream::iter(given_back).buffered(AT_ONCE).try_collect().await
    }

    /// Ends the grant of a disconnected account, unless `others` need it, and forgets its token.
    async fn give_back(
        &self,
        account: &Account,
        others: Vec<AccountId>,
        google: &dyn TokenEndpoint,
    ) -> Result<AtGoogle, AccountError> {
        let at_google = self.end_grant(account, others, google).await;
        match &at_google {
            AtGoogle::Untold(_) | AtGoogle::Nothing => {}
            AtGoogle::Revoked | AtGoogle::KeptFor(_) | AtGoogle::Refused(_) => {
                self.forget_token(&account.id, account.generation).await?;
            }
        }
        Ok(at_google)
    }

    /// Disconnects the account, and keeps its token.
    async fn stop(&self, id: &AccountId) -> Result<Arc<Account>, AccountError> {
        let since = self.clock.now();
        let stopped = self.change(id, |current| {
            let account = current.ok_or(AccountError::NeverConnected)?;
            Ok(match account.state {
                AccountState::Disconnected { .. } => None,
                AccountState::Connected | AccountState::NeedsReauthorization { .. } => {
                    Some(Account { state: AccountState::Disconnected { since }, ..account.clone() })
                }
            })
        });
        match stopped.await? {
            Some(account) => Ok(account),
            None => self.get_now(id).await?.ok_or(AccountError::NeverConnected),
        }
    }

    async fn end_grant(
        &self,
        account: &Account,
        others: Vec<AccountId>,
        google: &dyn TokenEndpoint,
    ) -> AtGoogle {
        let token = match account.refresh_token(&self.ring) {
            Ok(Some(token)) => token,
            Ok(None) => return AtGoogle::Nothing,
            Err(_) if !others.is_empty() => return AtGoogle::KeptFor(others),
            Err(error @ OpenError::UnknownKey(_)) => return AtGoogle::Untold(error.to_string()),
            Err(error @ OpenError::Damaged) => return AtGoogle::Refused(error.to_string()),
        };
        if !others.is_empty() {
            return AtGoogle::KeptFor(others);
        }
        match google.revoke(&account.client, &token).await {
            Ok(()) => AtGoogle::Revoked,
            Err(error) => refusal(&error),
        }
    }

    /// The accounts in use that have the same Google user: ending one grant ends all.
    ///
    /// # Errors
    /// The vault's trouble.
    pub async fn others_of_user(&self, account: &Account) -> Result<Vec<AccountId>, VaultError> {
        let shares = |other: &&Standing| {
            let in_use = match other.state {
                AccountState::Connected | AccountState::NeedsReauthorization { .. } => true,
                AccountState::Disconnected { .. } => false,
            };
            in_use && other.id != account.id && other.user_key == account.user_key
        };
        self.standings(Duration::ZERO, |all| all.filter(shares).map(|other| other.id.clone()).collect()).await
    }

    /// Forgets the token of connection `generation`, unless it is in use again.
    async fn forget_token(&self, id: &AccountId, generation: Generation) -> Result<(), AccountError> {
        self.change(id, |current| {
            Ok(current
                .filter(|account| {
                    let disconnected = matches!(account.state, AccountState::Disconnected { .. });
                    disconnected && account.generation == generation && account.refresh_token.is_some()
                })
                .map(|account| Account { refresh_token: None, ..account.clone() }))
        })
        .await?;
        Ok(())
    }
}

/// Whether asking again may help.
fn refusal(error: &TokenError) -> AtGoogle {
    match error {
        TokenError::InvalidGrant { .. }
        | TokenError::LoginRequired { .. }
        | TokenError::NoSuchUser { .. } => AtGoogle::Revoked,
        TokenError::Throttled { .. } | TokenError::Unavailable { .. } | TokenError::Transport(_) => {
            AtGoogle::Untold(error.to_string())
        }
        TokenError::InvalidClient { .. } | TokenError::Denied { .. } | TokenError::Refused { .. } => {
            AtGoogle::Refused(error.to_string())
        }
    }
}
