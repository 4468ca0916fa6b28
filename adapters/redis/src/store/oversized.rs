//! The records that take more room than a status needs, in the order of their end.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::record::{self, Record};
use super::scripts::Scripts;
use super::sets::Entry;
use crate::link::Live;
use common::job::JobState;
use common::port::StoreError;
use common::random;

/// Records looked at in one round trip.
const MANY: usize = 200;

/// How far this process has come.
pub(super) struct Oversized {
    me: String,
    /// In microseconds: what ended before has been seen to, or stays as it is.
    from: AtomicI64,
}

impl Default for Oversized {
    fn default() -> Self {
        Self { me: random::name(), from: AtomicI64::new(i64::MIN) }
    }
}

impl Oversized {
    /// The next ones that ended before `before`, if there are any and this process is to see to them.
    pub(super) async fn next(
        &self,
        scripts: &Scripts,
        live: &Live,
        before: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        loop {
            let from = self.from.load(Ordering::Relaxed);
            let ended = scripts.oversized(live, &self.me, from, before, MANY).await?;
            let Some(last) = ended.last().map(|ended| ended.at) else {
                return Ok(Vec::new());
            };
            let mut records = Vec::new();
            for ended in &ended {
                let Some(entry) = Entry::parse(&ended.entry) else {
                    continue;
                };
                // Whoever reads one that cannot be read is told of it.
                let record = Record::parse(&entry.id, &ended.text);
                records.extend(record.ok().filter(shrinks));
            }
            // Of those that ended in the same microsecond some may be behind the last one.
            let all_at_once = ended.first().is_some_and(|first| first.at == last);
            let more = ended.len() >= MANY;
            let passed =
                if more && all_at_once && records.is_empty() { last.saturating_add(1) } else { last };
            if records.is_empty() || !more {
                self.from.store(passed, Ordering::Relaxed);
            }
            if !records.is_empty() || !more {
                return Ok(records);
            }
        }
    }
}

fn shrinks(record: &Record) -> bool {
    matches!(record.job.state, JobState::Succeeded { .. }) && record::compact(&record.job).is_some()
}
