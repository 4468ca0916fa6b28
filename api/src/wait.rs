//! Waiting for a job to end.

use std::time::Duration;

use common::job::{Job, JobId, StateName};
use common::port::{Clock, JobStore, StoreError};
use common::time;
use futures_util::future::{select, select_all};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// A change made by another process is not announced here: look again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Never look more often, however much is announced.
const BREATH: Duration = Duration::from_millis(10);

/// Waits for changes of a job's record.
pub(crate) struct Waiting<'a> {
    pub(crate) store: &'a dyn JobStore,
    pub(crate) clock: &'a dyn Clock,
    /// Ends every wait: the server is going.
    pub(crate) closing: &'a CancellationToken,
}

impl Waiting<'_> {
    /// The record once the job has ended, or as it stands when `patience` is over.
    pub(crate) async fn ended(&self, id: &JobId, patience: Duration) -> Result<Option<Job>, StoreError> {
        let until = time::after(self.clock.now(), patience);
        self.until(id, until, Job::is_finished).await
    }

    /// As [`Self::ended`], or once the job waits for a person or for Google to relent: nobody holds
    /// a connection for that.
    pub(crate) async fn settled(&self, id: &JobId, patience: Duration) -> Result<Option<Job>, StoreError> {
        let until = time::after(self.clock.now(), patience);
        self.until(id, until, |job| job.is_finished() || job.state.name() == StateName::Blocked).await
    }

    /// The record once it is not the one that `seen` is, or as it stands at `until`.
    pub(crate) async fn changed(&self, seen: &Job, until: Timestamp) -> Result<Option<Job>, StoreError> {
        self.until(&seen.id, until, |job| job != seen).await
    }

    async fn until(
        &self,
        id: &JobId,
        until: Timestamp,
        enough: impl Fn(&Job) -> bool,
    ) -> Result<Option<Job>, StoreError> {
        loop {
            // Watch before reading: a change in between is then not missed.
            let mut watch = self.store.watch(id);
            let job = self.store.get(id).await?;
            let left = time::until(self.clock.now(), until);
            if job.as_ref().is_none_or(&enough) || left.is_zero() || self.closing.is_cancelled() {
                return Ok(job);
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
