//! All jobs of an account that its user is about to lose: they are cancelled, and what was sealed for them is removed.

use common::account::AccountId;
use common::job::{JobId, StateName, Step};
use common::port::{Change, ListFilter, StoreError, VaultError};
use common::quotas::Quotas;

use crate::cancel::{CancelError, Cancelled, Hitch, cancel};
use crate::ledger::Wish;
use crate::pages::Pages;
use crate::ports::Ports;

/// The states of jobs that have not ended.
const UNFINISHED: [StateName; 4] =
    [StateName::Queued, StateName::Running, StateName::Waiting, StateName::Blocked];

/// What became of an account's unfinished jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllCancelled {
    /// Jobs that were cancelled, and have written nothing.
    pub cancelled: u64,
    /// Jobs that may have written: a worker looks at Google and deletes what it finds.
    pub cancelling: Vec<JobId>,
}

/// Cancels every unfinished job of `account`.
///
/// # Errors
/// [`CancelError`]; doing it again does the rest.
pub async fn cancel_all(
    ports: &Ports,
    quotas: &Quotas,
    account: &AccountId,
) -> Result<AllCancelled, CancelError> {
    let mut all = AllCancelled::default();
    for state in UNFINISHED {
        let mut pages = Pages::of(ports.store.as_ref(), ListFilter { state: Some(state), ..of(account) });
        while let Some(jobs) = pages.next().await? {
            for job in &jobs {
                let step = async {
                    ports.store.take(&job.id, &Step::Cancel, ports.clock.now()).await.map(Wish::Answered)
                };
                match cancel(ports, quotas, job, step, met).await? {
                    Cancelled::Now(_) => all.cancelled += 1,
                    Cancelled::Asked(id) => all.cancelling.push(id),
                    Cancelled::Before(_) | Cancelled::Unknown => {}
                }
            }
        }
    }
    // A job may have been met in two states.
    all.cancelling.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    all.cancelling.dedup();
    Ok(all)
}

fn of(account: &AccountId) -> ListFilter {
    ListFilter { account: Some(account.clone()), ..ListFilter::default() }
}

fn met(hitch: Hitch<'_>) -> Result<(), VaultError> {
    match hitch {
        Hitch::NotWoken(job, error) => {
            tracing::warn!(job.id = %job.id, "Job {} is cancelled when its own message comes: {error}", job.id);
            Ok(())
        }
        Hitch::NotUnmarked(_, error) => Err(error),
    }
}

/// Removes from the records of an account whatever was sealed for it; answers of how many jobs.
///
/// # Errors
/// When the records cannot be reached; doing it again is safe.
pub async fn forget(ports: &Ports, account: &AccountId) -> Result<u64, StoreError> {
    let (mut pages, mut count) = (Pages::of(ports.store.as_ref(), of(account)), 0);
    while let Some(jobs) = pages.next().await? {
        for job in &jobs {
            match ports.store.take(&job.id, &Step::Forget, ports.clock.now()).await? {
                Change::Taken(_) => count += 1,
                Change::Refused(_) => {}
            }
        }
    }
    Ok(count)
}
