//! The jobs that this worker is at: where records are away, nothing else tells of two copies of one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use common::job::JobId;

use super::claim::Arrival;

/// How many copies of each job are in.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<HashMap<JobId, u32>>);

/// A copy that is in; out when dropped.
pub(super) struct Entry<'a> {
    under_way: &'a UnderWay,
    job: JobId,
    first: bool,
}

impl UnderWay {
    /// Lets a copy in.
    pub(super) fn enter(&self, job: &JobId) -> Entry<'_> {
        let mut copies = self.copies();
        let count = copies.entry(job.clone()).or_default();
        *count += 1;
        Entry { under_way: self, job: job.clone(), first: *count == 1 }
    }

    fn copies(&self) -> MutexGuard<'_, HashMap<JobId, u32>> {
        self.0.lock().expect("nothing panics holding it")
    }
}

impl Entry<'_> {
    /// A copy that meets another is a second delivery, whatever the queue says.
    pub(super) fn arrival(&self, said: Arrival) -> Arrival {
        if self.first { said } else { Arrival::Again }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut copies = self.under_way.copies();
        if let Some(count) = copies.get_mut(&self.job) {
            *count -= 1;
            if *count == 0 {
                copies.remove(&self.job);
            }
        }
    }
}
