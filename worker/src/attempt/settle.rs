//! Ending a job that will not be tried again: where its effect is unknown, Google is asked first.

use common::job::{Effect, FailureKind};
use common::time::{after, hours};
use jiff::Timestamp;

use super::create::{Found, event_result};
use super::{Attempts, Conclusion, Held, Writing};
use crate::gateway::Request;
use crate::plan::Ending;
use crate::retry::Disposition;
use crate::trouble::Trouble;

impl Attempts {
    pub(super) async fn settle(
        &self,
        held: &Held<'_>,
        writing: Option<&Writing>,
        ending: Ending,
    ) -> Result<Conclusion, Trouble> {
        if held.effect() == Effect::None {
            return Ok(ending.conclusion(Effect::None));
        }
        let Some(writing) = writing else {
            return Ok(ending.conclusion(Effect::Unknown));
        };
        match (self.look(held, writing).await?, ending) {
            (Found::Ours(event), Ending::Fail(_)) => {
                let payload = &writing.payload;
                let result = event_result(event, held.wish(writing), payload.calendar.as_str());
                Ok(self.success(held, writing, result).await)
            }
            (Found::Ours(_), Ending::Cancel) => {
                let payload = &writing.payload;
                let request = Request::Delete {
                    calendar: &payload.calendar,
                    id: &held.job.id,
                    send_updates: payload.send_updates,
                };
                self.gateway.ask(&writing.account, request, None, &held.calls).await?;
                Ok(Conclusion::Cancelled)
            }
            (Found::Deleted, Ending::Fail(_)) => {
                Ok(Conclusion::Failed { kind: FailureKind::DeletedByUser, effect: Effect::None })
            }
            (Found::Deleted, Ending::Cancel) => Ok(Conclusion::Cancelled),
            (Found::Nothing | Found::Other, ending) => Ok(ending.conclusion(Effect::None)),
        }
    }
}

impl Ending {
    fn conclusion(self, effect: Effect) -> Conclusion {
        match (self, effect) {
            (Self::Cancel, Effect::None) => Conclusion::Cancelled,
            (Self::Cancel, Effect::Unknown | Effect::Done) => {
                Conclusion::Failed { kind: FailureKind::CancellationUnconfirmed, effect: Effect::Unknown }
            }
            (Self::Fail(kind), effect) => Conclusion::Failed { kind, effect },
        }
    }

    /// There was no answer to how the write went, if there was one. Is it worth asking again?
    pub(super) fn asks_again(
        self,
        effect: Effect,
        disposition: &Disposition,
        not_after: Timestamp,
        now: Timestamp,
    ) -> bool {
        match (self, disposition) {
            // Let go of, or handed back as it was: nothing was decided.
            (_, Disposition::LetGo | Disposition::HandBack) => true,
            (_, Disposition::Fail { .. }) => false,
            // There is nothing to ask for.
            (Self::Cancel | Self::Fail(_), _) if effect == Effect::None => false,
            // It was not even asked: an hour's grace.
            (Self::Cancel | Self::Fail(_), Disposition::Defer { .. } | Disposition::PushBack { .. }) => {
                now < after(not_after, hours(1))
            }
            (
                Self::Cancel,
                Disposition::Retry { .. } | Disposition::BlockAccount(_) | Disposition::BlockGuests { .. },
            ) => now < not_after,
            (
                Self::Fail(_),
                Disposition::Retry { .. } | Disposition::BlockAccount(_) | Disposition::BlockGuests { .. },
            ) => false,
        }
    }

    /// How the job ends when Google could not be asked.
    pub(super) fn unanswered(self, effect: Effect) -> Conclusion {
        self.conclusion(effect)
    }
}
