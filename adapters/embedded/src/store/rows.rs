//! The tables `jobs` and `backlog`: every statement that touches them but the lists.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::column::{instant, nanos};
use crate::database::DatabaseError;
use common::account::AccountId;
use common::due::{self, Due};
use common::job::{Job, JobId, StateName, Step};
use common::owner::Owner;
use common::port::Overdue;

/// How many jobs have not ended.
pub(super) struct Unfinished {
    /// Of the account.
    pub(super) account: u64,
    /// Of the owner, on all accounts.
    pub(super) owner: u64,
}

/// What a chunk of recovering came to.
pub(super) struct Recovered {
    /// Jobs that took the step.
    pub(super) recovered: u64,
    /// The last row that was looked at, if any was left.
    pub(super) last: Option<i64>,
}

pub(super) fn parse(body: &str) -> Result<Job, DatabaseError> {
    Ok(serde_json::from_str(body)?)
}

fn text(job: &Job) -> String {
    serde_json::to_string(job).expect("a job is plain data")
}

/// When it ended. The triggers tell by this column whether it has.
fn finished_at(job: &Job) -> Option<i64> {
    job.is_finished().then(|| nanos(job.finished_at.unwrap_or(job.updated_at)))
}

pub(super) fn read(db: &Connection, id: &JobId) -> Result<Option<Job>, DatabaseError> {
    let mut select = db.prepare_cached("SELECT body FROM jobs WHERE id = ?1")?;
    let body: Option<String> = select.query_row([id.as_str()], |row| row.get(0)).optional()?;
    body.as_deref().map(parse).transpose()
}

pub(super) fn insert(db: &Connection, job: &Job, due: Due) -> Result<(), DatabaseError> {
    let due = match due {
        Due::At(due) => Some(nanos(due)),
        Due::Kept | Due::Never => None,
    };
    let mut insert = db.prepare_cached(
        "INSERT INTO jobs (id, owner, account, state, submitted_at, updated_at, finished_at, due, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    insert.execute(params![
        job.id.as_str(),
        job.owner.as_str(),
        job.account.as_str(),
        job.state_name().as_str(),
        nanos(job.submitted_at),
        nanos(job.updated_at),
        finished_at(job),
        due,
        text(job),
    ])?;
    Ok(())
}

pub(super) fn update(db: &Connection, job: &Job, due: Due) -> Result<(), DatabaseError> {
    let mut update = db.prepare_cached(
        "UPDATE jobs SET state = ?2, updated_at = ?3, finished_at = ?4,
            due = CASE WHEN ?5 THEN due ELSE ?6 END, body = ?7
         WHERE id = ?1",
    )?;
    let (kept, due) = match due {
        Due::Kept => (true, None),
        Due::At(due) => (false, Some(nanos(due))),
        Due::Never => (false, None),
    };
    update.execute(params![
        job.id.as_str(),
        job.state_name().as_str(),
        nanos(job.updated_at),
        finished_at(job),
        kept,
        due,
        text(job),
    ])?;
    Ok(())
}

pub(super) fn delete(db: &Connection, id: &JobId) -> Result<(), DatabaseError> {
    db.prepare_cached("DELETE FROM jobs WHERE id = ?1")?.execute([id.as_str()])?;
    Ok(())
}

pub(super) fn unfinished(
    db: &Connection,
    owner: &Owner,
    account: &AccountId,
) -> Result<Unfinished, DatabaseError> {
    let mut select = db.prepare_cached("SELECT unfinished FROM backlog WHERE owner = ?1 AND account = ?2")?;
    let mut count = |account: &str| -> rusqlite::Result<u64> {
        let count = select.query_row(params![owner.as_str(), account], |row| row.get(0)).optional()?;
        Ok(count.map_or(0, i64::cast_unsigned))
    };
    Ok(Unfinished { account: count(account.as_str())?, owner: count("")? })
}

pub(super) fn oldest_due(db: &Connection, now: i64) -> Result<Option<i64>, DatabaseError> {
    let mut select = db.prepare_cached("SELECT min(due) FROM jobs WHERE due IS NOT NULL AND due <= ?1")?;
    Ok(select.query_row([now], |row| row.get(0))?)
}

/// The longest-due jobs that were due before `before`, from behind `after` on.
pub(super) fn overdue(
    db: &Connection,
    before: i64,
    after: Option<(i64, JobId)>,
    limit: u32,
) -> Result<Vec<Overdue>, DatabaseError> {
    let (from, last) = after.map_or((i64::MIN, String::new()), |(due, id)| (due, id.to_string()));
    let mut select = db.prepare_cached(
        "SELECT due, body FROM jobs WHERE due IS NOT NULL AND due >= ?1 AND due < ?2 AND (due, id) > (?1, ?3)
         ORDER BY due, id LIMIT ?4",
    )?;
    let rows = select.query_map(params![from, before, last, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, String)> = rows.collect::<Result<_, _>>()?;
    rows.into_iter().map(|(due, body)| Ok(Overdue { due: instant(due), job: parse(&body)? })).collect()
}

/// Removes up to `limit` records and gives a little of the file back.
pub(super) fn forget_finished(db: &Connection, before: i64, limit: u32) -> Result<u64, DatabaseError> {
    let mut forget = db.prepare_cached(
        "DELETE FROM jobs WHERE rowid IN (
            SELECT rowid FROM jobs WHERE finished_at IS NOT NULL AND finished_at < ?1
            ORDER BY finished_at LIMIT ?2)",
    )?;
    let forgotten = forget.execute(params![before, limit])?;
    let mut vacuum = db.prepare_cached("PRAGMA incremental_vacuum(100)")?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok(forgotten as u64)
}

/// Recovers up to `limit` running jobs whose rows come after `after`.
pub(super) fn recover(
    db: &Connection,
    after: i64,
    limit: u32,
    now: Timestamp,
) -> Result<Recovered, DatabaseError> {
    let mut select = db.prepare_cached(
        "SELECT rowid, body FROM jobs WHERE state = ?1 AND rowid > ?2 ORDER BY rowid LIMIT ?3",
    )?;
    let running = params![StateName::Running.as_str(), after, limit];
    let rows = select.query_map(running, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, String)> = rows.collect::<Result<_, _>>()?;
    let mut chunk = Recovered { recovered: 0, last: rows.last().map(|(row, _)| *row) };
    for (row, body) in rows {
        let job = match parse(&body) {
            Ok(job) => job,
            Err(error) => {
                // One damaged record must not keep a worker from starting.
                tracing::error!(row, %error, "The record in row {row} cannot be read: {error}");
                continue;
            }
        };
        if let Ok(recovered) = job.take(&Step::Recover, now) {
            update(db, &recovered, due::after(&job.state, &recovered))?;
            chunk.recovered += 1;
        }
    }
    Ok(chunk)
}
