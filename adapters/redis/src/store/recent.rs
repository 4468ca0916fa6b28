//! The records that this process wrote last, for the steps that come soon.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

use super::record::Record;
use common::job::{Job, JobId, JobState};

/// Of each generation: well above what one process has in hand at once.
const MANY: usize = 2_000;

/// Two generations: when the younger one is full it takes the place of the older one, which is forgotten.
/// What is remembered may be outdated, never wrong: a write names the version it was worked out from.
#[derive(Default)]
pub(super) struct Recent(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<JobId, Record>,
    old: HashMap<JobId, Record>,
}

/// Whether this process is likely to take the next step too: who accepts a job hears whether it was
/// published, who starts it runs it.
pub(super) fn comes_soon(job: &Job) -> bool {
    match job.state {
        JobState::Accepting { .. } | JobState::Running(_) => true,
        JobState::Queued
        | JobState::Waiting { .. }
        | JobState::Blocked { .. }
        | JobState::Succeeded { .. }
        | JobState::Failed(_)
        | JobState::Cancelled => false,
    }
}

impl Recent {
    pub(super) fn keep(&self, record: Record) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.young.len() >= MANY {
            known.old = mem::take(&mut known.young);
        }
        known.young.insert(record.job.id.clone(), record);
    }

    /// The record, which is forgotten: after the next step it is another one.
    pub(super) fn take(&self, id: &JobId) -> Option<Record> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = known.old.remove(id);
        known.young.remove(id).or(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::sample;

    #[test]
    fn what_nobody_comes_back_for_is_forgotten() {
        let recent = Recent::default();
        let first = sample::job("o", "a");
        recent.keep(Record { version: String::new(), job: first.clone(), compact: false });
        for _ in 0..5 * MANY {
            recent.keep(Record { version: String::new(), job: sample::job("o", "a"), compact: false });
        }
        let known = recent.0.lock().unwrap();
        assert!(known.young.len() + known.old.len() <= 2 * MANY);
        drop(known);
        assert!(recent.take(&first.id).is_none());
    }

    #[test]
    fn the_younger_one_is_the_one_that_counts() {
        let recent = Recent::default();
        let job = sample::job("o", "a");
        recent.keep(Record { version: "older".to_owned(), job: job.clone(), compact: false });
        for _ in 0..MANY {
            recent.keep(Record { version: String::new(), job: sample::job("o", "a"), compact: false });
        }
        recent.keep(Record { version: "newer".to_owned(), job: job.clone(), compact: false });
        assert_eq!(recent.take(&job.id).unwrap().version, "newer");
        assert!(recent.take(&job.id).is_none());
    }
}
