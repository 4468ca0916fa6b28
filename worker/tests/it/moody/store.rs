//! A store that fails when told.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::account::AccountId;
use common::job::{Job, JobId, StateName, Step};
use common::port::{Accepted, Backlog, Change, JobStore, Line, ListFilter, Overdue, Page, StoreError, Watch};
use jiff::Timestamp;

pub struct MoodyStore {
    inner: Mutex<Arc<dyn JobStore>>,
    refuses: Mutex<Option<Refuses>>,
    away: AtomicBool,
    lost_at: Mutex<Option<Timestamp>>,
    gets: AtomicUsize,
    /// Whether it has records that are to be made compact.
    oversized: AtomicBool,
    compacted: Mutex<Vec<(Job, Job)>>,
    sweeps: AtomicUsize,
    looks: AtomicUsize,
}

/// Which steps cannot be taken.
type Refuses = Box<dyn Fn(&Step) -> bool + Send>;

impl MoodyStore {
    pub fn new(inner: Arc<dyn JobStore>) -> Self {
        Self {
            inner: Mutex::new(inner),
            refuses: Mutex::default(),
            away: AtomicBool::new(false),
            lost_at: Mutex::default(),
            gets: AtomicUsize::new(0),
            oversized: AtomicBool::new(false),
            compacted: Mutex::default(),
            sweeps: AtomicUsize::new(0),
            looks: AtomicUsize::new(0),
        }
    }

    /// From now on these steps fail.
    pub fn refuse(&self, refuses: impl Fn(&Step) -> bool + Send + 'static) {
        *self.refuses.lock().unwrap() = Some(Box::new(refuses));
    }

    /// From now on everything fails.
    pub fn go_away(&self) {
        self.away.store(true, Ordering::Relaxed);
    }

    pub fn recover(&self) {
        *self.refuses.lock().unwrap() = None;
        self.away.store(false, Ordering::Relaxed);
    }

    /// What was kept so far is gone, and `empty` keeps what comes.
    pub fn wipe(&self, empty: Arc<dyn JobStore>) {
        *self.inner.lock().unwrap() = empty;
    }

    /// It says that what was written until `then` may be lost: it came up from an older copy.
    pub fn fall_back(&self, then: Timestamp) {
        *self.lost_at.lock().unwrap() = Some(then);
    }

    /// From now on its records are too large.
    pub fn wants_less(&self) {
        self.oversized.store(true, Ordering::Relaxed);
    }

    /// The records that were to be made compact, each as it was and as it was to be.
    pub fn compacted(&self) -> Vec<(Job, Job)> {
        self.compacted.lock().unwrap().clone()
    }

    /// How often somebody looked for such records.
    pub fn sweeps(&self) -> usize {
        self.sweeps.load(Ordering::Relaxed)
    }

    /// How often a record was read.
    pub fn gets(&self) -> usize {
        self.gets.load(Ordering::Relaxed)
    }

    /// How often somebody asked for what is overdue.
    pub fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }

    /// What a bench itself reads and writes by, however the store fares.
    pub fn behind(&self) -> Arc<dyn JobStore> {
        self.inner.lock().unwrap().clone()
    }

    fn there(&self) -> Result<Arc<dyn JobStore>, StoreError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(StoreError("as told".to_owned()));
        }
        Ok(self.behind())
    }
}

#[async_trait]
impl JobStore for MoodyStore {
    async fn accept(&self, job: &Job, backlog: Backlog, line: &Line) -> Result<Accepted, StoreError> {
        self.there()?.accept(job, backlog, line).await
    }

    async fn withdraw(&self, id: &JobId) -> Result<(), StoreError> {
        self.there()?.withdraw(id).await
    }

    async fn take(&self, id: &JobId, step: &Step, now: Timestamp) -> Result<Change, StoreError> {
        // What is asked for, whatever the condition.
        let wish = if let Step::For(_, wish) = step { wish.as_ref() } else { step };
        if self.refuses.lock().unwrap().as_ref().is_some_and(|refuses| refuses(wish)) {
            return Err(StoreError("as told".to_owned()));
        }
        self.there()?.take(id, step, now).await
    }

    async fn restore(&self, job: &Job) -> Result<Job, StoreError> {
        self.there()?.restore(job).await
    }

    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.there()?.get(id).await
    }

    async fn list(&self, filter: &ListFilter, page: Page) -> Result<Vec<Job>, StoreError> {
        self.there()?.list(filter, page).await
    }

    async fn blocked(&self, of: &HashSet<AccountId>) -> Result<Vec<(AccountId, JobId)>, StoreError> {
        self.there()?.blocked(of).await
    }

    async fn whole_since(&self) -> Result<Timestamp, StoreError> {
        let lost_at = *self.lost_at.lock().unwrap();
        match (self.there()?, lost_at) {
            (_, Some(lost_at)) => Ok(lost_at),
            (inner, None) => inner.whole_since().await,
        }
    }

    fn watch(&self, id: &JobId) -> Watch {
        self.behind().watch(id)
    }

    async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.there()?.oldest_due(now).await
    }

    async fn oversized(&self, before: Timestamp) -> Result<Vec<Job>, StoreError> {
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        let there = self.there()?;
        if !self.oversized.load(Ordering::Relaxed) {
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
        self.compacted.lock().unwrap().push((seen.clone(), job.clone()));
        Ok(())
    }

    async fn overdue(
        &self,
        before: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.there()?.overdue(before, after, limit).await
    }

    async fn forget_finished(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.there()?.forget_finished(before).await
    }
}
