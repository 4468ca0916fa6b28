//! Recording how an attempt ended, so that a crash between any two lines is made good by the next delivery.

use std::time::Duration;

use common::account::GuestLimit;
use common::job::{Conference, Effect, EventResult, Failure, Pause, Refusal, Step, Tally};
use common::message::{Message, Work};
use common::port::{Change, Lane, QueueError, StoreError};
use common::seal::Sealed;
use common::time::{minutes, until};

use super::judge::BLOCKED_RECHECK;
use super::{Attempts, Conclusion, Held, STORAGE_PAUSE, Verdict};
use crate::conference;
use crate::metrics;
use crate::retry::Deferral;

/// An outcome that could not be recorded is tried again after so long.
const UNRECORDED: Duration = minutes(2);

/// How a job comes back.
pub(super) struct Return {
    pub(super) pause: Pause,
    pub(super) delay: Duration,
    pub(super) tally: Tally,
}

/// What came of recording a success.
pub(super) enum Recorded {
    /// The attempt is over.
    Ended(Verdict),
    /// The caller has taken the job back: the event must go.
    TakenBack,
}

impl Attempts {
    pub(super) async fn conclude(&self, held: &Held<'_>, conclusion: Conclusion) -> Verdict {
        let now = self.ports.clock.now();
        let tally = held.job.tally;
        match conclusion {
            Conclusion::Succeeded(result) => self.succeed(held, result).await,
            Conclusion::Failed { kind, effect } => {
                let failure =
                    Failure { kind, google_status: None, google_reason: None, effect, detail: None };
                self.record_failure(held, failure).await
            }
            Conclusion::Cancelled => {
                let step = Step::ConfirmCancelled(held.mark.claim().clone());
                self.record_end(held, step).await
            }
            Conclusion::Wait { why, until: then } => {
                let tally = Self::waited(tally, Deferral::NotDue);
                let pause = Pause::Waiting { why, until: then };
                self.come_back(held, Return { pause, delay: until(now, then), tally }).await
            }
            Conclusion::Block { why, until: then } => {
                metrics::deferred(Deferral::Blocked);
                let delay = then.map_or(BLOCKED_RECHECK, |then| until(now, then));
                self.come_back(held, Return { pause: Pause::Blocked { why, until: then }, delay, tally })
                    .await
            }
        }
    }

    async fn succeed(&self, held: &Held<'_>, result: EventResult) -> Verdict {
        let pending = result.conference == Conference::Pending;
        let sealed = match self.open(&held.job).await {
            Ok(Some(writing)) => {
                let over = |limit: GuestLimit| limit.until <= self.ports.clock.now();
                if writing.account.guest_limit.is_some_and(over) && writing.payload.event.guests() > 0 {
                    // Google invites for this user again. A success from before the limit says nothing.
                    if let Err(error) = self.ports.accounts.limit_guests(&held.job.account, None).await {
                        tracing::warn!("A guest limit that is over could not be lifted: {error}");
                    }
                }
                writing.key.seal(held.job.id.as_str(), &result)
            }
            // The event stands; the next delivery finds it and can say so.
            Ok(None) | Err(_) => return self.hand_back_unrecorded(held).await,
        };
        if pending {
            let follow_up = Message { work: Work::Conference { looks: 0 }, ..held.message.clone() };
            if let Err(error) = self.ports.queue.publish(&follow_up, Lane::Due, conference::FIRST_LOOK).await
            {
                tracing::warn!("A later look at a conference could not be planned: {error}");
            }
        }
        match self.record_success(held.message, sealed).await {
            Recorded::Ended(verdict) => verdict,
            Recorded::TakenBack => {
                // A cancellation came while the event was being created: the next delivery takes the
                // event back, as an attempt of its own.
                self.release(held).await;
                Verdict::PutBack
            }
        }
    }

    /// Records a success, unless the job was taken back meanwhile.
    pub(super) async fn record_success(&self, message: &Message, result: Sealed<EventResult>) -> Recorded {
        let now = self.ports.clock.now();
        let step = Step::Succeed(result.clone());
        let mut change = self.ports.store.take(&message.job, &step, now).await;
        if let Ok(Change::Refused(Refusal::Unknown)) = change {
            change = match self.ports.store.restore(&message.rebuild(now)).await {
                Ok(_) => self.ports.store.take(&message.job, &step, now).await,
                Err(error) => Err(error),
            };
        }
        match change {
            Ok(Change::Taken(job)) => {
                metrics::succeeded();
                metrics::finished(&job);
                Recorded::Ended(Verdict::Done)
            }
            Ok(Change::Refused(Refusal::CancelRequested)) => Recorded::TakenBack,
            Ok(Change::Refused(_)) => Recorded::Ended(Verdict::Done),
            Err(error) => {
                tracing::error!("A success could not be recorded, it travels with its message: {error}");
                let carrying =
                    Message { outcome: Some(result), hop: message.hop.saturating_add(1), ..message.clone() };
                match self.ports.queue.publish(&carrying, Lane::Due, UNRECORDED).await {
                    Ok(()) => Recorded::Ended(Verdict::Done),
                    Err(error) => Recorded::Ended(self.queue_failed(&error).await),
                }
            }
        }
    }

    pub(super) async fn record_failure(&self, held: &Held<'_>, failure: Failure) -> Verdict {
        self.record_end(held, Step::Fail(held.mark.claim().clone(), failure)).await
    }

    async fn record_end(&self, held: &Held<'_>, step: Step) -> Verdict {
        match self.ports.store.take(&held.job.id, &step, self.ports.clock.now()).await {
            Ok(Change::Taken(job)) => {
                metrics::finished(&job);
                Verdict::Done
            }
            Ok(Change::Refused(_)) => Verdict::Done,
            Err(error) => self.store_failed(&error).await,
        }
    }

    /// Publishes the message that brings the job back, then records where the job stands until then.
    pub(super) async fn come_back(&self, held: &Held<'_>, back: Return) -> Verdict {
        let now = self.ports.clock.now();
        let hop = held.message.hop.max(held.job.hop).saturating_add(1);
        let effect: Effect = held.effect();
        let message = Message { hop, effect, tally: back.tally, ..held.message.clone() };
        // A job that waits is back in time to expire.
        let delay = if held.job.not_after > now {
            back.delay.min(until(now, held.job.not_after))
        } else {
            back.delay
        };
        if let Err(error) = self.ports.queue.publish(&message, Lane::Due, delay).await {
            self.release(held).await;
            return self.queue_failed(&error).await;
        }
        let step = Step::Postpone {
            claim: held.mark.claim().clone(),
            pause: back.pause,
            tally: back.tally,
            effect,
            hop,
        };
        match self.ports.store.take(&held.job.id, &step, now).await {
            // Taken back during a write that was then refused: there is nothing to undo.
            Ok(Change::Taken(job)) if job.cancel_requested && job.effect == Effect::None => {
                self.record_end(held, Step::Cancel).await
            }
            Ok(Change::Taken(_) | Change::Refused(_)) => Verdict::Done,
            Err(error) => {
                tracing::warn!("Where a job waits could not be recorded, its message knows: {error}");
                Verdict::Done
            }
        }
    }

    async fn hand_back_unrecorded(&self, held: &Held<'_>) -> Verdict {
        self.release(held).await;
        self.ports.clock.sleep(STORAGE_PAUSE).await;
        Verdict::PutBack
    }

    async fn store_failed(&self, error: &StoreError) -> Verdict {
        tracing::error!("A delivery is handed back: {error}");
        self.ports.clock.sleep(STORAGE_PAUSE).await;
        Verdict::PutBack
    }

    pub(crate) async fn queue_failed(&self, error: &QueueError) -> Verdict {
        tracing::error!("A delivery is handed back: {error}");
        self.ports.clock.sleep(STORAGE_PAUSE).await;
        Verdict::PutBack
    }
}
