//! Looking at jobs, and waiting for what becomes of them.

use std::time::Duration;

use common::job::{EventResult, Failure, Job, JobId, JobState};
use common::port::{Depth, JobQueue as _};

use super::Bench;
use crate::wait::eventually;

impl Bench {
    pub async fn job(&self, id: &JobId) -> Job {
        self.store.behind().get(id).await.unwrap().expect("a job that was accepted")
    }

    /// Waits until the job is as `like` says.
    pub async fn until(&self, what: &str, id: &JobId, like: impl Fn(&Job) -> bool) -> Job {
        eventually(what, async || self.store.behind().get(id).await.unwrap().filter(|job| like(job))).await
    }

    /// Waits until the job waits.
    pub async fn waiting(&self, id: &JobId) -> Job {
        self.until("waiting", id, |job| matches!(job.state, JobState::Waiting { .. })).await
    }

    /// Waits until the job is blocked.
    pub async fn blocked(&self, id: &JobId) -> Job {
        self.until("blocked", id, |job| matches!(job.state, JobState::Blocked { .. })).await
    }

    /// Waits until the job has ended.
    pub async fn ended(&self, id: &JobId) -> Job {
        self.until("the end of a job", id, |job| job.is_finished()).await
    }

    /// Waits for the job's success; answers what its caller is told.
    pub async fn succeeded(&self, id: &JobId) -> EventResult {
        let job = self.ended(id).await;
        self.result(&job).await
    }

    pub async fn result(&self, job: &Job) -> EventResult {
        let JobState::Succeeded { result } = &job.state else { panic!("{:?}", job.state) };
        let key = self.account(&job.account).await.seal_keys(self.accounts.ring()).unwrap();
        key.open(job.id.as_str(), result).unwrap()
    }

    /// Waits for the job's failure.
    pub async fn failed(&self, id: &JobId) -> Failure {
        let job = self.ended(id).await;
        let JobState::Failed(failure) = job.state.clone() else { panic!("{:?}", job.state) };
        failure
    }

    /// Waits for the job to end cancelled.
    pub async fn cancelled(&self, id: &JobId) {
        let job = self.ended(id).await;
        assert_eq!(job.state, JobState::Cancelled);
    }

    /// Waits until the job waits, and turns the clock to the instant at which it comes back.
    pub async fn come_due(&self, id: &JobId) -> Job {
        let job = self.waiting(id).await;
        self.clock.turn_to(job.next_attempt_at().expect("a waiting job says until when"));
        job
    }

    /// Waits until nothing is left to do at this hour; answers what is left for later.
    /// Waits until somebody is at everything that is due.
    pub async fn all_taken(&self) {
        eventually("everything in hand", async || {
            let depth = self.queue.depth().await.unwrap();
            (depth.fresh + depth.due == 0).then_some(())
        })
        .await;
    }

    pub async fn quiet(&self) -> Depth {
        eventually("quiet", async || {
            let depth = self.queue.depth().await.unwrap();
            (depth.fresh + depth.due + depth.taken == 0).then_some(depth)
        })
        .await
    }

    /// Waits until nobody is at anything and so many messages are left for later.
    pub async fn put_off(&self, messages: u64) {
        eventually("messages for later", async || {
            let depth = self.queue.depth().await.unwrap();
            (depth.delayed == messages && depth.fresh + depth.due + depth.taken == 0).then_some(())
        })
        .await;
    }

    /// Waits until so many messages are left for later, whatever else is under way.
    pub async fn delayed(&self, messages: u64) {
        eventually("messages for later", async || {
            (self.queue.depth().await.unwrap().delayed == messages).then_some(())
        })
        .await;
    }

    /// Waits for a call that hangs, and turns the clock to where its attempt is cut off.
    pub async fn cut_off(&self) {
        self.under_way(1).await;
        self.turn(Duration::from_secs(50));
    }

    /// Waits until so many calls to Google are under way.
    pub async fn under_way(&self, calls: usize) {
        eventually("calls under way", async || (self.google.in_progress() == calls).then_some(())).await;
    }
}
