//! A store that fails, and loses its records, on demand.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use common::account::AccountId;
use common::job::{Job, JobId, StateName, Step};
use common::port::{Accepted, Backlog, Change, JobStore, Line, ListFilter, Overdue, Page, StoreError, Watch};
use jiff::Timestamp;

use super::AS_TOLD;

/// A store over a real one.
pub struct FailingStore {
    inner: Mutex<Arc<dyn JobStore>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    faults: Faults,
    /// Since when its records are whole, where that is not what the real one says.
    whole_since: Option<Timestamp>,
    /// What is left when the next step is to be taken.
    after_loss: Option<Arc<dyn JobStore>>,
    /// Whether it has records that are to be made compact.
    oversized: bool,
    compacted: Vec<(Job, Job)>,
    gets: usize,
    accepts: usize,
    watches: usize,
    looks: usize,
    sweeps: usize,
}

/// What lasts until the store recovers.
#[derive(Default)]
struct Faults {
    away: bool,
    mute: bool,
    refuses: Option<Refuses>,
    refuses_withdrawals: bool,
}

/// Which steps cannot be taken.
type Refuses = Box<dyn Fn(&Step) -> bool + Send>;

fn as_told() -> StoreError {
    StoreError(AS_TOLD.to_owned())
}

impl FailingStore {
    /// A store that goes well until it is told otherwise.
    pub fn new(inner: Arc<dyn JobStore>) -> Self {
        Self { inner: Mutex::new(inner), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on every call fails and does nothing.
    pub fn go_away(&self) {
        self.state().faults.away = true;
    }

    /// From now on the store does what it is asked, but no answer to a write arrives.
    pub fn go_mute(&self) {
        self.state().faults.mute = true;
    }

    /// From now on these steps fail.
    pub fn refuse(&self, refuses: impl Fn(&Step) -> bool + Send + 'static) {
        self.state().faults.refuses = Some(Box::new(refuses));
    }

    /// From now on no record can be removed.
    pub fn refuse_withdrawals(&self) {
        self.state().faults.refuses_withdrawals = true;
    }

    /// From now on every call goes well. What was lost stays lost.
    pub fn recover(&self) {
        self.state().faults = Faults::default();
    }

    /// What was kept so far is gone, and `empty` keeps what comes.
    pub fn wipe(&self, empty: Arc<dyn JobStore>) {
        *self.inner.lock().unwrap() = empty;
    }

    /// The same right before the next step is taken, and the store says since when.
    pub fn wipe_at_next_step(&self, empty: Arc<dyn JobStore>) {
        self.state().after_loss = Some(empty);
    }

    /// The store says that what was written until `then` may be lost: it came up from an older copy.
    pub fn fall_back(&self, then: Timestamp) {
        self.state().whole_since = Some(then);
    }

    /// From now on its records are too large.
    pub fn wants_less(&self) {
        self.state().oversized = true;
    }

    /// The records that were to be made compact, each as it was and as it was to be.
    pub fn compacted(&self) -> Vec<(Job, Job)> {
        self.state().compacted.clone()
    }

    /// How many records were asked for.
    pub fn gets(&self) -> usize {
        self.state().gets
    }

    /// How many callers have been told whether their job is new.
    pub fn accepts(&self) -> usize {
        self.state().accepts
    }

    /// How many callers have begun to follow a job.
    pub fn watches(&self) -> usize {
        self.state().watches
    }

    /// How often the overdue jobs were asked for.
    pub fn looks(&self) -> usize {
        self.state().looks
    }

    /// How often the records that are too large were asked for.
    pub fn sweeps(&self) -> usize {
        self.state().sweeps
    }

    /// What a test itself reads and writes by, however the store fares.
    pub fn behind(&self) -> Arc<dyn JobStore> {
        Arc::clone(&self.inner.lock().unwrap())
    }

    fn there(&self) -> Result<Arc<dyn JobStore>, StoreError> {
        if self.state().faults.away { Err(as_told()) } else { Ok(self.behind()) }
    }

    /// The answer to a write, if it arrives.
    fn heard<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.state().faults.mute { Err(as_told()) } else { answer }
    }
}

#[async_trait]
impl JobStore for FailingStore {
    async fn accept(&self, job: &Job, backlog: Backlog, line: &Line) -> Result<Accepted, StoreError> {
        let told = self.state().whole_since;
        let accepted = match self.there()?.accept(job, backlog, line).await {
            Ok(Accepted::New { delay, whole_since }) => {
                Ok(Accepted::New { delay, whole_since: told.unwrap_or(whole_since) })
            }
            other => other,
        };
        self.state().accepts += 1;
        self.heard(accepted)
    }

    async fn withdraw(&self, id: &JobId) -> Result<(), StoreError> {
        if self.state().faults.refuses_withdrawals {
            return Err(as_told());
        }
        let withdrawn = self.there()?.withdraw(id).await;
        self.heard(withdrawn)
    }

    async fn take(&self, id: &JobId, step: &Step, now: Timestamp) -> Result<Change, StoreError> {
        let after_loss = self.state().after_loss.take();
        if let Some(empty) = after_loss {
            self.wipe(empty);
            self.fall_back(now);
        }
        // What is asked for, whatever the condition.
        let wish = if let Step::For(_, wish) = step { wish.as_ref() } else { step };
        if self.state().faults.refuses.as_ref().is_some_and(|refuses| refuses(wish)) {
            return Err(as_told());
        }
        let change = self.there()?.take(id, step, now).await;
        self.heard(change)
    }

    async fn restore(&self, job: &Job) -> Result<Job, StoreError> {
        let restored = self.there()?.restore(job).await;
        self.heard(restored)
    }

    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.state().gets += 1;
        self.there()?.get(id).await
    }

    async fn list(&self, filter: &ListFilter, page: Page) -> Result<Vec<Job>, StoreError> {
        self.there()?.list(filter, page).await
    }

    async fn blocked(&self, of: &HashSet<AccountId>) -> Result<Vec<(AccountId, JobId)>, StoreError> {
        self.there()?.blocked(of).await
    }

    async fn whole_since(&self) -> Result<Timestamp, StoreError> {
        let inner = self.there()?.whole_since().await?;
        Ok(self.state().whole_since.unwrap_or(inner))
    }

    fn watch(&self, id: &JobId) -> Watch {
        self.state().watches += 1;
        self.behind().watch(id)
    }

    async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.there()?.oldest_due(now).await
    }

    async fn overdue(
        &self,
        before: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        self.state().looks += 1;
        self.there()?.overdue(before, after, limit).await
    }

    async fn forget_finished(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.there()?.forget_finished(before).await
    }

    async fn oversized(&self, before: Timestamp) -> Result<Vec<Job>, StoreError> {
        self.state().sweeps += 1;
        let there = self.there()?;
        if !self.state().oversized {
            return Ok(Vec::new());
        }
        let filter = ListFilter { state: Some(StateName::Succeeded), ..ListFilter::default() };
        let mut jobs = there.list(&filter, Page { after: None, limit: 100 }).await?;
        let compacted = self.compacted();
        jobs.retain(|job| job.finished_at < Some(before) && compacted.iter().all(|(seen, _)| seen != job));
        Ok(jobs)
    }

    async fn compact(&self, seen: &Job, job: &Job) -> Result<(), StoreError> {
        self.there()?;
        self.state().compacted.push((seen.clone(), job.clone()));
        Ok(())
    }
}
