//! What a change of a job outside an attempt works with.

use std::sync::Arc;

use accounts::Accounts;
use common::port::{Clock, JobQueue, JobStore, Throttle, Vault};

/// What a change of a job outside an attempt works with: everything but Google.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of that name")]
pub struct Ports {
    pub queue: Arc<dyn JobQueue>,
    pub store: Arc<dyn JobStore>,
    pub vault: Arc<dyn Vault>,
    pub accounts: Arc<Accounts>,
    pub throttle: Arc<dyn Throttle>,
    pub clock: Arc<dyn Clock>,
}
