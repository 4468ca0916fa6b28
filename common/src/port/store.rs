//! The port `JobStore`.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::broadcast;

use super::throttle::Line;
use crate::account::AccountId;
use crate::job::{Job, JobId, Refusal, StateName, Step};
use crate::owner::Owner;

/// Keeps the records of jobs.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Records a job that has just been asked for, unless it is known or the backlog is full, and
    /// gives it its place in `line`. One atomic step.
    ///
    /// # Errors
    /// When the store cannot be reached; nothing is recorded then.
    async fn accept(&self, job: &Job, backlog: Backlog, line: &Line) -> Result<Accepted, StoreError>;

    /// Removes a record that is still `accepting`: its message was not taken.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn withdraw(&self, id: &JobId) -> Result<(), StoreError>;

    /// Takes a step, atomically with reading where the job stands, by [`Job::take`] alone.
    ///
    /// # Errors
    /// [`Change::Refused`] is not an error; only an unreachable store is.
    async fn take(&self, id: &JobId, step: &Step, now: Timestamp) -> Result<Change, StoreError>;

    /// Writes a record that was rebuilt from a message, unless one is there; answers what is there.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn restore(&self, job: &Job) -> Result<Job, StoreError>;

    /// Reads a record.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn get(&self, id: &JobId) -> Result<Option<Job>, StoreError>;

    /// Reads records in order of submission, a page at a time.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn list(&self, filter: &ListFilter, page: Page) -> Result<Vec<Job>, StoreError>;

    /// The blocked jobs of these accounts, in order of submission. All that are blocked are gone through once,
    /// by page, whatever the number of accounts; no record is read, so that one of them may not be blocked any more.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn blocked(&self, of: &HashSet<AccountId>) -> Result<Vec<(AccountId, JobId)>, StoreError>;

    /// Since when no record has been lost: an id that is not known and might be older than that is not
    /// known to be wrong.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn whole_since(&self) -> Result<Timestamp, StoreError>;

    /// Watches a job from now on. Only a hint: a change made by another process may go unseen, so
    /// readers look again after a while in any case.
    fn watch(&self, id: &JobId) -> Watch;

    /// When the longest-due unfinished job was due.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// Jobs that have not ended and were due before `before`, with when they were due: the longest-due ones first, at
    /// most `limit` of them, from behind `after` on. None where another process asks for them: of several one does.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn overdue(
        &self,
        before: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError>;

    /// Removes records that ended before `before`; answers how many.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn forget_finished(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Some jobs that succeeded before `before` and whose records take more room than a status needs. None
    /// where another process sees to them, where a build that could not read a compact record may still run,
    /// and where room does not matter.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn oversized(&self, before: Timestamp) -> Result<Vec<Job>, StoreError> {
        let _ = before;
        Ok(Vec::new())
    }

    /// Replaces the record `seen` by `job` in the most compact form that the store has, where it still stands
    /// as it was seen. The job may differ in how its result is sealed, and in nothing else.
    ///
    /// # Errors
    /// When the store cannot be reached.
    async fn compact(&self, seen: &Job, job: &Job) -> Result<(), StoreError> {
        let _ = (seen, job);
        Ok(())
    }
}

/// A job that should have been dealt with by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// When it was due.
    pub due: Timestamp,
    /// How it stands.
    pub job: Job,
}

/// How many unfinished jobs an owner may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// On one account.
    pub per_account: u64,
    /// In all.
    pub per_owner: u64,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { per_account: 100_000, per_owner: 500_000 }
    }
}

/// What came of asking a store to accept a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is recorded; its turn comes after this delay.
    New {
        /// As [`Throttle::place`](super::Throttle::place): zero when the line is empty.
        delay: Duration,
        /// As [`JobStore::whole_since`]: before that it may have been known.
        whole_since: Timestamp,
    },
    /// The id is known; this is the record.
    Known(Box<Job>),
    /// This account of this owner has too many unfinished jobs.
    AccountFull,
    /// This owner has too many unfinished jobs.
    OwnerFull,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Taken; this is the job now.
    Taken(Box<Job>),
    /// Not taken, and why.
    Refused(Refusal),
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Of this owner; of all for `None` (operators only).
    pub owner: Option<Owner>,
    /// Of this account.
    pub account: Option<AccountId>,
    /// In this state.
    pub state: Option<StateName>,
    /// Submitted at or after.
    pub since: Option<Timestamp>,
    /// Submitted before.
    pub until: Option<Timestamp>,
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The job after which to go on.
    pub after: Option<(Timestamp, JobId)>,
    /// At most this many.
    pub limit: u32,
}

/// A view of one job's changes.
#[derive(Debug)]
pub struct Watch(pub(crate) broadcast::Receiver<()>);

impl Watch {
    /// Returns after the next change, or when the store is closing.
    pub async fn changed(&mut self) {
        // Lagging behind means that there were changes; closed means that there will be none.
        let _ = self.0.recv().await;
    }
}

/// The store cannot be used now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the job store cannot be used: {0}")]
pub struct StoreError(pub String);
