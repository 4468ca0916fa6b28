//! What every handler shares.

use std::sync::Arc;

use common::account::AccountId;
use common::accounts::Accounts;
use common::job::{Job, JobId};
use common::keys::ApiKeys;
use common::port::{Clock, JobQueue, JobStore, Throttle, TokenEndpoint, Vault};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::auth::{Caller, Door};
use crate::consent::UsedStates;
use crate::hosts::Hosts;
use crate::intake::Intake;
use crate::problem::{Kind, Problem};
use crate::settings::Settings;
use crate::wait::Waiting;

/// The adapters that an ingress works with.
#[derive(Clone)]
pub struct Ports {
    /// The records.
    pub store: Arc<dyn JobStore>,
    /// The queue.
    pub queue: Arc<dyn JobQueue>,
    /// The vault.
    pub vault: Arc<dyn Vault>,
    /// The accounts in it.
    pub accounts: Arc<Accounts>,
    /// The keys in it.
    pub keys: Arc<ApiKeys>,
    /// The lines that jobs stand in.
    pub throttle: Arc<dyn Throttle>,
    /// Google's OAuth endpoints.
    pub google: Arc<dyn TokenEndpoint>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Told when an account has been connected: its blocked jobs can go on.
pub type OnConnected = Arc<dyn Fn(AccountId) + Send + Sync>;

/// What every handler shares.
pub(crate) struct Api {
    pub(crate) intake: Arc<Intake>,
    pub(crate) ports: Ports,
    pub(crate) door: Door,
    pub(crate) hosts: Hosts,
    pub(crate) settings: Settings,
    pub(crate) public_url: Url,
    pub(crate) used_states: UsedStates,
    pub(crate) on_connected: OnConnected,
    /// Ends long replies: the server is going.
    pub(crate) closing: CancellationToken,
}

impl Api {
    /// Waits for jobs.
    pub(crate) fn waiting(&self) -> Waiting<'_> {
        Waiting { store: &*self.ports.store, clock: &*self.ports.clock, closing: &self.closing }
    }

    /// The job with this id, if it exists for this caller.
    pub(crate) async fn job(&self, caller: &Caller, id: &str) -> Result<Job, Problem> {
        let Ok(id) = JobId::parse(id) else {
            return Err(no_such_job());
        };
        self.seen_by(caller, self.ports.store.get(&id).await.map_err(store_trouble)?)
    }

    /// `job`, if it exists for this caller.
    pub(crate) fn seen_by(&self, caller: &Caller, job: Option<Job>) -> Result<Job, Problem> {
        job.filter(|job| caller.sees(job)).ok_or_else(no_such_job)
    }
}

pub(crate) fn no_such_job() -> Problem {
    Problem::new(
        Kind::JobNotFound,
        "There is no job with this id, or it ended so long ago that it is forgotten.",
    )
}

/// What a caller is told when the store fails, after the log has been told.
#[expect(clippy::needless_pass_by_value, reason = "it is used as a function of an error")]
pub(crate) fn store_trouble(error: common::port::StoreError) -> Problem {
    tracing::error!(%error, "The job store cannot be used: {error}");
    Problem::storage_unavailable()
}
