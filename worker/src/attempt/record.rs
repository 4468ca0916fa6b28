//! Recording how an attempt ended, so that a crash between any two lines is made good by the next delivery.

use std::time::Duration;

use common::deadline::in_time;
use common::jitter::{lengthened_by, shortened_by};
use common::job::{Effect, Failure, Pause, Place, Step, Tally, WaitReason};
use common::message::{Message, News};
use common::port::{Change, Lane};
use common::random;
use common::time::{minutes, until};
use notices::told_of;

use super::judge::blocked_recheck;
use super::lease::Arrival;
use super::{Attempts, Conclusion, Held, LONG_AGO, Verdict};
use crate::attempt_error::AttemptError;
use crate::metrics;
use crate::retry::Deferral;

/// An end that could not be recorded is tried again after so long. It is one of the queue's own delays: a wait in between
/// would be published up to ten times, each time that it is tried. Ends stay as far apart as their attempts were.
pub(super) const UNRECORDED: Duration = minutes(2);

/// How a job comes back.
pub(super) struct Return {
    pub(super) pause: Pause,
    pub(super) delay: Duration,
    pub(super) tally: Tally,
}

impl Attempts {
    pub(super) async fn conclude(&self, held: &Held<'_>, conclusion: Conclusion) -> Verdict {
        let now = self.ports.clock.now();
        let tally = held.job.tally;
        match conclusion {
            Conclusion::Succeeded(success) => self.succeed(held, success).await,
            Conclusion::Stands(success) => self.stand(held, success).await,
            Conclusion::Failed { kind, effect } => {
                let failure =
                    Failure { kind, google_status: None, google_reason: None, effect, detail: None };
                self.record_failure(held, failure).await
            }
            Conclusion::Cancelled => {
                // Where that cannot be recorded the job comes back. Its effect has the vault asked whether it was taken
                // back, and Google once more; no write is on its way any more.
                let carrying = Message {
                    effect: Effect::Unknown,
                    write_began_at: Some(LONG_AGO),
                    ..held.next_message()
                };
                self.record_end(held, Step::ConfirmCancelled(held.hold.lease().clone()), carrying).await
            }
            Conclusion::Wait { why, until: then } => {
                let tally = Self::waited(tally, Deferral::NotDue);
                let pause = Pause::Waiting { why, until: then };
                self.come_back(held, Return { pause, delay: until(now, then), tally }).await
            }
            Conclusion::Block { why, until: then } => {
                metrics::deferred(Deferral::Blocked);
                let delay = then.map_or_else(blocked_recheck, |then| {
                    // Every blocked job of the account was told the same instant.
                    lengthened_by(until(now, then), random::fraction())
                });
                self.come_back(held, Return { pause: Pause::Blocked { why, until: then }, delay, tally })
                    .await
            }
        }
    }

    /// Copies the job to the dead letters and records its failure.
    pub(super) async fn record_failure(&self, held: &Held<'_>, failure: Failure) -> Verdict {
        let letter = Message {
            failure: Some(failure.clone()),
            effect: failure.effect,
            tally: held.job.tally,
            progress: held.calls.progress(),
            ..held.message.clone()
        };
        if self.publish(&letter, held.keys(), Lane::Dead, Duration::ZERO).await.is_err() {
            return self.hand_back(held).await;
        }
        if self.tell(told_of(letter, &held.job), held.keys(), News::Failed).await.is_err() {
            return self.hand_back(held).await;
        }
        self.record_failed(held, failure).await
    }

    /// Records a failure that its message has carried here; its dead letter has been kept.
    pub(super) async fn record_carried_failure(&self, message: &Message, failure: &Failure) -> Verdict {
        // Nothing is run, so no other attempt stands in the way.
        match self.lease(message, Arrival::First).await {
            Ok(held) => self.record_failed(&held, failure.clone()).await,
            Err(verdict) => verdict,
        }
    }

    async fn record_failed(&self, held: &Held<'_>, failure: Failure) -> Verdict {
        let carrying =
            Message { failure: Some(failure.clone()), effect: failure.effect, ..held.next_message() };
        self.record_end(held, Step::Fail(held.hold.lease().clone(), failure), carrying).await
    }

    /// Records an end. Where that cannot be done now the message `carrying` it comes back.
    pub(super) async fn record_end(&self, held: &Held<'_>, step: Step, carrying: Message) -> Verdict {
        let mut failures = 0;
        loop {
            match held.hold.take(&step).await {
                Ok(Change::Taken(job)) => {
                    metrics::finished(&job);
                    return Verdict::Done;
                }
                Ok(Change::Refused(_)) => return Verdict::Done,
                Err(trouble) => tracing::debug!(
                    job.id = %held.job.id,
                    "The end of job {} travels with its message: {}", held.job.id, trouble.summary()
                ),
            }
            let Err(error) = self.publish_once(&carrying, held.keys(), Lane::Due, UNRECORDED).await else {
                return Verdict::Done;
            };
            failures += 1;
            if self.keep_trying(failures, &error).await.is_err() {
                return self.hand_back(held).await;
            }
        }
    }

    /// Publishes the message that brings the job back, then records where the job stands until then.
    pub(super) async fn come_back(&self, held: &Held<'_>, back: Return) -> Verdict {
        let now = self.ports.clock.now();
        let told = match back.pause {
            Pause::Blocked { why, .. } => Some(why),
            Pause::Queued | Pause::Waiting { .. } => None,
        };
        if told.is_some() {
            // It joins its account's line again once it can be done.
            held.hold.stand(held.hold.turn().map(|turn| turn.at(Place::Outside)));
        }
        let message = Message { tally: back.tally, told, ..held.next_message() };
        if let Some(why) = told.filter(|_| held.message.told != told)
            && self
                .tell(told_of(message.clone(), &held.job), held.keys(), News::Blocked { why })
                .await
                .is_err()
        {
            return self.hand_back(held).await;
        }
        let delay = self.delay(held, &back, now);
        if self.publish(&message, held.keys(), Lane::Due, delay).await.is_err() {
            return self.hand_back(held).await;
        }
        let step = Step::Postpone {
            lease: held.hold.lease().clone(),
            pause: back.pause,
            tally: back.tally,
            effect: message.effect,
            hop: message.hop,
            turn: message.turn,
        };
        if let Err(trouble) = self.let_go(held, &step).await {
            tracing::debug!(
                job.id = %held.job.id,
                "Where job {} waits is known to its message alone: {}", held.job.id, trouble.summary()
            );
        }
        Verdict::Done
    }

    /// Takes the step that ends the hold, and with it the job where it was taken back and nothing was written.
    async fn let_go(&self, held: &Held<'_>, step: &Step) -> Result<(), AttemptError> {
        if let Change::Taken(job) = held.hold.take(step).await?
            && job.is_finished()
        {
            metrics::finished(&job);
            self.leave_line(&job).await;
        }
        Ok(())
    }

    fn delay(&self, held: &Held<'_>, back: &Return, now: jiff::Timestamp) -> Duration {
        let until_woken = match &back.pause {
            Pause::Blocked { until: None, .. } => self.records.were_away_lately(),
            Pause::Blocked { until: Some(_), .. } | Pause::Waiting { .. } | Pause::Queued => false,
        };
        // No worker wakes a job that no record tells of. Jobs that wait for one user began together.
        let delay = if until_woken {
            back.delay.min(shortened_by(UNRECORDED, random::fraction()))
        } else {
            back.delay
        };
        if held.job.not_after <= now {
            return delay;
        }
        match back.pause {
            // It may yet be done: it is back in time for that.
            Pause::Waiting { why: WaitReason::Quota, .. } => in_time(delay, held.job.not_after, now),
            // A job that waits is back in time to expire.
            Pause::Waiting {
                why: WaitReason::Retry | WaitReason::Schedule | WaitReason::Operator, ..
            }
            | Pause::Blocked { .. }
            | Pause::Queued => delay.min(until(now, held.job.not_after)),
        }
    }

    /// Gives the job back unfinished, without counting anything.
    pub(super) async fn hand_back(&self, held: &Held<'_>) -> Verdict {
        self.release(held).await;
        Verdict::PutBack
    }

    /// Lets go of the job; its message is still to come.
    pub(super) async fn release(&self, held: &Held<'_>) {
        let step = Step::Postpone {
            lease: held.hold.lease().clone(),
            pause: Pause::Queued,
            tally: held.job.tally,
            effect: held.effect(),
            hop: held.job.hop,
            turn: held.hold.turn(),
        };
        if let Err(trouble) = self.let_go(held, &step).await {
            tracing::debug!("A claim could not be released, it ends by itself: {}", trouble.summary());
        }
    }
}
