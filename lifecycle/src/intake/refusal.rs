//! Why a job is not accepted.

use common::account::AccountId;
use common::deadline::AlreadyPast;
use common::job::JobId;

/// Why a job was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The account was never connected, or is not any more.
    NotConnected(AccountId),
    /// `notAfter` is past.
    AlreadyPast,
    /// The key made another job, this one.
    KeyReused(JobId),
    /// Too many unfinished jobs of this owner on this account.
    AccountFull,
    /// Too many unfinished jobs of this owner.
    OwnerFull,
    /// The queue takes no more; nothing was stored.
    QueueFull,
    /// The queue is away; nothing was stored.
    QueueUnreachable,
    /// Store, vault or keys; nothing was stored.
    StorageUnusable,
    /// The queue did not say in time whether it took the job.
    OutcomeUnknown(JobId),
    /// The server stopped in the middle of it.
    Interrupted,
}

impl From<AlreadyPast> for Refusal {
    fn from(_: AlreadyPast) -> Self {
        Self::AlreadyPast
    }
}
