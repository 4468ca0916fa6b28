//! What an operator may set.

use std::sync::Arc;
use std::time::Duration;

use common::quotas::Quotas;
use notices::Notices;

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
