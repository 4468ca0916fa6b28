//! The scripts, and what goes into and comes out of them.

use std::time::Duration;

use deadpool_redis::redis::Script;
use jiff::Timestamp;

use super::record::{self, Record};
use super::sets::{self, DUE, ENDED, Place};
use crate::job::{Job, JobId};
use crate::port::{Backlog, Line, StoreError};
use crate::redis::link::Live;
use crate::redis::name;

/// A hash: `since` when the data are whole, in microseconds, as noted on the run of the server that is
/// called `run`. It alone never expires: a server short of memory must not drop it before it drops records.
const EPOCH: &str = "calrelay:epoch";

macro_rules! script {
    ($name:literal) => {
        Script::new(concat!(
            include_str!("../lua/line.lua"),
            include_str!("../lua/write.lua"),
            include_str!(concat!("../lua/", $name, ".lua"))
        ))
    };
}

pub(super) struct Scripts {
    accept: Script,
    step: Script,
    oldest_due: Script,
    forget: Script,
    whole_since: Script,
    ranges: Script,
}

/// A record to be replaced, made or removed.
pub(super) struct Write<'a> {
    pub(super) id: &'a JobId,
    /// The version it has to have; `None` for a record that must not be there.
    pub(super) seen: Option<&'a str>,
    /// The new record; `None` to remove it.
    pub(super) text: Option<&'a str>,
    pub(super) life: Duration,
    pub(super) entry: String,
    pub(super) sets: Vec<Place>,
    /// Whether those who watch it are to be told.
    pub(super) tell: bool,
}

/// What came of a write.
pub(super) enum Outcome {
    Written,
    /// There is no such record.
    Missing,
    /// Somebody else has written it meanwhile.
    Other(Box<Record>),
}

/// What came of accepting.
pub(super) enum Placed {
    New { delay: Duration, whole_since: Timestamp },
    Known(Box<Record>),
    AccountFull,
    OwnerFull,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            accept: script!("accept"),
            step: script!("step"),
            oldest_due: script!("oldest_due"),
            forget: script!("forget"),
            whole_since: script!("whole_since"),
            ranges: Script::new(include_str!("../lua/ranges.lua")),
        }
    }

    pub(super) async fn write(
        &self,
        live: &Live,
        channel: &str,
        write: &Write<'_>,
    ) -> Result<Outcome, StoreError> {
        let mut call = self.step.prepare_invoke();
        call.key(record::key(write.id)).key(EPOCH);
        call.arg(write.seen.unwrap_or_default())
            .arg(write.text.unwrap_or_default())
            .arg(millis(write.life))
            .arg(&write.entry)
            .arg(live.run_id())
            .arg(if write.tell { channel } else { "" })
            .arg(write.id.as_str());
        for (set, score) in &write.sets {
            call.key(set);
            match score {
                Some(score) => call.arg(*score),
                None => call.arg(""),
            };
        }
        let reply: Vec<String> = live.invoke(&call).await?;
        match reply.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["written"] => Ok(Outcome::Written),
            ["missing"] => Ok(Outcome::Missing),
            ["other", text] => Ok(Outcome::Other(Box::new(Record::parse(text)?))),
            _ => Err(unexpected("step")),
        }
    }

    pub(super) async fn accept(
        &self,
        live: &Live,
        job: &Job,
        text: &str,
        backlog: Backlog,
        line: &Line,
        retention: Duration,
    ) -> Result<Placed, StoreError> {
        let [of_owner, of_account] = sets::backlogs(job);
        let mut call = self.accept.prepare_invoke();
        call.key(record::key(&job.id)).key(EPOCH).key(name::line(line));
        call.key(&of_owner).key(&of_account).key(DUE).key(ENDED).key(name::line_ahead_of(line));
        call.arg(text)
            .arg(millis(record::life(job, retention)))
            .arg(sets::entry(job))
            .arg(live.run_id())
            .arg(job.submitted_at.as_millisecond())
            .arg(backlog.per_account)
            .arg(backlog.per_owner)
            .arg(u64::try_from(line.charge.as_micros()).unwrap_or(u64::MAX))
            .arg(job.submitted_at.as_microsecond())
            .arg(job.not_before.unwrap_or(job.submitted_at).as_microsecond())
            .arg(sets::overdue_at(job, retention));
        for (set, score) in sets::changed(None, Some(job), crate::due::Due::Kept, retention) {
            if set != of_owner && set != of_account {
                call.key(set).arg(score.unwrap_or_default());
            }
        }
        let reply: Vec<String> = live.invoke(&call).await?;
        match reply.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["new", delay, since] => {
                let delay = Duration::from_micros(delay.parse().map_err(|_| unexpected("accept"))?);
                let whole_since = instant(since.parse().map_err(|_| unexpected("accept"))?)?;
                Ok(Placed::New { delay, whole_since })
            }
            ["known", text] => Ok(Placed::Known(Box::new(Record::parse(text)?))),
            ["account-full"] => Ok(Placed::AccountFull),
            ["owner-full"] => Ok(Placed::OwnerFull),
            _ => Err(unexpected("accept")),
        }
    }

    pub(super) async fn oldest_due(
        &self,
        live: &Live,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut call = self.oldest_due.key(DUE);
        call.arg(now.as_microsecond());
        let score: Option<i64> = live.invoke(&call).await?;
        score.map(instant).transpose()
    }

    pub(super) async fn whole_since(&self, live: &Live) -> Result<Timestamp, StoreError> {
        let mut call = self.whole_since.key(EPOCH);
        call.arg(live.run_id());
        instant(live.invoke(&call).await?)
    }

    /// The first `most` entries of each set between two bounds as `ZRANGEBYLEX` takes them.
    pub(super) async fn ranges(
        &self,
        live: &Live,
        sets: &[String],
        lower: &str,
        upper: &str,
        most: usize,
    ) -> Result<Vec<Vec<String>>, StoreError> {
        let mut call = self.ranges.key(sets);
        call.arg(lower).arg(upper).arg(most);
        Ok(live.invoke_apart(&call).await?)
    }

    /// How many entries of ended records were met, and how many records were removed.
    pub(super) async fn forget(
        &self,
        live: &Live,
        before: Timestamp,
        most: u32,
    ) -> Result<(u64, u64), StoreError> {
        let mut call = self.forget.key(ENDED);
        call.arg(before.as_microsecond()).arg(most);
        Ok(live.invoke(&call).await?)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| unexpected("an instant"))
}

fn unexpected(what: &str) -> StoreError {
    StoreError(format!("Redis answered to {what} what it never should"))
}
