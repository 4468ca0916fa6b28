//! Jobs a page at a time, in the order in which they were accepted.

use common::job::{Job, JobId};
use common::port::{JobStore, ListFilter, Page, StoreError};
use jiff::Timestamp;

/// Jobs read at a time.
const PAGE: u32 = 200;

/// Where a reader is. Jobs that change meanwhile are neither skipped nor met twice: their place in the
/// order stays.
pub struct Pages<'a> {
    store: &'a dyn JobStore,
    filter: ListFilter,
    after: Option<(Timestamp, JobId)>,
}

impl<'a> Pages<'a> {
    /// Begins at the first.
    #[must_use]
    pub fn of(store: &'a dyn JobStore, filter: ListFilter) -> Self {
        Self { store, filter, after: None }
    }

    /// The next page, of one job at least; `None` at the end.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn next(&mut self) -> Result<Option<Vec<Job>>, StoreError> {
        let page = Page { after: self.after.take(), limit: PAGE };
        let jobs = self.store.list(&self.filter, page).await?;
        self.after = jobs.last().map(|last| (last.submitted_at, last.id.clone()));
        Ok(Some(jobs).filter(|jobs| !jobs.is_empty()))
    }
}
