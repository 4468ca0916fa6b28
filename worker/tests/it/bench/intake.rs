//! Jobs put in and taken back as the intake does it.

use std::time::Duration;

use common::job::{Asked, Job, JobId, Step};
use common::message::{Message, Work};
use common::port::{Accepted, Backlog, Change, JobQueue as _, JobStore as _, Lane, Shelf, Vault as _};
use common::time::{after, until};
use serde_json::json;

use super::Bench;
use crate::order::Order;

impl Bench {
    /// The job of an order that has just been asked for.
    pub async fn job_for(&self, order: &Order) -> Job {
        let account = self.account(&order.account).await;
        let key = account.seal_keys(self.accounts.ring()).unwrap();
        let id = JobId::random();
        let now = self.now();
        let start = order.not_before.map(|span| after(now, span));
        let asked = Asked {
            payload: key.seal(id.as_str(), &order.payload()),
            fingerprint: self.accounts.hash_key().fingerprint(id.as_str().as_bytes()),
            id,
            owner: common::owner::Owner::local(),
            account: order.account.clone(),
            not_before: start,
            not_after: after(now, order.not_after),
            trace: None,
            warnings: Vec::new(),
            turn: Some(order.turn()),
        };
        Job::accepting(asked, now)
    }

    /// Accepts a job.
    pub async fn submit(&self, order: Order) -> JobId {
        let job = self.job_for(&order).await;
        self.submit_job(job).await
    }

    /// Accepts a job that a test has changed.
    pub async fn submit_job(&self, job: Job) -> JobId {
        let account = self.account(&job.account).await;
        let line = self.settings.quotas.line_of(&account, job.turn);
        let outside = job.turn.is_some_and(|_| job.not_before.is_some_and(|start| start > self.now()));
        let line = if outside { line.only_looked_at() } else { line };
        let turn = job.turn.map(|turn| if outside { turn } else { turn.at(line.joined()) });
        let job = job.with(|fields| fields.turn = turn);
        let accepted = self.store.accept(&job, Backlog::default(), &line).await.unwrap();
        let Accepted::New { delay, .. } = accepted else { panic!("{accepted:?}") };
        let start = job.not_before.map_or(Duration::ZERO, |start| until(self.now(), start));
        let soon = start.is_zero() && delay <= Duration::from_secs(2);
        let (lane, delay) = if soon { (Lane::Fresh, Duration::ZERO) } else { (Lane::Due, delay.max(start)) };
        self.queue.publish(&message(&job), lane, delay).await.unwrap();
        self.store.take(&job.id, &Step::Enqueued, self.now()).await.unwrap();
        job.id.clone()
    }

    /// Publishes a message of a job that the store has never seen, or has lost.
    pub async fn publish_only(&self, job: &Job) {
        self.queue.publish(&message(job), Lane::Fresh, Duration::ZERO).await.unwrap();
    }

    /// Puts another copy of a job's message in a lane.
    pub async fn queue_copy(&self, job: &Job, lane: Lane) {
        self.queue.publish(&message(job), lane, Duration::ZERO).await.unwrap();
    }

    /// Puts any bytes in the queue, as another build might have written them.
    pub async fn publish_bytes(&self, bytes: &[u8]) {
        let queue = self.embedded.queue();
        queue.publish_bytes(None, bytes.to_vec(), Lane::Fresh, Duration::ZERO).await.unwrap();
    }

    /// Takes a job back while its record is away: the vault alone knows.
    pub async fn cancel_in_the_vault(&self, id: &JobId) {
        let vault = self.embedded.vault();
        vault.put(Shelf::Cancellations, id.as_str(), &json!({}), None).await.unwrap();
    }

    /// Takes a job back; answers how it stands then.
    pub async fn cancel(&self, id: &JobId) -> Job {
        self.cancel_in_the_vault(id).await;
        let change = self.store.take(id, &Step::Cancel, self.now()).await.unwrap();
        let Change::Taken(job) = change else { panic!("{change:?}") };
        if !job.is_finished() {
            self.queue.publish(&message(&job), Lane::Due, Duration::ZERO).await.unwrap();
        }
        *job
    }
}

/// The next message of a job.
pub fn message(job: &Job) -> Message {
    Message::next_for(job, Work::Create).expect("a job that has its payload")
}
