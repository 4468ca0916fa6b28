//! Writes what is remembered into the store, once it is back.

use std::time::Duration;

use common::backoff::Schedule;
use common::job::Job;
use common::port::StoreError;
use common::random;
use futures_util::future::join_all;
use tracing::{info, warn};

use super::Ledger;
use super::reconcile::{is_settled, lacks, record};

/// How often it is tried: soon, because callers ask for their jobs, and never all ingresses at once.
const TRIES: Schedule = Schedule { first: Duration::from_millis(500), longest: Duration::from_secs(2) };
/// Never more often than this.
const BREATH: Duration = Duration::from_millis(50);
/// So many records are written at once.
const BATCH: usize = 64;
/// The last try, at the end of the process, takes no longer.
const LAST_TRY: Duration = Duration::from_secs(2);

impl Ledger {
    /// Writes down whatever is remembered, as soon as the store takes it; never ends. Cancel safe:
    /// a job is forgotten only once it is written.
    pub async fn write_down(&self) {
        let mut failures: u32 = 0;
        loop {
            self.memory.filled().await;
            match self.write_batch().await {
                Ok(0) => failures = 1,
                Ok(_) => {
                    failures = 0;
                    self.tell_when_done();
                    continue;
                }
                Err(_) => failures = failures.saturating_add(1),
            }
            let fraction = random::fraction();
            self.clock.sleep(BREATH + TRIES.jittered(failures, fraction)).await;
        }
    }

    /// Removes the records of jobs that the queue refused, as soon as the store takes it; never ends.
    pub async fn remove_refused(&self) {
        let mut failures: u32 = 0;
        loop {
            self.refused.filled().await;
            failures = match self.remove_batch().await {
                Ok(()) => 0,
                Err(_) => failures.saturating_add(1),
            };
            let fraction = random::fraction();
            self.clock.sleep(BREATH + TRIES.jittered(failures, fraction)).await;
        }
    }

    async fn remove_batch(&self) -> Result<(), StoreError> {
        for (id, state) in self.refused.some(BATCH) {
            // One that stands otherwise is another request's by now, or was cancelled.
            let stored = self.reach.noted(self.store.get(&id).await)?;
            if stored.is_some_and(|stored| stored.state == state) {
                self.reach.noted(self.store.withdraw(&id).await)?;
            }
            self.refused.settled(&id, &state);
        }
        Ok(())
    }

    /// Tries once more, at the end of the process, and tells what remains.
    pub async fn close(&self) {
        let writing = async {
            while let Ok(1..) = self.write_batch().await {}
            while self.refused.count() > 0 && self.remove_batch().await.is_ok() {}
        };
        // What the store took before the time was over is written; the rest is counted below.
        let _ = tokio::time::timeout(LAST_TRY, writing).await;
        let refused = self.refused.count();
        if refused > 0 {
            warn!(
                jobs = refused,
                "The records of {refused} jobs that the queue refused could not be removed; workers may do these jobs"
            );
        }
        let left = self.memory.count();
        if left > 0 {
            warn!(
                jobs = left,
                "{left} jobs were accepted while the job store was away and have no record yet; their messages are in the queue, and workers rebuild the records from them"
            );
        }
    }

    /// Writes some of the oldest jobs; answers how many.
    async fn write_batch(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let jobs = self.memory.oldest(BATCH, |job| is_settled(job, now));
        let written: Result<Vec<()>, StoreError> =
            join_all(jobs.iter().map(|job| self.write(job))).await.into_iter().collect();
        written.map(|written| written.len())
    }

    async fn write(&self, job: &Job) -> Result<(), StoreError> {
        let stored = self.reach.noted(self.store.restore(&record(job)).await)?;
        if !stored.fingerprint.is_same_request(&job.fingerprint) {
            warn!(job.id = %job.id, "Job {} was accepted twice, with different bodies under one key", job.id);
        }
        if let Some(step) = lacks(&stored, job) {
            // Refused when it is no longer needed.
            self.take_counted(&job.id, &step).await?;
        }
        self.memory.written(job);
        Ok(())
    }

    fn tell_when_done(&self) {
        if self.memory.count() > 0 {
            return;
        }
        info!("Every job that is remembered has its record now");
        let crowded_out = self.memory.crowded_out();
        if crowded_out > 0 {
            warn!(
                jobs = crowded_out,
                "{crowded_out} jobs more were accepted without a record; workers write theirs when they meet the messages"
            );
        }
    }
}
