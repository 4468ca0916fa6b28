//! Letting time pass without running ahead of whoever works.

use std::time::Duration;

use common::job::{JobId, StateName};
use common::port::{ListFilter, Page};

use super::Bench;
use crate::wait::eventually;

impl Bench {
    /// Lets time pass, a step at a time, until `done`. No attempt sees more than a step go by while
    /// it only waits for the disk.
    pub async fn pass_until(&self, what: &str, step: Duration, done: impl Fn() -> bool) {
        eventually(what, async || {
            if done() {
                return Some(());
            }
            self.step(step).await;
            None
        })
        .await;
    }

    /// Lets time pass until every one of these jobs has ended.
    pub async fn pass_until_ended(&self, step: Duration, ids: &[JobId]) {
        let mut left = ids.iter();
        let mut next = left.next();
        eventually("the end of every job", async || {
            while let Some(id) = next {
                let ended = self.store.behind().get(id).await.unwrap().is_some_and(|job| job.is_finished());
                if !ended {
                    self.step(step).await;
                    return None;
                }
                next = left.next();
            }
            Some(())
        })
        .await;
    }

    async fn step(&self, step: Duration) {
        if self.running_jobs().await == 0 || self.google.in_progress() == 0 {
            self.turn(step);
        }
    }

    async fn running_jobs(&self) -> usize {
        let filter = ListFilter { state: Some(StateName::Running), ..ListFilter::default() };
        self.store.behind().list(&filter, Page { after: None, limit: 1 }).await.unwrap().len()
    }
}
