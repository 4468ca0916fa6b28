//! Waking the jobs of an account that may run again, at the account's own pace.

use common::account::{Account, AccountState};
use common::job::{BlockReason, Job, JobState, StateName, Step};
use common::message::{Message, Work};
use common::port::{Lane, ListFilter, Page, QueueError, StoreError};
use common::quotas::Quotas;

use crate::Ports;

/// Jobs read at a time.
const PAGE: u32 = 200;

/// Why not every job was woken; the rest is woken by a later sweep.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The records could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A message could not be published.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Wakes every job of `account` that waits for its reauthorization; answers how many.
///
/// # Errors
/// [`ResumeError`]; doing it again is safe.
pub async fn resume(ports: &Ports, quotas: &Quotas, account: &Account) -> Result<u64, ResumeError> {
    if account.state != AccountState::Connected {
        return Ok(0);
    }
    let filter = ListFilter {
        account: Some(account.id.clone()),
        state: Some(StateName::Blocked),
        ..ListFilter::default()
    };
    let mut after = None;
    let mut woken = 0;
    loop {
        let jobs = ports.store.list(&filter, Page { after: after.take(), limit: PAGE }).await?;
        let Some(last) = jobs.last() else {
            return Ok(woken);
        };
        after = Some((last.submitted_at, last.id.clone()));
        for job in &jobs {
            if waits_for_connection(job) && wake(ports, quotas, account, job).await? {
                woken += 1;
            }
        }
    }
}

fn waits_for_connection(job: &Job) -> bool {
    matches!(&job.state, JobState::Blocked { why: BlockReason::Reauthorization, .. })
}

/// Publishes first: should we die before the record says so, the older message still comes.
async fn wake(ports: &Ports, quotas: &Quotas, account: &Account, job: &Job) -> Result<bool, ResumeError> {
    let Some(message) = Message::next_for(job, Work::Create) else {
        return Ok(false);
    };
    let delay = ports.throttle.place(&quotas.line(account, 1)).await;
    ports.queue.publish(&message, Lane::Due, delay).await?;
    ports.store.take(&job.id, &Step::Unblock { hop: message.hop }, ports.clock.now()).await?;
    Ok(true)
}
