//! A record as Redis holds it: a string of its version, 16 hexadecimal digits, and the job as JSON.
//!
//! A version is drawn at random for each write. It never comes to mean another record, not even after
//! everything was wiped and the record was made anew.

use std::time::Duration;

use deadpool_redis::redis::{Cmd, cmd};
use rand::Rng as _;

use crate::job::{Job, JobId};
use crate::port::StoreError;
use crate::time;

const VERSION: usize = 16;
/// No record lives longer, whatever its deadline.
const LONGEST: Duration = time::days(100 * 365);

#[derive(Debug)]
pub(super) struct Record {
    pub(super) version: String,
    pub(super) job: Job,
}

impl Record {
    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        let (version, job) = text.split_at_checked(VERSION).ok_or_else(damaged)?;
        let job = serde_json::from_str(job).map_err(|_| damaged())?;
        Ok(Self { version: version.to_owned(), job })
    }
}

fn damaged() -> StoreError {
    StoreError("a record cannot be read: a newer build wrote it, or something else did".to_owned())
}

/// The record of `job`, with a version of its own.
pub(super) fn text(job: &Job) -> String {
    let job = serde_json::to_string(job).expect("a job is plain data");
    format!("{:016x}{job}", rand::rng().next_u64())
}

pub(super) fn version(text: &str) -> &str {
    text.get(..VERSION).unwrap_or_default()
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
