//! What records hold sealed: it is sealed with other keys, or removed.

use common::account::AccountId;
use common::job::{Job, Step};
use common::port::{Change, ListFilter, StoreError};
use common::seal::Keyring;

use crate::pages::Pages;
use crate::ports::Ports;

/// Seals a record with the newest of `keys`; a job that goes on meanwhile is looked at again. Answers whether the
/// record has changed.
///
/// # Errors
/// When the records cannot be reached; doing it again is safe.
pub async fn reseal(ports: &Ports, job: Job, keys: &Keyring) -> Result<bool, StoreError> {
    let mut current = Some(job);
    while let Some(job) = current {
        let Some(step) = job.reseal(keys) else {
            return Ok(false);
        };
        match ports.store.take(&job.id, &step, ports.clock.now()).await? {
            Change::Taken(_) => return Ok(true),
            Change::Refused(_) => current = ports.store.get(&job.id).await?,
        }
    }
    Ok(false)
}

/// Removes from the records of an account whatever was sealed for it; answers of how many jobs.
///
/// # Errors
/// When the records cannot be reached; doing it again is safe.
pub async fn forget(ports: &Ports, account: &AccountId) -> Result<u64, StoreError> {
    let filter = ListFilter { account: Some(account.clone()), ..ListFilter::default() };
    let (mut pages, mut count) = (Pages::of(ports.store.as_ref(), filter), 0);
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
