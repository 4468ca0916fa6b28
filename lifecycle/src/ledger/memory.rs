//! The jobs that could not be recorded, until they can be: bounded, oldest first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::job::{Job, JobId};
use tokio::sync::Notify;

/// What a job takes beside its payload, in bytes; generous.
const BESIDE_THE_PAYLOAD: usize = 1024;

/// How much is remembered at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Jobs.
    pub(super) jobs: usize,
    /// Bytes, all jobs together.
    pub(super) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { jobs: 20_000, bytes: 64 * 1024 * 1024 }
    }
}

/// Remembers jobs. Beyond its bounds the oldest is forgotten: a message that the queue holds
/// rebuilds its record anyway, once a worker meets it.
#[derive(Default)]
pub(super) struct Memory {
    bounds: Bounds,
    kept: Mutex<Kept>,
    filled: Notify,
}

#[derive(Default)]
struct Kept {
    /// By age: a job that is remembered again keeps its place.
    jobs: BTreeMap<u64, Job>,
    places: HashMap<JobId, u64>,
    next: u64,
    bytes: usize,
    /// Jobs that had to make room.
    crowded_out: u64,
}

impl Memory {
    #[cfg(test)]
    fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a job that is being accepted, unless its id is known; answers what is known then.
    pub(super) fn begin(&self, job: &Job) -> Option<Job> {
        let mut kept = self.kept();
        if let Some(known) = kept.get(&job.id) {
            return Some(known.clone());
        }
        kept.put(job.clone(), self.bounds);
        drop(kept);
        self.filled.notify_one();
        None
    }

    /// Remembers a job as it is now. A wish to cancel it stays.
    pub(super) fn remember(&self, job: Job) {
        let mut kept = self.kept();
        let wish = kept.get(&job.id).is_some_and(|known| known.cancel_requested);
        let job = job.with_wish_to_cancel(wish);
        kept.put(job, self.bounds);
        drop(kept);
        self.filled.notify_one();
    }

    /// A remembered job.
    pub(super) fn get(&self, id: &JobId) -> Option<Job> {
        self.kept().get(id).cloned()
    }

    /// Notes that a remembered job's caller has taken it back; answers the job.
    pub(super) fn cancel(&self, id: &JobId) -> Option<Job> {
        let mut kept = self.kept();
        let place = kept.places.get(id).copied()?;
        let job = kept.jobs.get_mut(&place)?;
        *job = job.clone().with_wish_to_cancel(true);
        Some(job.clone())
    }

    pub(super) fn forget(&self, id: &JobId) {
        self.kept().remove(id);
    }

    /// Forgets a job that has been written down as it is here; one that has changed since stays.
    pub(super) fn written(&self, job: &Job) {
        let mut kept = self.kept();
        if kept.get(&job.id) == Some(job) {
            kept.remove(&job.id);
        }
    }

    /// The oldest jobs that `fit`, at most so many.
    pub(super) fn oldest(&self, most: usize, fit: impl Fn(&Job) -> bool) -> Vec<Job> {
        self.kept().jobs.values().filter(|job| fit(job)).take(most).cloned().collect()
    }

    /// How many jobs are remembered.
    pub(super) fn count(&self) -> usize {
        self.kept().jobs.len()
    }

    /// How many jobs there was no room for since this was last asked.
    pub(super) fn crowded_out(&self) -> u64 {
        std::mem::take(&mut self.kept().crowded_out)
    }

    /// Returns once something is remembered. Cancel safe; for one waiter.
    pub(super) async fn filled(&self) {
        while self.kept().jobs.is_empty() {
            // A job that came between the look and this has left its permit.
            self.filled.notified().await;
        }
    }
}

impl Kept {
    fn get(&self, id: &JobId) -> Option<&Job> {
        self.jobs.get(self.places.get(id)?)
    }

    fn put(&mut self, job: Job, bounds: Bounds) {
        let place = match self.places.get(&job.id) {
            Some(place) => *place,
            None => {
                self.next += 1;
                self.places.insert(job.id.clone(), self.next);
                self.next
            }
        };
        self.bytes += weight(&job);
        if let Some(before) = self.jobs.insert(place, job) {
            self.bytes -= weight(&before);
        }
        while self.jobs.len() > bounds.jobs || self.bytes > bounds.bytes {
            let Some((_, oldest)) = self.jobs.pop_first() else {
                return;
            };
            self.places.remove(&oldest.id);
            self.bytes -= weight(&oldest);
            self.crowded_out += 1;
        }
    }

    fn remove(&mut self, id: &JobId) {
        let job = self.places.remove(id).and_then(|place| self.jobs.remove(&place));
        self.bytes -= job.as_ref().map_or(0, weight);
    }
}

fn weight(job: &Job) -> usize {
    BESIDE_THE_PAYLOAD + job.payload.as_ref().map_or(0, common::seal::Sealed::size)
}

#[cfg(test)]
mod tests {
    use common::job::JobState;

    use super::*;
    use common::sample::states::job;

    fn full_of(jobs: usize) -> Memory {
        Memory::within(Bounds { jobs, ..Bounds::default() })
    }

    #[test]
    fn a_job_is_new_only_once() {
        let memory = Memory::default();
        let first = job(JobState::Queued);
        assert_eq!(memory.begin(&first), None);
        let again = first.with(|fields| fields.submitted_at = jiff::Timestamp::MAX);
        assert_eq!(memory.begin(&again), Some(first));
    }

    #[test]
    fn beyond_its_bounds_the_oldest_are_forgotten() {
        let memory = full_of(3);
        let jobs: Vec<Job> = (0..5).map(|_| job(JobState::Queued)).collect();
        jobs.iter().for_each(|job| memory.remember(job.clone()));
        // Remembered again: no newer for that.
        memory.remember(jobs[2].clone());
        assert_eq!(memory.oldest(9, |_| true), jobs[2..]);
        assert_eq!((memory.count(), memory.crowded_out(), memory.crowded_out()), (3, 2, 0));
        assert_eq!(memory.get(&jobs[1].id), None);
    }

    #[test]
    fn large_jobs_are_bounded_by_their_bytes_and_give_them_back() {
        let large = job(JobState::Queued);
        let two = 2 * weight(&large);
        let memory = Memory::within(Bounds { jobs: 100, bytes: two });
        let jobs: Vec<Job> = (0..3).map(|_| large.with(|fields| fields.id = JobId::random())).collect();
        jobs.iter().for_each(|job| memory.remember(job.clone()));
        assert_eq!(memory.oldest(9, |_| true), jobs[1..]);
        memory.remember(jobs[1].with(|fields| fields.payload = None));
        memory.forget(&jobs[1].id);
        memory.forget(&jobs[1].id);
        memory.written(&jobs[2]);
        assert_eq!((memory.count(), memory.kept().bytes), (0, 0));
    }

    #[test]
    fn what_changes_while_it_is_being_written_down_stays() {
        let memory = Memory::default();
        let job = job(JobState::Queued);
        memory.remember(job.clone());
        let cancelled = memory.cancel(&job.id).unwrap();
        assert!(cancelled.cancel_requested);
        memory.written(&job);
        assert_eq!(memory.get(&job.id), Some(cancelled.clone()));
        memory.remember(job.clone());
        assert_eq!(memory.get(&job.id), Some(cancelled.clone()), "the wish stays");
        memory.written(&cancelled);
        assert_eq!((memory.get(&job.id), memory.cancel(&job.id)), (None, None));
    }

    #[tokio::test]
    async fn whoever_waits_for_something_to_do_is_told() {
        let memory = Memory::default();
        let (filled, ()) = tokio::join!(memory.filled(), async {
            tokio::task::yield_now().await;
            memory.remember(job(JobState::Queued));
        });
        filled
    }
}
