//! A record as Redis holds it: a string of its version, 16 hexadecimal digits, and the job as JSON; or, long after it
//! has succeeded, one of few bytes ([`compact`]), whose version is its first 16.
//!
//! A version is drawn at random for each write. It never comes to mean another record, not even after
//! everything was wiped and the record was made anew.

use std::time::Duration;

use deadpool_redis::redis::{Cmd, cmd};

use super::compact;
use common::job::{Job, JobId};
use common::port::StoreError;
use common::random;
use common::time;

const VERSION: usize = 16;
/// No record lives longer, whatever its deadline.
const LONGEST: Duration = time::days(100 * 365);

#[derive(Debug)]
pub(super) struct Record {
    pub(super) version: String,
    pub(super) job: Job,
    /// Whether it is in few bytes.
    pub(super) compact: bool,
}

impl Record {
    pub(super) fn parse(id: &JobId, text: &[u8]) -> Result<Self, StoreError> {
        let compact = compact::is(text);
        let (version, job) = text.split_at_checked(VERSION).ok_or_else(damaged)?;
        let version = std::str::from_utf8(version).map_err(|_| damaged())?.to_owned();
        let job = if compact { compact::decode(id, text) } else { serde_json::from_slice(job).ok() };
        Ok(Self { version, job: job.ok_or_else(damaged)?, compact })
    }

    /// What was just written.
    pub(super) fn written(text: &[u8], job: &Job) -> Self {
        let version = text.get(..VERSION).map(|version| String::from_utf8_lossy(version).into_owned());
        Self { version: version.unwrap_or_default(), job: job.clone(), compact: false }
    }
}

fn damaged() -> StoreError {
    StoreError("a record cannot be read: a newer build wrote it, or something else did".to_owned())
}

/// The record of `job`, with a version of its own.
pub(super) fn text(job: &Job) -> Vec<u8> {
    let mut text = random::name().into_bytes();
    serde_json::to_writer(&mut text, job).expect("a job is plain data");
    text
}

/// The same in few bytes, where that can be.
pub(super) fn compact(job: &Job) -> Option<Vec<u8>> {
    compact::encode(job)
}

pub(super) fn key(id: &JobId) -> String {
    format!("calrelay:job:{id}")
}

pub(super) fn read(id: &JobId) -> Cmd {
    let mut read = cmd("GET");
    read.arg(key(id));
    read
}

/// How long a record is kept from its last change on.
pub(super) fn life(job: &Job, retention: Duration) -> Duration {
    let open = if job.is_finished() { Duration::ZERO } else { time::until(job.updated_at, job.not_after) };
    open.saturating_add(retention).clamp(Duration::from_millis(1), LONGEST)
}
