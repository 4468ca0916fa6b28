//! Cancelling every unfinished job of an account, which its user is about to lose.

use common::account::AccountId;
use common::job::{JobId, StateName, Step};
use common::port::{ListFilter, VaultError};
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
        let filter =
            ListFilter { account: Some(account.clone()), state: Some(state), ..ListFilter::default() };
        let mut pages = Pages::of(ports.store.as_ref(), filter);
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

fn met(hitch: Hitch<'_>) -> Result<(), VaultError> {
    match hitch {
        Hitch::NotWoken(job, error) => {
            tracing::warn!(job.id = %job.id, "Job {} is cancelled when its own message comes: {error}", job.id);
            Ok(())
        }
        Hitch::NotUnmarked(_, error) => Err(error),
    }
}
