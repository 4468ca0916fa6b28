//! Why a job was not run again.

use common::port::{QueueError, StoreError, VaultError};

/// Why a job was not run again; doing it once more is safe.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The record could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The message could not be published.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The job's cancellation could not be lifted.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
