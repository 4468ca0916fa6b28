//! The first value of an attempt: a job that this worker has leased.

use std::sync::{Arc, OnceLock};

use common::job::{Effect, Job, Pause, Step};
use common::message::{Message, Work};
use common::port::Change;
use common::time::until;
use jiff::Timestamp;

use super::turn::leave_line;
use super::{Attempts, Verdict};
use crate::attempt_error::AttemptError;
use crate::calls::Calls;
use crate::guests::GuestProbe;
use crate::hold::Hold;
use crate::metrics;

/// When a write began that no record and no message tells of: whether there was one is unknown, and Google is asked
/// once.
pub(super) const LONG_AGO: Timestamp = Timestamp::UNIX_EPOCH;

/// A job that this worker holds, with everything that is known about it.
pub(super) struct Leased<'a> {
    pub(super) message: &'a Message,
    pub(super) job: Arc<Job>,
    pub(super) hold: Hold,
    pub(super) calls: Calls,
    /// Kept until what came of it is known to the account.
    pub(super) probe: OnceLock<GuestProbe>,
}

impl Leased<'_> {
    /// Counts how long the job has waited for its first attempt, which this is.
    pub(super) fn count_wait(&self) {
        let job = &self.job;
        if job.tally.attempts + job.tally.deferrals == 0 {
            metrics::queue_wait(until(job.could_start_at(), job.updated_at));
        }
    }

    /// What is known of the write by now.
    pub(super) fn effect(&self) -> Effect {
        self.hold.effect()
    }

    /// The message that comes after the present one.
    pub(super) fn next_message(&self) -> Message {
        // Without a time the next attempt would take what is only doubted for a write that has just begun.
        let doubted = (self.effect() == Effect::Unknown).then_some(LONG_AGO);
        Message {
            hop: self.message.hop.max(self.job.hop).saturating_add(1),
            reopened: self.job.reopened,
            effect: self.effect(),
            write_began_at: self.hold.write_began_at().or(doubted),
            tally: self.job.tally,
            work: Work::Create,
            conference_refused: self.hold.conference_refused().cloned(),
            turn: self.hold.turn(),
            progress: self.calls.progress(),
            ..self.message.clone()
        }
    }

    /// Gives the job back unfinished, without counting anything.
    pub(super) async fn hand_back(&self, attempts: &Attempts) -> Verdict {
        self.release(attempts).await;
        Verdict::PutBack
    }

    /// Lets go of the job; its message is still to come.
    pub(super) async fn release(&self, attempts: &Attempts) {
        let step = Step::Postpone {
            lease: self.hold.lease().clone(),
            pause: Pause::Queued,
            tally: self.job.tally,
            effect: self.effect(),
            hop: self.job.hop,
            turn: self.hold.turn(),
        };
        if let Err(trouble) = self.let_go(attempts, &step).await {
            tracing::debug!("A claim could not be released, it ends by itself: {}", trouble.summary());
        }
    }

    /// Takes the step that ends the hold, and with it the job where it was taken back and nothing was written.
    pub(super) async fn let_go(&self, attempts: &Attempts, step: &Step) -> Result<(), AttemptError> {
        if let Change::Taken(job) = self.hold.take(step).await?
            && job.is_finished()
        {
            metrics::finished(&job);
            leave_line(attempts, &job).await;
        }
        Ok(())
    }
}
