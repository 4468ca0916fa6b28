//! Waiting for a job to end.

use std::time::Duration;

use common::job::{Job, JobId, StateName};
use common::port::{Clock, StoreError};
use common::time;
use futures_util::future::{select, select_all};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::auth::Caller;
use crate::ledger::Ledger;

/// A change made by another process is not announced here: look again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Never look more often, however much is announced.
const BREATH: Duration = Duration::from_millis(10);

/// Waits for changes of a job's record. One that is missing may come back, and a store that is away
/// may too: neither ends a wait before its time.
pub(crate) struct Waiting<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) clock: &'a dyn Clock,
    /// Ends every wait: the server is going.
    pub(crate) closing: &'a CancellationToken,
    /// Whose jobs there are; `None` where the job is known to be the caller's.
    pub(crate) caller: Option<&'a Caller>,
}

impl Waiting<'_> {
    /// The record once the job has ended, or as it stands when `patience` is over.
    ///
    /// # Errors
    /// When the store is away at the end.
    pub(crate) async fn ended(&self, id: &JobId, patience: Duration) -> Result<Option<Job>, StoreError> {
        let until = time::after(self.clock.now(), patience);
        self.until(id, until, |job| job.is_some_and(Job::is_finished)).await
    }

    /// As [`Self::ended`], or once the job waits for a person or for Google to relent: nobody holds
    /// a connection for that.
    pub(crate) async fn settled(&self, id: &JobId, patience: Duration) -> Result<Option<Job>, StoreError> {
        let until = time::after(self.clock.now(), patience);
        let settled = |job: &Job| job.is_finished() || job.state.name() == StateName::Blocked;
        self.until(id, until, |job| job.is_some_and(settled)).await
    }

    /// The record once it is not what was `seen`, or as it stands at `until`.
    ///
    /// # Errors
    /// As [`Self::ended`].
    pub(crate) async fn changed(
        &self,
        id: &JobId,
        seen: Option<&Job>,
        until: Timestamp,
    ) -> Result<Option<Job>, StoreError> {
        self.until(id, until, |job| job != seen).await
    }

    async fn look(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        let job = self.ledger.get(id).await?;
        Ok(job.filter(|job| self.caller.is_none_or(|caller| caller.sees(job))))
    }

    async fn until(
        &self,
        id: &JobId,
        until: Timestamp,
        enough: impl Fn(Option<&Job>) -> bool,
    ) -> Result<Option<Job>, StoreError> {
        loop {
            // Watch before reading: a change in between is then not missed.
            let mut watch = self.ledger.watch(id);
            let job = self.look(id).await;
            let left = time::until(self.clock.now(), until);
            let enough = job.as_ref().is_ok_and(|job| enough(job.as_ref()));
            if enough || left.is_zero() || self.closing.is_cancelled() {
                return job;
            }
            let changed = async {
                self.clock.sleep(BREATH.min(left)).await;
                watch.changed().await;
            };
            let pause = self.clock.sleep(left.min(LOOK_AGAIN));
            let ends = [pause, Box::pin(self.closing.cancelled())];
            // Nothing is lost by dropping any of them.
            select(Box::pin(changed), select_all(ends)).await;
        }
    }
}
