//! Who watches which job.

use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::job::JobId;
use crate::port::Watch;
use crate::swept::Swept;

/// One channel for each watched job; channels nobody listens to any more are swept away.
#[derive(Default)]
pub struct Watchers(Mutex<Swept<JobId, broadcast::Sender<()>>>);

impl Watchers {
    /// The changes of `id` from now on.
    #[must_use]
    pub fn watch(&self, id: &JobId) -> Watch {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channels.make_room(|sender| sender.receiver_count() > 0);
        // One is enough: a receiver that missed some still learns that there was a change.
        let sender = channels.entries.entry(id.clone()).or_insert_with(|| broadcast::channel(1).0);
        Watch(sender.subscribe())
    }

    /// Tells those who watch `id` that it has changed.
    pub fn tell(&self, id: &JobId) {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = channels.entries.get(id)
            && sender.send(()).is_err()
        {
            channels.entries.remove(id);
        }
    }

    /// Tells everybody: any job may have changed unheard.
    pub fn tell_all(&self) {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channels.entries.retain(|_, sender| sender.send(()).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchers_that_went_away_leave_nothing_behind() {
        let watchers = Watchers::default();
        let kept: Vec<_> = (0..10).map(|_| watchers.watch(&JobId::random())).collect();
        for _ in 0..100_000 {
            drop(watchers.watch(&JobId::random()));
        }
        assert!(watchers.0.lock().unwrap().entries.len() <= 64);
        drop(kept);
    }

    #[test]
    fn telling_a_job_nobody_watches_any_more_removes_its_channel() {
        let watchers = Watchers::default();
        let id = JobId::random();
        let first = watchers.watch(&id);
        let mut second = watchers.watch(&id);
        drop(first);
        watchers.tell(&id);
        assert!(second.0.try_recv().is_ok());
        drop(second);
        watchers.tell(&id);
        assert!(watchers.0.lock().unwrap().entries.is_empty());
    }
}
