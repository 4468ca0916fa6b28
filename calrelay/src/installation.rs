//! An installation that is open: its adapters, the keys to what it has sealed, and who is in it. The
//! one place that decides which adapters there are.

mod folder;
mod servers;
pub mod vault_choice;

use std::sync::Arc;

use accounts::Accounts;
use accounts::keys::ApiKeys;
use common::port::{
    Allowances, Clock, JobQueue, JobStore, Shelf, SystemClock, Throttle, TokenCache, Vault, VaultError,
};
use common::seal::Keyring;

use folder::Folder;
pub use folder::used;
use servers::Connections;
pub use servers::{Expect, Unlocked, open_vault};

use crate::google_link::GoogleLink;
use crate::health::Watched;

/// What a command works with. It does not know what is behind it.
pub struct Installation {
    /// The queue.
    pub queue: Arc<dyn JobQueue>,
    /// The records.
    pub store: Arc<dyn JobStore>,
    /// The vault.
    pub vault: Arc<dyn Vault>,
    /// The accounts in it.
    pub accounts: Arc<Accounts>,
    /// The API keys in it.
    pub keys: Arc<ApiKeys>,
    /// The access tokens.
    pub tokens: Arc<dyn TokenCache>,
    /// The throttle.
    pub throttle: Arc<dyn Throttle>,
    /// What callers may send, where several ingresses share it.
    pub allowances: Option<Arc<dyn Allowances>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    behind: Behind,
}

/// What has to be closed at the end.
enum Behind {
    Folder(Folder),
    Servers(Connections),
}

impl Installation {
    /// The ports of a worker that speaks to this Google.
    #[must_use]
    pub fn ports(&self, link: &GoogleLink) -> worker::Ports {
        let lifecycle::Ports { queue, store, vault, accounts, throttle, clock } = self.operator_ports();
        let (tokens, calendar) = (Arc::clone(&self.tokens), Arc::new(link.calendar.clone()));
        let endpoint = Arc::new(link.oauth.clone());
        worker::Ports { queue, store, vault, accounts, tokens, throttle, calendar, endpoint, clock }
    }

    /// The ports of an operator's command.
    #[must_use]
    pub fn operator_ports(&self) -> lifecycle::Ports {
        lifecycle::Ports {
            queue: Arc::clone(&self.queue),
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            accounts: Arc::clone(&self.accounts),
            throttle: Arc::clone(&self.throttle),
            clock: Arc::clone(&self.clock),
        }
    }

    /// What to look at now and then; `google` where a worker knows.
    #[must_use]
    pub fn watched(&self, google: Option<Arc<dyn Fn() -> bool + Send + Sync>>) -> Watched {
        Watched {
            queue: Arc::clone(&self.queue),
            store: Arc::clone(&self.store),
            accounts: Arc::clone(&self.accounts),
            clock: Arc::clone(&self.clock),
            google,
            link: match &self.behind {
                Behind::Folder(_) => None,
                Behind::Servers(Connections { rabbit, .. }) => Some(rabbit.link()),
            },
            redis: match &self.behind {
                Behind::Folder(_) => None,
                Behind::Servers(Connections { redis, .. }) => Some(Arc::clone(redis)),
            },
        }
    }

    /// Whether the queue gives this process messages.
    #[must_use]
    pub fn is_consuming(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
        match &self.behind {
            Behind::Folder(_) => Arc::new(|| true),
            Behind::Servers(Connections { rabbit, .. }) => {
                let rabbit = Arc::clone(rabbit);
                Arc::new(move || rabbit.is_consuming())
            }
        }
    }

    /// Takes no more messages, and gives back those that nobody has begun with.
    pub async fn stop_receiving(&self) {
        match &self.behind {
            // What nobody has begun with lies in the file.
            Behind::Folder(_) => {}
            Behind::Servers(Connections { rabbit, .. }) => rabbit.stop_receiving().await,
        }
    }

    /// Closes what is open, in order. Without it nothing is lost either.
    pub async fn close(self) {
        match self.behind {
            Behind::Folder(folder) => folder.close().await,
            Behind::Servers(connections) => connections.rabbit.close().await,
        }
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Whether the vault was made before.
pub async fn is_prepared(vault: &dyn Vault) -> Result<bool, VaultError> {
    Ok(!vault.list(Shelf::Secrets).await?.is_empty())
}

/// Opens what the vault holds: whoever gets these can read what is sealed.
async fn unlock(
    vault: &Arc<dyn Vault>,
    ring: Keyring,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<(Arc<Accounts>, Arc<ApiKeys>)> {
    let hash_key = accounts::secrets::open(vault.as_ref(), &ring).await?;
    let accounts = Accounts::new(Arc::clone(vault), ring, hash_key, Arc::clone(clock));
    let keys = ApiKeys::new(Arc::clone(vault), Arc::clone(clock));
    Ok((Arc::new(accounts), Arc::new(keys)))
}
