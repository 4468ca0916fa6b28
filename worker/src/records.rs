//! The records of jobs, as far as this worker reaches them.
//!
//! They can be rebuilt from messages, so work goes on without them. What is remembered here is when
//! they were last away: attempts from then may be running that no record tells of.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::job::{Job, JobId, Step};
use common::message::Message;
use common::port::{Change, Clock, JobStore, Shelf, StoreError, Vault, VaultError};
use common::time::{after, minutes, until};
use jiff::Timestamp;
use lifecycle::{Reach, Reached};

/// An attempt is over for good so long after it began.
pub(crate) const CLAIM: Duration = Duration::from_secs(60);
/// Between two looks at the records by a worker that has nothing else to do with them.
const LOOK: Duration = Duration::from_secs(5);
/// So long after the records were away, attempts without a record may still be running. Other workers
/// may have missed them a little longer than this one noticed.
const DOUBT: Duration = CLAIM.saturating_add(LOOK).saturating_add(LOOK);
/// Clocks of ingresses and of the store differ by less.
const SKEW: Duration = minutes(1);

/// Reads and changes records.
pub(crate) struct Records {
    store: Arc<dyn JobStore>,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    reach: Reach,
    /// Since when no record was lost, as far as this worker has heard.
    whole_since: Mutex<Option<Timestamp>>,
}

impl Records {
    pub(crate) fn new(store: Arc<dyn JobStore>, vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Self {
        let reach = Reach::new(Arc::clone(&clock), told);
        Self { store, vault, clock, reach, whole_since: Mutex::default() }
    }

    /// The present instant.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes a step, now.
    pub(crate) async fn take(&self, id: &JobId, step: &Step) -> Result<Change, StoreError> {
        self.reach.noted(self.store.take(id, step, self.clock.now()).await)
    }

    /// The record, as it is.
    pub(crate) async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.reach.noted(self.store.get(id).await)
    }

    /// Writes a record that is gone, unless one is there again.
    pub(crate) async fn restore(&self, job: &Job) -> Result<Job, StoreError> {
        self.reach.noted(self.store.restore(job).await)
    }

    /// The record that `message` can rebuild; that its caller took the job back is known to the vault.
    pub(crate) async fn rebuilt(&self, message: &Message) -> Result<Job, VaultError> {
        let cancel_requested = self.is_taken_back(&message.job).await?;
        Ok(message.rebuild(self.clock.now()).with_wish_to_cancel(cancel_requested))
    }

    /// Whether the job's caller has taken it back, whatever its record says.
    pub(crate) async fn is_taken_back(&self, id: &JobId) -> Result<bool, VaultError> {
        Ok(self.vault.get(Shelf::Cancellations, id.as_str()).await?.is_some())
    }

    /// Whether they could not be reached the last time.
    pub(crate) fn are_away(&self) -> bool {
        self.reach.away().now
    }

    /// Whether attempts may be running that no record tells of.
    pub(crate) fn were_away_lately(&self) -> bool {
        self.reach.away().last.is_some_and(|last| until(last, self.clock.now()) < DOUBT)
    }

    /// Whether `job`'s record may be an older one than there was: from before its caller took it back.
    pub(crate) fn may_be_older(&self, job: &Job) -> bool {
        let whole_since = *self.whole_since.lock().expect("nothing panics holding it");
        self.were_away_lately() || whole_since.is_none_or(|since| job.submitted_at < after(since, SKEW))
    }

    /// Notices that the records are away, or were lost, even where there is nothing to do.
    pub(crate) async fn watch(&self) {
        loop {
            if let Ok(since) = self.reach.noted(self.store.whole_since().await) {
                *self.whole_since.lock().expect("nothing panics holding it") = Some(since);
            }
            self.clock.sleep(LOOK).await;
        }
    }
}

fn told(reached: Reached<'_>) {
    match reached {
        Reached::Away(error) => {
            tracing::warn!("Records of jobs are away, jobs are run without them: {error}");
        }
        Reached::Again => tracing::info!("Records of jobs can be reached again"),
    }
}
