//! A store that can be away, or lose everything.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::account::AccountId;
use common::job::{Job, JobId, Step};
use common::port::{Accepted, Backlog, Change, JobStore, Line, ListFilter, Overdue, Page, StoreError, Watch};
use jiff::Timestamp;

/// A store that can be away, or lose everything.
pub struct FaultyStore {
    inner: Mutex<Arc<dyn JobStore>>,
    /// It does nothing.
    pub away: AtomicBool,
    /// It does what it is asked, but no answer to a write arrives.
    pub mute: AtomicBool,
    /// It takes no steps.
    pub stuck: AtomicBool,
    /// It removes nothing.
    pub keeps: AtomicBool,
    /// Records that were asked for.
    pub got: AtomicUsize,
    /// Since when it says that it is whole, if not what the inner one says.
    pub whole_since: Mutex<Option<Timestamp>>,
    /// What is left of it when the next step is to be taken.
    after_loss: Mutex<Option<Arc<dyn JobStore>>>,
    /// Requests that have been told whether their job is new.
    pub answered: AtomicUsize,
    /// Looks at jobs that wait for a change.
    pub watched: AtomicUsize,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn JobStore>) -> Self {
        Self {
            inner: Mutex::new(inner),
            away: AtomicBool::new(false),
            mute: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            keeps: AtomicBool::new(false),
            got: AtomicUsize::new(0),
            whole_since: Mutex::default(),
            after_loss: Mutex::default(),
            answered: AtomicUsize::new(0),
            watched: AtomicUsize::new(0),
        }
    }

    /// Loses everything: `empty` is what is left.
    pub fn lose(&self, empty: Arc<dyn JobStore>, now: Timestamp) {
        *self.inner.lock().unwrap() = empty;
        *self.whole_since.lock().unwrap() = Some(now);
    }

    /// Loses everything just before it takes the next step.
    pub fn lose_at_next_step(&self, empty: Arc<dyn JobStore>) {
        *self.after_loss.lock().unwrap() = Some(empty);
    }

    fn inner(&self) -> Arc<dyn JobStore> {
        Arc::clone(&self.inner.lock().unwrap())
    }

    fn here(&self) -> Result<Arc<dyn JobStore>, StoreError> {
        if self.away.load(Ordering::SeqCst) { Err(StoreError("away".to_owned())) } else { Ok(self.inner()) }
    }

    fn heard<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.mute.load(Ordering::SeqCst) { Err(StoreError("no answer".to_owned())) } else { answer }
    }
}

#[async_trait]
impl JobStore for FaultyStore {
    async fn accept(&self, job: &Job, backlog: Backlog, line: &Line) -> Result<Accepted, StoreError> {
        let told = *self.whole_since.lock().unwrap();
        let accepted = match self.here()?.accept(job, backlog, line).await {
            Ok(Accepted::New { delay, whole_since }) => {
                Ok(Accepted::New { delay, whole_since: told.unwrap_or(whole_since) })
            }
            other => other,
        };
        self.answered.fetch_add(1, Ordering::SeqCst);
        self.heard(accepted)
    }

    async fn withdraw(&self, id: &JobId) -> Result<(), StoreError> {
        if self.keeps.load(Ordering::SeqCst) {
            return Err(StoreError("keeps".to_owned()));
        }
        let withdrawn = self.here()?.withdraw(id).await;
        self.heard(withdrawn)
    }

    async fn take(&self, id: &JobId, step: &Step, now: Timestamp) -> Result<Change, StoreError> {
        let after_loss = self.after_loss.lock().unwrap().take();
        if let Some(empty) = after_loss {
            self.lose(empty, now);
        }
        if self.stuck.load(Ordering::SeqCst) {
            return Err(StoreError("stuck".to_owned()));
        }
        let change = self.here()?.take(id, step, now).await;
        self.heard(change)
    }

    async fn restore(&self, job: &Job) -> Result<Job, StoreError> {
        let restored = self.here()?.restore(job).await;
        self.heard(restored)
    }

    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.got.fetch_add(1, Ordering::SeqCst);
        self.here()?.get(id).await
    }

    async fn list(&self, filter: &ListFilter, page: Page) -> Result<Vec<Job>, StoreError> {
        self.here()?.list(filter, page).await
    }

    async fn blocked(&self, of: &HashSet<AccountId>) -> Result<Vec<(AccountId, JobId)>, StoreError> {
        self.here()?.blocked(of).await
    }

    async fn whole_since(&self) -> Result<Timestamp, StoreError> {
        let inner = self.here()?.whole_since().await?;
        Ok(self.whole_since.lock().unwrap().unwrap_or(inner))
    }

    fn watch(&self, id: &JobId) -> Watch {
        self.watched.fetch_add(1, Ordering::SeqCst);
        self.inner().watch(id)
    }

    async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.here()?.oldest_due(now).await
    }

    async fn overdue(
        &self,
        before: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        self.here()?.overdue(before, after, limit).await
    }

    async fn forget_finished(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.here()?.forget_finished(before).await
    }
}
