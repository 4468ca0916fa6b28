//! The jobs that this worker is at: where records are away, nothing else tells of two copies of one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use common::job::JobId;
use tokio::sync::watch;

use super::lease::Arrival;

/// The copies of each job that are in.
#[derive(Default)]
pub(super) struct UnderWay {
    copies: Mutex<HashMap<JobId, Vec<Copy>>>,
    /// Told when a copy has left.
    left: watch::Sender<()>,
}

struct Copy {
    hop: u32,
}

/// A copy that is in; out when dropped.
pub(super) struct Entry<'a> {
    under_way: &'a UnderWay,
    job: JobId,
    hop: u32,
    /// The highest hop among the copies that were in before.
    before: Option<u32>,
}

impl UnderWay {
    /// Lets a copy in.
    pub(super) fn enter(&self, job: &JobId, hop: u32) -> Entry<'_> {
        let mut copies = self.copies();
        let there = copies.entry(job.clone()).or_default();
        let before = there.iter().map(|copy| copy.hop).max();
        there.push(Copy { hop });
        Entry { under_way: self, job: job.clone(), hop, before }
    }

    fn copies(&self) -> MutexGuard<'_, HashMap<JobId, Vec<Copy>>> {
        self.copies.lock().expect("nothing panics holding it")
    }
}

impl Entry<'_> {
    /// A copy that meets another is a second delivery, whatever the queue says. One that comes after the other does
    /// not meet it: who has published it makes no more calls.
    pub(super) fn arrival(&self, said: Arrival) -> Arrival {
        if self.before.is_none_or(|before| before < self.hop) { said } else { Arrival::Again }
    }

    /// Waits until the copies that this one comes after have left: their lease is about to be recorded as over.
    pub(super) async fn after_the_others(&self) {
        if self.before.is_none_or(|before| before >= self.hop) {
            return;
        }
        let mut left = self.under_way.left.subscribe();
        let over = |_: &()| {
            self.under_way
                .copies()
                .get(&self.job)
                .is_none_or(|there| there.iter().all(|copy| copy.hop >= self.hop))
        };
        // The sender lives as long as this.
        let _ = left.wait_for(over).await;
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        {
            let mut copies = self.under_way.copies();
            if let Some(there) = copies.get_mut(&self.job) {
                if let Some(mine) = there.iter().position(|copy| copy.hop == self.hop) {
                    there.swap_remove(mine);
                }
                if there.is_empty() {
                    copies.remove(&self.job);
                }
            }
        }
        self.under_way.left.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_copy_of_a_job_is_a_second_delivery_and_its_successor_is_not() {
        let (under_way, job) = (UnderWay::default(), JobId::random());
        let first = under_way.enter(&job, 3);
        assert_eq!(first.arrival(Arrival::First), Arrival::First);
        for (hop, arrival) in [(2, Arrival::Again), (3, Arrival::Again), (4, Arrival::First)] {
            assert_eq!(under_way.enter(&job, hop).arrival(Arrival::First), arrival, "{hop}");
        }
        assert_eq!(under_way.enter(&job, 4).arrival(Arrival::Again), Arrival::Again, "the queue said so");
        drop(first);
        assert_eq!(under_way.enter(&job, 3).arrival(Arrival::First), Arrival::First);
    }

    #[test]
    fn a_successor_waits_for_the_one_before_and_nobody_else_waits() {
        let (under_way, job) = (UnderWay::default(), JobId::random());
        let first = under_way.enter(&job, 3);
        let successor = under_way.enter(&job, 4);
        assert!(under_way.enter(&job, 3).after_the_others().now_or_never().is_some());
        assert!(under_way.enter(&JobId::random(), 4).after_the_others().now_or_never().is_some());
        let mut waiting = Box::pin(successor.after_the_others());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        assert!(waiting.as_mut().now_or_never().is_some());
    }
}
