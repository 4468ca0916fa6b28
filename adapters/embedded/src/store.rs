//! The port `JobStore` on a table.

mod list;
mod rows;

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::column::{instant, nanos};
use super::database::{Database, DatabaseError};
use common::account::AccountId;
use common::due;
use common::job::{Job, JobId, JobState, Refusal, Step};
use common::memory::{MemoryThrottle, Placed};
use common::port::{Accepted, Backlog, Change, JobStore, Line, ListFilter, Overdue, Page, StoreError, Watch};
use common::watchers::Watchers;

/// Records changed in one transaction, at most: nobody waits long behind a chore.
const CHUNK: u32 = 500;
/// Records and messages are in one file: they are lost together or not at all.
const WHOLE_SINCE: Timestamp = Timestamp::MIN;

/// The embedded records.
pub struct SqliteStore {
    database: Arc<Database>,
    throttle: Arc<MemoryThrottle>,
    watchers: Arc<Watchers>,
}

impl SqliteStore {
    pub(super) fn new(database: Arc<Database>, throttle: Arc<MemoryThrottle>) -> Self {
        Self { database, throttle, watchers: Arc::default() }
    }

    /// Takes [`Step::Recover`] for every running job: the worker that ran them is dead. Answers how
    /// many there were.
    pub(super) async fn recover(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut recovered = 0;
        let mut after = 0;
        loop {
            let chunk = self.database.write(move |db| rows::recover(db, after, CHUNK, now)).await?;
            let Some(last) = chunk.last else {
                return Ok(recovered);
            };
            after = last;
            recovered += chunk.recovered;
        }
    }

    /// Writes, and tells those who watch `id` once it is on disk and `touched` says that it changed.
    async fn write<T, W>(&self, id: &JobId, work: W, touched: fn(&T) -> bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&rusqlite::Connection) -> Result<T, DatabaseError> + Send + 'static,
    {
        let (id, watchers) = (id.clone(), self.watchers.clone());
        let written = self.database.write_then(work, move |outcome| {
            if outcome.as_ref().is_ok_and(touched) {
                watchers.tell(&id);
            }
            outcome
        });
        Ok(written.await?)
    }
}

#[async_trait]
impl JobStore for SqliteStore {
    async fn accept(&self, job: &Job, backlog: Backlog, line: &Line) -> Result<Accepted, StoreError> {
        let (job, line, throttle) = (job.clone(), line.clone(), self.throttle.clone());
        let written = self.database.write_then(
            move |db| {
                if let Some(known) = rows::read(db, &job.id)? {
                    return Ok((Accepted::Known(Box::new(known)), None));
                }
                let unfinished = rows::unfinished(db, &job.owner, &job.account)?;
                if unfinished.account >= backlog.per_account {
                    return Ok((Accepted::AccountFull, None));
                }
                if unfinished.owner >= backlog.per_owner {
                    return Ok((Accepted::OwnerFull, None));
                }
                // The place is left again when it is dropped: when the record is not kept.
                let place = Placed::join(throttle, line);
                let delay = place.delay();
                rows::insert(db, &job, due::accepted(&job, delay))?;
                Ok((Accepted::New { delay, whole_since: WHOLE_SINCE }, Some(place)))
            },
            |outcome| {
                let (accepted, place) = outcome?;
                if let Some(place) = place {
                    place.keep();
                }
                Ok(accepted)
            },
        );
        Ok(written.await?)
    }

    async fn withdraw(&self, id: &JobId) -> Result<(), StoreError> {
        let name = id.clone();
        let work = move |db: &rusqlite::Connection| match rows::read(db, &name)? {
            Some(job) if matches!(job.state, JobState::Accepting { .. }) => {
                rows::delete(db, &name)?;
                Ok(true)
            }
            Some(_) | None => Ok(false),
        };
        self.write(id, work, |removed| *removed).await.map(drop)
    }

    async fn take(&self, id: &JobId, step: &Step, now: Timestamp) -> Result<Change, StoreError> {
        let (name, step) = (id.clone(), step.clone());
        let work = move |db: &rusqlite::Connection| {
            let Some(job) = rows::read(db, &name)? else {
                return Ok(Change::Refused(Refusal::Unknown));
            };
            match job.take(&step, now) {
                Ok(after) => {
                    rows::update(db, &after, due::after(&job.state, &after))?;
                    Ok(Change::Taken(Box::new(after)))
                }
                Err(refusal) => Ok(Change::Refused(refusal)),
            }
        };
        self.write(id, work, |change| matches!(change, Change::Taken(_))).await
    }

    async fn restore(&self, job: &Job) -> Result<Job, StoreError> {
        let rebuilt = job.clone();
        let work = move |db: &rusqlite::Connection| {
            if let Some(known) = rows::read(db, &rebuilt.id)? {
                return Ok((known, false));
            }
            rows::insert(db, &rebuilt, due::restored(&rebuilt))?;
            Ok((rebuilt, true))
        };
        let (job, _) = self.write(&job.id, work, |(_, written)| *written).await?;
        Ok(job)
    }

    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        let id = id.clone();
        Ok(self.database.read(move |db| rows::read(db, &id)).await?)
    }

    async fn list(&self, filter: &ListFilter, page: Page) -> Result<Vec<Job>, StoreError> {
        let filter = filter.clone();
        Ok(self.database.read(move |db| list::read(db, &filter, &page)).await?)
    }

    async fn blocked(&self, of: &HashSet<AccountId>) -> Result<Vec<(AccountId, JobId)>, StoreError> {
        let of = of.clone();
        Ok(self.database.read(move |db| list::blocked(db, &of)).await?)
    }

    async fn whole_since(&self) -> Result<Timestamp, StoreError> {
        Ok(WHOLE_SINCE)
    }

    fn watch(&self, id: &JobId) -> Watch {
        self.watchers.watch(id)
    }

    async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let oldest = self.database.read(move |db| rows::oldest_due(db, nanos(now))).await?;
        Ok(oldest.map(instant))
    }

    async fn overdue(
        &self,
        before: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        let after = after.map(|last| (nanos(last.due), last.job.id.clone()));
        Ok(self.database.read(move |db| rows::overdue(db, nanos(before), after, limit)).await?)
    }

    async fn forget_finished(&self, before: Timestamp) -> Result<u64, StoreError> {
        let before = nanos(before);
        let mut forgotten = 0;
        loop {
            let some = self.database.write(move |db| rows::forget_finished(db, before, CHUNK)).await?;
            forgotten += some;
            if some < u64::from(CHUNK) {
                return Ok(forgotten);
            }
        }
    }
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        Self(error.to_string())
    }
}
