//! Recording how an attempt ended, so that a crash between any two lines is made good by the next delivery.

use std::time::Duration;

use common::deadline::in_time;
use common::jitter::{lengthened_by, shortened_by};
use common::job::{Effect, Failure, Pause, Place, Step, Tally, WaitReason};
use common::message::{End, Message, News, Work};
use common::port::{Change, Lane};
use common::random;
use common::seal::Keyring;
use common::time::{minutes, until};
use notices::told_of;

use super::judge::blocked_recheck;
use super::lease::{Arrival, lease};
use super::leased::{LONG_AGO, Leased};
use super::publishing::{Abandoned, keep_trying, publish, publish_once};
use super::telling::tell;
use super::{Attempts, Conclusion, Verdict};
use crate::metrics;
use crate::retry::Deferral;

/// An end that could not be recorded is tried again after so long. It is one of the queue's own delays: a wait in between
/// would be published up to ten times, each time that it is tried. Ends stay as far apart as their attempts were.
pub(super) const UNRECORDED: Duration = minutes(2);

/// How a job comes back.
#[derive(Debug)]
pub(super) struct Return {
    pub(super) pause: Pause,
    pub(super) delay: Duration,
    pub(super) tally: Tally,
}

/// An attempt of which it is settled what becomes of its job.
pub(super) struct Settled<'a> {
    pub(super) leased: Leased<'a>,
    /// The account's seal keys, if the attempt has read the account.
    pub(super) keys: Option<Keyring>,
    pub(super) conclusion: Conclusion,
}

impl Settled<'_> {
    /// Publishes what must be published, records how the attempt ended, and says what to tell the queue.
    pub(super) async fn record(self, attempts: &Attempts) -> Verdict {
        let Self { leased, keys, conclusion } = self;
        let recording = Recording { attempts, leased: &leased, keys: keys.as_ref() };
        recording.or_hand_back(recording.conclude(conclusion).await).await
    }
}

/// What recording takes.
pub(super) struct Recording<'a> {
    pub(super) attempts: &'a Attempts,
    pub(super) leased: &'a Leased<'a>,
    pub(super) keys: Option<&'a Keyring>,
}

impl Recording<'_> {
    /// Hands the job back where the queue has not taken what must be published first.
    async fn or_hand_back(&self, recorded: Result<Verdict, Abandoned>) -> Verdict {
        match recorded {
            Ok(verdict) => verdict,
            Err(Abandoned) => self.leased.hand_back(self.attempts).await,
        }
    }

    async fn conclude(&self, conclusion: Conclusion) -> Result<Verdict, Abandoned> {
        let now = self.attempts.ports.clock.now();
        let tally = self.leased.job.tally;
        match conclusion {
            Conclusion::Succeeded(success) => self.succeed(success).await,
            Conclusion::Stands(success) => self.stand(success).await,
            Conclusion::Failed(failure) => self.failure(failure).await,
            Conclusion::Cancelled => {
                // Where that cannot be recorded the job comes back. Its effect has the vault asked whether it was taken
                // back, and Google once more; no write is on its way any more.
                let carrying = Message {
                    effect: Effect::Unknown,
                    write_began_at: Some(LONG_AGO),
                    ..self.leased.next_message()
                };
                self.end(Step::ConfirmCancelled(self.leased.hold.lease().clone()), carrying).await
            }
            Conclusion::Wait { why, until: then } => {
                metrics::deferred(Deferral::NotDue);
                let pause = Pause::Waiting { why, until: then };
                self.come_back(Return { pause, delay: until(now, then), tally: tally.deferred() }).await
            }
            Conclusion::Block { why, until: then } => {
                metrics::deferred(Deferral::Blocked);
                let delay = then.map_or_else(blocked_recheck, |then| {
                    // Every blocked job of the account was told the same instant.
                    lengthened_by(until(now, then), random::fraction())
                });
                self.come_back(Return { pause: Pause::Blocked { why, until: then }, delay, tally }).await
            }
            Conclusion::Return(back) => self.come_back(back).await,
            Conclusion::LetGo => Ok(Verdict::Done),
            Conclusion::HandBack => Ok(self.leased.hand_back(self.attempts).await),
        }
    }

    /// Copies the job to the dead letters and records its failure.
    async fn failure(&self, failure: Failure) -> Result<Verdict, Abandoned> {
        let letter = Message {
            work: Work::Record(End::Failed(failure.clone())),
            effect: failure.effect,
            tally: self.leased.job.tally,
            progress: self.leased.calls.progress(),
            ..self.leased.message.clone()
        };
        publish(self.attempts, &letter, self.keys, Lane::Dead, Duration::ZERO).await?;
        tell(self.attempts, told_of(letter, &self.leased.job), self.keys, News::Failed).await?;
        self.failed(failure).await
    }

    async fn failed(&self, failure: Failure) -> Result<Verdict, Abandoned> {
        let carrying = Message {
            work: Work::Record(End::Failed(failure.clone())),
            effect: failure.effect,
            ..self.leased.next_message()
        };
        self.end(Step::Fail(self.leased.hold.lease().clone(), failure), carrying).await
    }

    /// Records an end. Where that cannot be done now the message `carrying` it comes back.
    pub(super) async fn end(&self, step: Step, carrying: Message) -> Result<Verdict, Abandoned> {
        let mut failures = 0;
        loop {
            match self.leased.hold.take(&step).await {
                Ok(Change::Taken(job)) => {
                    metrics::finished(&job);
                    return Ok(Verdict::Done);
                }
                Ok(Change::Refused(_)) => return Ok(Verdict::Done),
                Err(trouble) => tracing::debug!(
                    job.id = %self.leased.job.id,
                    "The end of job {} travels with its message: {}", self.leased.job.id, trouble.summary()
                ),
            }
            let Err(error) = publish_once(self.attempts, &carrying, self.keys, Lane::Due, UNRECORDED).await
            else {
                return Ok(Verdict::Done);
            };
            failures += 1;
            keep_trying(self.attempts, failures, &error).await?;
        }
    }

    /// Publishes the message that brings the job back, then records where the job stands until then.
    async fn come_back(&self, back: Return) -> Result<Verdict, Abandoned> {
        let now = self.attempts.ports.clock.now();
        let told = match back.pause {
            Pause::Blocked { why, .. } => Some(why),
            Pause::Queued | Pause::Waiting { .. } => None,
        };
        if told.is_some() {
            // It joins its account's line again once it can be done.
            self.leased.hold.stand(self.leased.hold.turn().map(|turn| turn.at(Place::Outside)));
        }
        let message = Message { tally: back.tally, told, ..self.leased.next_message() };
        if let Some(why) = told.filter(|_| self.leased.message.told != told) {
            let told = told_of(message.clone(), &self.leased.job);
            tell(self.attempts, told, self.keys, News::Blocked { why }).await?;
        }
        let delay = self.delay(&back, now);
        publish(self.attempts, &message, self.keys, Lane::Due, delay).await?;
        let step = Step::Postpone {
            lease: self.leased.hold.lease().clone(),
            pause: back.pause,
            tally: back.tally,
            effect: message.effect,
            hop: message.hop,
            turn: message.turn,
        };
        if let Err(trouble) = self.leased.let_go(self.attempts, &step).await {
            tracing::debug!(
                job.id = %self.leased.job.id,
                "Where job {} waits is known to its message alone: {}", self.leased.job.id, trouble.summary()
            );
        }
        Ok(Verdict::Done)
    }

    fn delay(&self, back: &Return, now: jiff::Timestamp) -> Duration {
        let until_woken = match &back.pause {
            Pause::Blocked { until: None, .. } => self.attempts.records.were_away_lately(),
            Pause::Blocked { until: Some(_), .. } | Pause::Waiting { .. } | Pause::Queued => false,
        };
        // No worker wakes a job that no record tells of. Jobs that wait for one user began together.
        let delay = if until_woken {
            back.delay.min(shortened_by(UNRECORDED, random::fraction()))
        } else {
            back.delay
        };
        if self.leased.job.not_after <= now {
            return delay;
        }
        match back.pause {
            // It may yet be done: it is back in time for that.
            Pause::Waiting { why: WaitReason::Quota, .. } => in_time(delay, self.leased.job.not_after, now),
            // A job that waits is back in time to expire.
            Pause::Waiting {
                why: WaitReason::Retry | WaitReason::Schedule | WaitReason::Operator, ..
            }
            | Pause::Blocked { .. }
            | Pause::Queued => delay.min(until(now, self.leased.job.not_after)),
        }
    }
}

/// Records a failure that its message has carried here; its dead letter has been kept.
pub(super) async fn record_carried_failure(
    attempts: &Attempts,
    message: &Message,
    failure: &Failure,
) -> Verdict {
    // Nothing is run, so no other attempt stands in the way.
    match lease(attempts, message, Arrival::First).await {
        Ok(leased) => {
            let recording = Recording { attempts, leased: &leased, keys: None };
            recording.or_hand_back(recording.failed(failure.clone()).await).await
        }
        Err(verdict) => verdict,
    }
}
