//! The port `JobStore` on Redis.
//!
//! A step is worked out here, by [`Job::take`] alone, and written if the record still is the one it was
//! worked out from; otherwise Redis answers with the record as it is now, and it is worked out again. The
//! scripts know nothing of what a step means, so there is one state machine, and each write is one round
//! trip. What a process wrote last it remembers, so that it need not read it again before the next step.

mod compact;
mod list;
mod oversized;
mod recent;
mod record;
mod scripts;
mod sets;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::changes::Changes;
use super::{LinkError, Redis};
use common::account::AccountId;
use common::due::{self, Due};
use common::job::{Job, JobId, JobState, Refusal, Step};
use common::port::{Accepted, Backlog, Change, JobStore, Line, ListFilter, Overdue, Page, StoreError, Watch};
use common::random;
use oversized::Oversized;
use recent::Recent;
use record::Record;
use scripts::{Outcome, Placed, Scripts, Write};

/// Each round in which a write was refused somebody else's succeeded: nobody ever needs so many.
const ROUNDS: u32 = 100;
/// Records removed by one script, at most: nobody waits long behind a chore.
const CHUNK: u32 = 200;

/// The records, shared by every process that uses the same Redis.
pub struct RedisStore {
    redis: Arc<Redis>,
    scripts: Scripts,
    changes: Changes,
    recent: Recent,
    oversized: Oversized,
    /// Names this process where one of several is to do something.
    me: String,
    retention: Duration,
}

impl RedisStore {
    /// Records are kept for `retention` after their end, and as long after the deadline of jobs that were
    /// never ended.
    pub(super) fn new(redis: Arc<Redis>, retention: Duration) -> Self {
        let changes = Changes::new(redis.clone());
        let (recent, oversized) = Default::default();
        let me = random::name();
        Self { redis, scripts: Scripts::new(), changes, recent, oversized, me, retention }
    }

    async fn read(&self, id: &JobId) -> Result<Option<Record>, StoreError> {
        let text: Option<Vec<u8>> = self.redis.link.ask(&record::read(id)).await?;
        text.map(|text| Record::parse(id, &text)).transpose()
    }

    /// Writes `job` in place of `seen`; tells those who watch it, where there is anything to see.
    async fn write(&self, seen: Option<&Record>, job: &Job, due: Due) -> Result<Outcome, StoreError> {
        let before = seen.map(|record| &record.job);
        // A compact record stays one, and lives no longer: the set that it is in would not.
        let compact = seen.filter(|seen| seen.compact).and_then(|_| record::compact(job));
        let life = if compact.is_some() { Duration::ZERO } else { record::life(job, self.retention) };
        let text = compact.unwrap_or_else(|| record::text(job));
        let write = Write {
            id: &job.id,
            seen: seen.map(|record| record.version.as_str()),
            text: Some(&text),
            life,
            entry: sets::entry(job),
            sets: sets::changed(before, Some(job), due, self.retention),
            tell: is_seen_by_watchers(before, job),
        };
        let outcome = self.written(&write).await;
        // Where it is not known whether it was written, what was known before is worth nothing.
        if matches!(outcome, Ok(Outcome::Written)) && recent::comes_soon(job) {
            self.recent.keep(Record::written(&text, job));
        }
        outcome
    }

    async fn written(&self, write: &Write<'_>) -> Result<Outcome, StoreError> {
        let live = self.redis.link.live().await?;
        self.scripts.write(&live, self.changes.channel(), write).await
    }
}

/// Whether a change can be seen by those who watch the job: that a write has begun cannot.
fn is_seen_by_watchers(before: Option<&Job>, after: &Job) -> bool {
    before
        .is_none_or(|before| before.state != after.state || before.cancel_requested != after.cancel_requested)
}

#[async_trait]
impl JobStore for RedisStore {
    async fn accept(&self, job: &Job, backlog: Backlog, line: &Line) -> Result<Accepted, StoreError> {
        let text = record::text(job);
        let live = self.redis.link.live().await?;
        match self.scripts.accept(&live, job, &text, backlog, line, self.retention).await? {
            Placed::New { delay, whole_since } => {
                self.recent.keep(Record::written(&text, job));
                Ok(Accepted::New { delay, whole_since })
            }
            Placed::Known(record) => Ok(Accepted::Known(Box::new(record.job))),
            Placed::AccountFull => Ok(Accepted::AccountFull),
            Placed::OwnerFull => Ok(Accepted::OwnerFull),
        }
    }

    async fn withdraw(&self, id: &JobId) -> Result<(), StoreError> {
        let mut known = self.recent.take(id);
        for _ in 0..ROUNDS {
            let record = match known.take() {
                Some(record) => record,
                None => match self.read(id).await? {
                    Some(record) => record,
                    None => return Ok(()),
                },
            };
            let JobState::Accepting { .. } = record.job.state else {
                return Ok(());
            };
            let write = Write {
                id,
                seen: Some(&record.version),
                text: None,
                life: Duration::ZERO,
                entry: sets::entry(&record.job),
                sets: sets::changed(Some(&record.job), None, Due::Never, self.retention),
                tell: true,
            };
            match self.written(&write).await? {
                Outcome::Written | Outcome::Missing => return Ok(()),
                Outcome::Other(current) => known = Some(*current),
            }
        }
        Err(contended())
    }

    async fn take(&self, id: &JobId, step: &Step, now: Timestamp) -> Result<Change, StoreError> {
        let mut known = self.recent.take(id);
        let mut fresh = false;
        for _ in 0..ROUNDS {
            let record = match known.take() {
                Some(record) => record,
                None => {
                    fresh = true;
                    match self.read(id).await? {
                        Some(record) => record,
                        None => return Ok(Change::Refused(Refusal::Unknown)),
                    }
                }
            };
            let after = match record.job.take(step, now) {
                Ok(after) => after,
                Err(refusal) if fresh => return Ok(Change::Refused(refusal)),
                // It may have changed since this process wrote it.
                Err(_) => continue,
            };
            match self.write(Some(&record), &after, due::after(&record.job.state, &after)).await? {
                Outcome::Written => return Ok(Change::Taken(Box::new(after))),
                Outcome::Missing => return Ok(Change::Refused(Refusal::Unknown)),
                Outcome::Other(current) => {
                    known = Some(*current);
                    fresh = true;
                }
            }
        }
        Err(contended())
    }

    async fn restore(&self, job: &Job) -> Result<Job, StoreError> {
        match self.write(None, job, due::restored(job)).await? {
            Outcome::Written => Ok(job.clone()),
            Outcome::Other(known) => Ok(known.job),
            Outcome::Missing => Err(StoreError("a record could not be made".to_owned())),
        }
    }

    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.read(id).await?.map(|record| record.job))
    }

    async fn list(&self, filter: &ListFilter, page: Page) -> Result<Vec<Job>, StoreError> {
        let live = self.redis.link.live().await?;
        list::read(&self.scripts, &live, filter, &page).await
    }

    async fn blocked(&self, of: &HashSet<AccountId>) -> Result<Vec<(AccountId, JobId)>, StoreError> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let live = self.redis.link.live().await?;
        list::blocked(&self.scripts, &live, of).await
    }

    async fn whole_since(&self) -> Result<Timestamp, StoreError> {
        let live = self.redis.link.live().await?;
        self.scripts.whole_since(&live).await
    }

    fn watch(&self, id: &JobId) -> Watch {
        self.changes.watch(id)
    }

    async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let live = self.redis.link.live().await?;
        self.scripts.oldest_due(&live, now).await
    }

    async fn overdue(
        &self,
        before: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        let live = self.redis.link.live().await?;
        self.scripts.overdue(&live, &self.me, before, after, limit).await
    }

    async fn forget_finished(&self, before: Timestamp) -> Result<u64, StoreError> {
        let live = self.redis.link.live().await?;
        let mut forgotten = 0;
        loop {
            let (met, some) = self.scripts.forget(&live, before, CHUNK).await?;
            forgotten += some;
            if met < u64::from(CHUNK) {
                return Ok(forgotten);
            }
        }
    }

    async fn oversized(&self, before: Timestamp) -> Result<Vec<Job>, StoreError> {
        let live = self.redis.link.live().await?;
        let records = self.oversized.next(&self.scripts, &live, before).await?;
        let jobs = records.iter().map(|record| record.job.clone()).collect();
        for record in records {
            self.recent.keep(record);
        }
        Ok(jobs)
    }

    async fn compact(&self, seen: &Job, job: &Job) -> Result<(), StoreError> {
        let record = match self.recent.take(&seen.id) {
            Some(record) => Some(record),
            None => self.read(&seen.id).await?,
        };
        let Some(record) = record.filter(|record| !record.compact && record.job == *seen) else {
            return Ok(());
        };
        let Some(text) = record::compact(job) else {
            return Ok(());
        };
        self.scripts.compact(&*self.redis.link.live().await?, &record, &text).await
    }
}

fn contended() -> StoreError {
    StoreError(format!("the record was changed by others {ROUNDS} times in a row"))
}

impl From<LinkError> for StoreError {
    fn from(trouble: LinkError) -> Self {
        Self(trouble.to_string())
    }
}

#[cfg(test)]
mod golden;
