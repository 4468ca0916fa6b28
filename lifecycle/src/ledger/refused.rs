//! Records of jobs that the queue refused, and that could not be removed then. They are removed as soon as the store
//! takes it: their callers were told that nothing was promised, and a worker would do such a job for lost in the end.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::job::{Job, JobId, JobState};
use tokio::sync::Notify;

/// So many are remembered at most. A store that is away for long takes no new records that could be left.
const MOST: usize = 20_000;

/// The records that are to go, each as it stood.
#[derive(Default)]
pub(super) struct RefusedJobs {
    left: Mutex<HashMap<JobId, JobState>>,
    came: Notify,
}

impl RefusedJobs {
    /// Remembers a record that is to go, unless there are too many; answers whether it does.
    pub(super) fn remember(&self, job: &Job) -> bool {
        let mut left = self.left();
        if left.len() >= MOST {
            return false;
        }
        left.insert(job.id.clone(), job.state.clone());
        drop(left);
        self.came.notify_one();
        true
    }

    /// A repeat of the request has the job's record now.
    pub(super) fn forget(&self, id: &JobId) {
        self.left().remove(id);
    }

    /// Forgets a record that is gone, or stands otherwise; one that was left anew since stays.
    pub(super) fn settled(&self, id: &JobId, state: &JobState) {
        let mut left = self.left();
        if left.get(id) == Some(state) {
            left.remove(id);
        }
    }

    /// Some of them.
    pub(super) fn some(&self, most: usize) -> Vec<(JobId, JobState)> {
        self.left().iter().take(most).map(|(id, state)| (id.clone(), state.clone())).collect()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.left().len()
    }

    /// Returns once there are any. Cancel safe; for one waiter.
    pub(super) async fn filled(&self) {
        while self.count() == 0 {
            // One that came between the look and this has left its permit.
            self.came.notified().await;
        }
    }

    fn left(&self) -> MutexGuard<'_, HashMap<JobId, JobState>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::sample::states::{at, job};

    #[test]
    fn one_too_many_is_told_and_makes_room_for_nobody() {
        let refused = RefusedJobs::default();
        let numbered = |number: usize| {
            let id = JobId::parse(&format!("{number:026x}")).expect("an id");
            job(JobState::Accepting { since: at(0) }).with(|fields| fields.id = id)
        };
        assert!((0..MOST).all(|number| refused.remember(&numbered(number))));
        assert!(!refused.remember(&numbered(MOST)));
        assert_eq!(refused.count(), MOST);
        refused.forget(&numbered(3).id);
        assert!(refused.remember(&numbered(MOST)));
    }
}
