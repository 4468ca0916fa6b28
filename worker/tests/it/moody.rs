//! A store that fails when told.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::job::{Job, JobId, Step};
use common::port::{Accepted, Backlog, Change, JobStore, Limit, ListFilter, Page, StoreError, Watch};
use jiff::Timestamp;

pub struct MoodyStore {
    inner: Arc<dyn JobStore>,
    refuses: Mutex<Option<Refuses>>,
}

/// Which steps cannot be taken.
type Refuses = Box<dyn Fn(&Step) -> bool + Send>;

impl MoodyStore {
    pub fn new(inner: Arc<dyn JobStore>) -> Self {
        Self { inner, refuses: Mutex::default() }
    }

    /// From now on these steps fail.
    pub fn refuse(&self, refuses: impl Fn(&Step) -> bool + Send + 'static) {
        *self.refuses.lock().unwrap() = Some(Box::new(refuses));
    }

    pub fn recover(&self) {
        *self.refuses.lock().unwrap() = None;
    }
}

#[async_trait]
impl JobStore for MoodyStore {
    async fn accept(&self, job: &Job, backlog: Backlog, line: &Limit) -> Result<Accepted, StoreError> {
        self.inner.accept(job, backlog, line).await
    }

    async fn withdraw(&self, id: &JobId) -> Result<(), StoreError> {
        self.inner.withdraw(id).await
    }

    async fn take(&self, id: &JobId, step: &Step, now: Timestamp) -> Result<Change, StoreError> {
        if self.refuses.lock().unwrap().as_ref().is_some_and(|refuses| refuses(step)) {
            return Err(StoreError("as told".to_owned()));
        }
        self.inner.take(id, step, now).await
    }

    async fn restore(&self, job: &Job) -> Result<Job, StoreError> {
        self.inner.restore(job).await
    }

    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.inner.get(id).await
    }

    async fn list(&self, filter: &ListFilter, page: Page) -> Result<Vec<Job>, StoreError> {
        self.inner.list(filter, page).await
    }

    async fn whole_since(&self) -> Result<Timestamp, StoreError> {
        self.inner.whole_since().await
    }

    fn watch(&self, id: &JobId) -> Watch {
        self.inner.watch(id)
    }

    async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.inner.oldest_due(now).await
    }

    async fn forget_finished(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.forget_finished(before).await
    }
}
