//! The scripts, and what goes into and comes out of them.

use std::time::Duration;

use deadpool_redis::redis::Script;
use jiff::Timestamp;

use super::record::{self, Record};
use super::sets::{self, COMPACT, DUE, ENDED, Entry, Place, Shelf};
use crate::link::Live;
use crate::name;
use common::job::{Job, JobId};
use common::port::{Backlog, Line, Overdue, StoreError};
use common::time;

/// A hash: `since` when the data are whole, in microseconds, as noted on the run of the server that is
/// called `run`. It alone never expires: a server short of memory must not drop it before it drops records.
const EPOCH: &str = "calrelay:epoch";

/// Who sees to records that take more room than they need.
const COMPACTING: &str = "calrelay:compacting";
/// For how long after it last asked.
const LEASE: Duration = time::minutes(2);
/// Who asks for overdue jobs; for as long after it last did.
const REVIVING: &str = "calrelay:reviving";
/// So long must a build have been here that reads compact records before any is made: others have gone by then.
const KNOWN_FOR: Duration = time::days(1);

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
    overdue: Script,
    forget: Script,
    whole_since: Script,
    ranges: Script,
    oversized: Script,
    compact: Script,
}

/// A record to be replaced, made or removed.
pub(super) struct Write<'a> {
    pub(super) id: &'a JobId,
    /// The version it has to have; `None` for a record that must not be there.
    pub(super) seen: Option<&'a str>,
    /// The new record; `None` to remove it.
    pub(super) text: Option<&'a [u8]>,
    /// How long it lives from now on; zero for as long as it would have.
    pub(super) life: Duration,
    pub(super) entry: String,
    pub(super) sets: Vec<Place>,
    /// Whether those who watch it are to be told.
    pub(super) tell: bool,
}

/// A record that ended.
pub(super) struct Ended {
    pub(super) entry: String,
    /// When, in microseconds.
    pub(super) at: i64,
    /// Empty where the record is gone.
    pub(super) text: Vec<u8>,
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
            overdue: script!("overdue"),
            forget: script!("forget"),
            whole_since: script!("whole_since"),
            ranges: Script::new(include_str!("../lua/ranges.lua")),
            oversized: script!("oversized"),
            compact: script!("compact"),
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
        let reply: Vec<Vec<u8>> = live.invoke(&call).await?;
        match reply.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] {
            [b"written"] => Ok(Outcome::Written),
            [b"missing"] => Ok(Outcome::Missing),
            [b"other", text] => Ok(Outcome::Other(Box::new(Record::parse(write.id, text)?))),
            _ => Err(unexpected("step")),
        }
    }

    pub(super) async fn accept(
        &self,
        live: &Live,
        job: &Job,
        text: &[u8],
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
        for (set, score) in sets::changed(None, Some(job), common::due::Due::Kept, retention) {
            if set != of_owner && set != of_account {
                call.key(set).arg(score.unwrap_or_default());
            }
        }
        let reply: Vec<Vec<u8>> = live.invoke(&call).await?;
        match reply.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] {
            [b"new", delay, since] => {
                let number = |text| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
                let (delay, since) = (number(delay), number(since));
                let delay = delay.and_then(|micros| u64::try_from(micros).ok());
                Ok(Placed::New {
                    delay: Duration::from_micros(delay.ok_or_else(|| unexpected("accept"))?),
                    whole_since: instant(since.ok_or_else(|| unexpected("accept"))?)?,
                })
            }
            [b"known", text] => Ok(Placed::Known(Box::new(Record::parse(&job.id, text)?))),
            [b"account-full"] => Ok(Placed::AccountFull),
            [b"owner-full"] => Ok(Placed::OwnerFull),
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

    /// The longest-due jobs behind `after` that were due before `before`, if `who` is to see to them.
    pub(super) async fn overdue(
        &self,
        live: &Live,
        who: &str,
        before: Timestamp,
        after: Option<&Overdue>,
        most: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        let from = after.map_or_else(|| "-inf".to_owned(), |last| last.due.as_microsecond().to_string());
        let entry = after.map(|last| sets::entry(&last.job)).unwrap_or_default();
        let mut call = self.overdue.key(DUE);
        call.key(REVIVING);
        call.arg(from).arg(entry).arg(before.as_microsecond()).arg(most).arg(who).arg(millis(LEASE));
        let found: Vec<(String, i64, Vec<u8>)> = live.invoke_apart(&call).await?;
        let parsed = found.into_iter().filter_map(|(entry, due, text)| {
            // Whoever reads one that cannot be read is told of it.
            let job = Record::parse(&Entry::parse(&entry)?.id, &text).ok()?.job;
            Some(instant(due).map(|due| Overdue { due, job }))
        });
        parsed.collect()
    }

    pub(super) async fn whole_since(&self, live: &Live) -> Result<Timestamp, StoreError> {
        let mut call = self.whole_since.key(EPOCH);
        call.arg(live.run_id());
        instant(live.invoke(&call).await?)
    }

    /// The first entries of each set between two bounds as `ZRANGEBYLEX` takes them, `most` or fewer of each:
    /// what comes first says how many. Of compact records it takes those of `compact`: an owner, or `*`.
    pub(super) async fn ranges(
        &self,
        live: &Live,
        sets: &[String],
        (lower, upper): (&str, &str),
        most: usize,
        compact: &str,
    ) -> Result<(usize, Vec<Vec<String>>), StoreError> {
        let mut call = self.ranges.key(sets);
        call.arg(lower).arg(upper).arg(most).arg(compact);
        let mut found: Vec<Vec<String>> = live.invoke_apart(&call).await?;
        let first = if found.is_empty() { Vec::new() } else { found.remove(0) };
        let most = first.first().and_then(|most| most.parse().ok());
        Ok((most.ok_or_else(|| unexpected("ranges"))?, found))
    }

    /// The first records that ended from `from` up to `before`, in microseconds, if `who` is to see to them.
    pub(super) async fn oversized(
        &self,
        live: &Live,
        who: &str,
        from: i64,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<Ended>, StoreError> {
        let mut call = self.oversized.prepare_invoke();
        call.key(EPOCH).key(ENDED).key(COMPACTING);
        call.arg(live.run_id()).arg(from).arg(before.as_microsecond()).arg(most);
        call.arg(u64::try_from(KNOWN_FOR.as_micros()).unwrap_or(u64::MAX)).arg(who).arg(millis(LEASE));
        let found: Vec<(String, i64, Vec<u8>)> = live.invoke_apart(&call).await?;
        Ok(found.into_iter().map(|(entry, at, text)| Ended { entry, at, text }).collect())
    }

    /// Replaces a record by its compact `text`; nothing happens where it is another one by now.
    pub(super) async fn compact(&self, live: &Live, seen: &Record, text: &[u8]) -> Result<(), StoreError> {
        let (name, day) = sets::of_compact(&seen.job);
        let mut call = self.compact.prepare_invoke();
        call.key(record::key(&seen.job.id)).key(COMPACT).key(format!("{COMPACT}:{name}"));
        call.key(ENDED).key(Shelf::Succeeded.key()).key(sets::of_owner(&seen.job.owner));
        call.arg(&seen.version).arg(text).arg(sets::entry(&seen.job)).arg(&name).arg(day);
        Ok(live.invoke(&call).await?)
    }

    /// How many entries of ended records were met, and how many records were removed.
    pub(super) async fn forget(
        &self,
        live: &Live,
        before: Timestamp,
        most: u32,
    ) -> Result<(u64, u64), StoreError> {
        let mut call = self.forget.key(ENDED);
        call.key(COMPACT);
        call.arg(before.as_microsecond()).arg(most).arg(before.as_millisecond());
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
