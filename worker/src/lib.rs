//! calrelay's worker: takes a job from the queue, calls Google, records what came of it.
//!
//! One delivery is one `attempt`: `plan` decides what is to be done, `gateway` does the
//! talking, `retry` decides what a failure means. `plan` and `retry` are pure functions.

mod attempt;
mod attempt_error;
mod breaker;
mod calls;
mod compaction;
mod complaint;
mod conference;
mod gateway;
mod grant;
mod guests;
mod hold;
mod housekeeping;
mod line;
mod lost;
mod metrics;
mod plan;
mod quota;
mod recall;
mod records;
mod refused;
mod replay;
mod request;
mod resume;
mod retry;
mod revive;
mod sealing;
mod slots;
mod suspects;
mod token;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use common::port::{Calendar, Clock, JobQueue, JobStore, Throttle, TokenCache, TokenEndpoint, Vault};
use common::quotas::Quotas;
use notices::{Notices, Sources};

pub use metrics::describe as describe_metrics;
pub use recall::{RecallError, Recalled, forget, recall};
pub use replay::{OperatorPorts, ReplayError, Replayed, replay};
pub use resume::{Resumed, resume};
pub use revive::revive;
pub use worker::{Stop, Worker};

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
    fn sources(&self) -> Sources {
        Sources {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            accounts: Arc::clone(&self.accounts),
            clock: Arc::clone(&self.clock),
        }
    }
}

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Jobs at a time.
    pub concurrency: usize,
    /// How long running jobs may still take once the worker is told to stop.
    pub drain: Duration,
    /// Failed attempts after which a job fails.
    pub max_attempts: u32,
    /// Google's limits.
    pub quotas: Quotas,
    /// How long finished jobs are remembered.
    pub retention: Duration,
    /// Who is told what became of jobs.
    pub notices: Arc<Notices>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 256,
            drain: Duration::from_secs(25),
            max_attempts: 12,
            quotas: Quotas::default(),
            retention: common::time::days(7),
            notices: Arc::default(),
        }
    }
}
