//! The accounts of an installation: read often, changed rarely, always through here.

mod removal;
mod revocation;
mod sealing;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;

use crate::mirror::Mirror;
use crate::remembered::Remembered;
use common::account::{Account, AccountId, AccountState, Generation, GuestLimit, ReauthorizationCause};
use common::fingerprint::HashKey;
use common::port::{ClientRef, Clock, GoogleUser, RefreshToken, Shelf, Vault, VaultError, Version};
use common::seal::{Key, Keyring, OpenError};
pub use revocation::AtGoogle;
pub use standing::Standing;

/// That there is no account of a name is remembered for so long: somebody may be connecting it.
const MISSING: Duration = Duration::from_secs(1);

/// Reads and changes accounts. What was read is remembered (still sealed) for 30 s, and for an hour
/// while the vault is away or does not answer.
pub struct Accounts {
    vault: Arc<dyn Vault>,
    ring: Keyring,
    hash_key: HashKey,
    clock: Arc<dyn Clock>,
    seen: Remembered<Arc<Account>>,
    mirror: Mirror<Option<Standing>>,
}

/// What a finished consent brings.
#[derive(Debug)]
pub struct Connection {
    /// Who consented.
    pub user: GoogleUser,
    /// The refresh token of the grant.
    pub refresh_token: RefreshToken,
    /// With which client, at which endpoint.
    pub client: ClientRef,
    /// The granted scopes.
    pub scopes: Vec<String>,
}

/// Why an account was not changed or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The account belongs to another Google user; carries that user's address.
    #[error("the account is bound to another Google user")]
    OtherUser {
        /// The address it is bound to.
        bound_to: String,
    },
    /// There is no such account.
    #[error("the account was never connected")]
    NeverConnected,
    /// What is sealed cannot be opened.
    #[error(transparent)]
    Sealed(#[from] OpenError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Accounts {
    /// The accounts in `vault`.
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>, ring: Keyring, hash_key: HashKey, clock: Arc<dyn Clock>) -> Self {
        let source = Arc::clone(&vault);
        let seen = Remembered::new(Arc::clone(&clock), MISSING, move |name| {
            let (vault, name) = (Arc::clone(&source), name.to_owned());
            async move { Ok(read(vault.as_ref(), &name).await?.map(|(account, _)| account)) }.boxed()
        });
        let mirror = Mirror::new(Arc::clone(&vault), Shelf::Accounts, Standing::of);
        Self { vault, ring, hash_key, clock, seen, mirror }
    }

    /// The keys that open what accounts hold.
    #[must_use]
    pub fn ring(&self) -> &Keyring {
        &self.ring
    }

    /// The installation's hash key.
    #[must_use]
    pub fn hash_key(&self) -> &HashKey {
        &self.hash_key
    }

    /// An account, as it was at most 30 s ago; while the vault does not answer, as it was at most an hour ago.
    ///
    /// # Errors
    /// When the vault cannot be read and the account was not seen within the hour.
    pub async fn get(&self, id: &AccountId) -> Result<Option<Arc<Account>>, VaultError> {
        self.seen.get(id.as_str()).await
    }

    /// An account as it was at most a second ago.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn get_recent(&self, id: &AccountId) -> Result<Option<Arc<Account>>, VaultError> {
        if self.was_just_read(id) { self.get(id).await } else { self.get_now(id).await }
    }

    /// An account as it is now.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn get_now(&self, id: &AccountId) -> Result<Option<Arc<Account>>, VaultError> {
        Ok(self.read(id).await?.map(|(account, _)| account))
    }

    /// Connects an account: the first time it is bound to the user, later it must be the same user.
    ///
    /// # Errors
    /// [`AccountError::OtherUser`], or the vault's or the seal's trouble.
    pub async fn connect(
        &self,
        id: &AccountId,
        connection: &Connection,
    ) -> Result<Arc<Account>, AccountError> {
        let now = self.clock.now();
        let before = self.last_before(id).await?;
        self.change(id, |current| {
            let account = match current {
                Some(account) => self.reconnected(account, connection, now)?,
                None => self.first_connected(id, connection, before, now),
            };
            Ok(Some(account))
        })
        .await?
        .ok_or(AccountError::NeverConnected)
    }

    fn first_connected(
        &self,
        id: &AccountId,
        connection: &Connection,
        before: Generation,
        now: Timestamp,
    ) -> Account {
        let key = Key::random();
        let token = secrecy::ExposeSecret::expose_secret(&connection.refresh_token.0).to_owned();
        Account {
            id: id.clone(),
            generation: Generation(before.0 + 1),
            state: AccountState::Connected,
            seal_key: self.ring.seal(id.as_str(), &key),
            older_seal_keys: Vec::new(),
            user: key.seal(id.as_str(), &connection.user),
            user_key: self.hash_key.name("user", &connection.user.sub),
            refresh_token: Some(key.seal(id.as_str(), &token)),
            client: connection.client.clone(),
            scopes: connection.scopes.clone(),
            connected_at: now,
            guest_limit: None,
        }
    }

    fn reconnected(
        &self,
        account: &Account,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<Account, AccountError> {
        let bound = account.user(&self.ring)?;
        if bound.sub != connection.user.sub {
            return Err(AccountError::OtherUser { bound_to: bound.email });
        }
        let keys = account.seal_keys(&self.ring)?;
        Ok(Account {
            generation: Generation(account.generation.0 + 1),
            state: AccountState::Connected,
            user: keys.seal(account.id.as_str(), &connection.user),
            refresh_token: Some(account.seal_refresh_token(&self.ring, &connection.refresh_token)?),
            client: connection.client.clone(),
            scopes: connection.scopes.clone(),
            connected_at: now,
            ..account.clone()
        })
    }

    /// Google no longer takes the grant of connection `generation`. Does nothing when the account
    /// has been connected again since, or is not connected; answers whether this call changed it.
    ///
    /// # Errors
    /// The vault's trouble.
    pub async fn needs_reauthorization(
        &self,
        id: &AccountId,
        generation: Generation,
        cause: ReauthorizationCause,
    ) -> Result<bool, AccountError> {
        let since = self.clock.now();
        let changed = self
            .change(id, |current| {
                Ok(current
                    .filter(|account| {
                        account.generation == generation && account.state == AccountState::Connected
                    })
                    .map(|account| Account {
                        state: AccountState::NeedsReauthorization { since, cause },
                        ..account.clone()
                    }))
            })
            .await?;
        Ok(changed.is_some())
    }

    /// Google limits what this user does with guests, until `limit.until`.
    ///
    /// # Errors
    /// The vault's trouble.
    pub async fn limit_guests(&self, id: &AccountId, limit: Option<GuestLimit>) -> Result<(), AccountError> {
        self.change(id, |current| {
            Ok(current
                .filter(|account| account.guest_limit != limit)
                .map(|account| Account { guest_limit: limit, ..account.clone() }))
        })
        .await?;
        Ok(())
    }

    /// Google replaced the refresh token of connection `generation`.
    ///
    /// # Errors
    /// The vault's or the seal's trouble.
    pub async fn replace_refresh_token(
        &self,
        id: &AccountId,
        generation: Generation,
        token: &RefreshToken,
    ) -> Result<(), AccountError> {
        self.change(id, |current| match current {
            Some(account) if account.generation == generation => Ok(Some(Account {
                refresh_token: Some(account.seal_refresh_token(&self.ring, token)?),
                ..account.clone()
            })),
            Some(_) | None => Ok(None),
        })
        .await?;
        Ok(())
    }

    /// Forgets the account's tokens. It stays bound to its user, and waiting jobs wait.
    ///
    /// # Errors
    /// [`AccountError::NeverConnected`], or the vault's trouble.
    pub async fn disconnect(&self, id: &AccountId) -> Result<Arc<Account>, AccountError> {
        let since = self.clock.now();
        self.change(id, |current| {
            Ok(current.map(|account| Account {
                state: AccountState::Disconnected { since },
                refresh_token: None,
                ..account.clone()
            }))
        })
        .await?
        .ok_or(AccountError::NeverConnected)
    }

    /// Reads, changes and writes, again when somebody else was faster; `None` leaves it as it is.
    async fn change(
        &self,
        id: &AccountId,
        change: impl Fn(Option<&Account>) -> Result<Option<Account>, AccountError> + Send,
    ) -> Result<Option<Arc<Account>>, AccountError> {
        loop {
            let current = self.read(id).await?;
            let (account, version) = match &current {
                Some((account, version)) => (Some(account.as_ref()), Some(*version)),
                None => (None, None),
            };
            let Some(new) = change(account)? else {
                return Ok(None);
            };
            let value = serde_json::to_value(&new).expect("an account is plain data");
            match self.vault.put(Shelf::Accounts, id.as_str(), &value, version).await {
                Ok(_) => {
                    let new = Arc::new(new);
                    self.remember(id, Some(Arc::clone(&new)));
                    return Ok(Some(new));
                }
                Err(VaultError::Changed) => {}
                Err(error @ (VaultError::Unusable(_) | VaultError::Unreadable(_))) => {
                    return Err(error.into());
                }
            }
        }
    }

    async fn read(&self, id: &AccountId) -> Result<Option<(Arc<Account>, Version)>, VaultError> {
        let turn = self.seen.turn();
        let found = read(self.vault.as_ref(), id.as_str()).await?;
        self.seen.remember(id.as_str(), found.as_ref().map(|(account, _)| Arc::clone(account)), turn);
        Ok(found)
    }

    /// Remembers what was just written.
    fn remember(&self, id: &AccountId, account: Option<Arc<Account>>) {
        self.seen.remember(id.as_str(), account, self.seen.turn());
    }
}

async fn read(vault: &dyn Vault, name: &str) -> Result<Option<(Arc<Account>, Version)>, VaultError> {
    let Some(doc) = vault.get(Shelf::Accounts, name).await? else {
        return Ok(None);
    };
    let account: Account =
        serde_json::from_value(doc.value).map_err(|_| VaultError::Unreadable(format!("account {name}")))?;
    Ok(Some((Arc::new(account), doc.version)))
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
