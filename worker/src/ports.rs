//! What a worker works with.

use std::sync::Arc;

use accounts::Accounts;
use common::port::{Calendar, Clock, JobQueue, JobStore, Throttle, TokenCache, TokenEndpoint, Vault};
use notices::Sources;

/// What a worker works with.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of that name")]
pub struct Ports {
    pub queue: Arc<dyn JobQueue>,
    pub store: Arc<dyn JobStore>,
    pub vault: Arc<dyn Vault>,
    pub accounts: Arc<Accounts>,
    pub tokens: Arc<dyn TokenCache>,
    pub throttle: Arc<dyn Throttle>,
    pub calendar: Arc<dyn Calendar>,
    pub endpoint: Arc<dyn TokenEndpoint>,
    pub clock: Arc<dyn Clock>,
}

impl Ports {
    /// What notices are made from.
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            accounts: Arc::clone(&self.accounts),
            clock: Arc::clone(&self.clock),
        }
    }
}

impl From<&Ports> for lifecycle::Ports {
    fn from(ports: &Ports) -> Self {
        Self {
            queue: Arc::clone(&ports.queue),
            store: Arc::clone(&ports.store),
            vault: Arc::clone(&ports.vault),
            accounts: Arc::clone(&ports.accounts),
            throttle: Arc::clone(&ports.throttle),
            clock: Arc::clone(&ports.clock),
        }
    }
}
