//! Ending a job that will not be tried again: where its effect is unknown, Google is asked first.
//!
//! That Google does not have the event means little while a write may still be on its way. A job that fails looks
//! again later. A job that was taken back does not wait for that: its id is used up, so that the write is refused.

use common::event::SendUpdates;
use common::fingerprint::Fingerprint;
use common::job::{Effect, FailureKind, WaitReason};
use common::port::{CalendarError, NewEvent};
use common::time::{after, hours};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Conclusion;
use super::create::Found;
use super::planned::Call;
use crate::attempt_error::AttemptError;
use crate::plan::Ending;
use crate::request::{Delete, Insert};
use crate::retry::Disposition;

impl Call<'_> {
    pub(super) async fn settle(&self, ending: Ending) -> Result<Conclusion, AttemptError> {
        match ending {
            Ending::Cancel => self.settle_cancel().await,
            Ending::Fail(kind) => match self.look().await? {
                Found::Ours(event) => Ok(self.success(self.told(event)).await),
                Found::Deleted => Ok(Conclusion::failed(FailureKind::DeletedByUser, Effect::None)),
                // The id is taken: a write of ours that is still on its way will be refused.
                Found::Other | Found::Spent => Ok(ending.conclusion(Effect::None)),
                Found::Nothing => Ok(match self.leased.hold.looks_again_at() {
                    Some(until) => Conclusion::Wait { why: WaitReason::Retry, until },
                    None => Conclusion::failed(kind, Effect::None),
                }),
            },
        }
    }

    /// Sees to it that a job that was taken back has no event, however late Google carries its write out.
    async fn settle_cancel(&self) -> Result<Conclusion, AttemptError> {
        let payload = &self.writing.payload;
        let mut found = self.look().await?;
        if matches!(found, Found::Nothing) && self.leased.hold.looks_again_at().is_some() {
            found = self.spend_id().await?;
        }
        let send_updates = match found {
            // Its caller took back what had been done, and whose record had lost that.
            Found::Ours(event) if self.leased.job.had_succeeded(event.created) => {
                return Ok(Conclusion::Stands(self.sealed(self.told(event)).await));
            }
            Found::Ours(_) => payload.send_updates,
            Found::Spent => SendUpdates::None,
            // The id is taken, or no write is on its way any more.
            Found::Deleted | Found::Other | Found::Nothing => return Ok(Conclusion::Cancelled),
        };
        let delete = Delete { calendar: &payload.calendar, id: &self.leased.job.id, send_updates };
        self.ask(&delete, None).await?;
        Ok(Conclusion::Cancelled)
    }

    /// Takes the job's id with an event that has nothing of the caller's in it, so that Google refuses the write that
    /// may still be on its way: an id is never free again, whatever becomes of its event. Answers what has the id
    /// now, which is that write's event where it was there first.
    async fn spend_id(&self) -> Result<Found, AttemptError> {
        let resource = placeholder();
        let event = NewEvent {
            calendar: &self.writing.payload.calendar,
            id: &self.leased.job.id,
            resource: &resource,
            fingerprint: Some(&Fingerprint::spent()),
            conference: false,
            send_updates: SendUpdates::None,
            attachments: false,
        };
        // Should its answer be lost, this write is one that may still take effect.
        self.leased.hold.begin_spending().await?;
        let insert = Insert { event, guests: 0 };
        match self.ask(&insert, None).await {
            Ok(_) => Ok(Found::Spent),
            Err(taken @ AttemptError::Calendar { error: CalendarError::Duplicate, .. }) => {
                match self.look().await? {
                    Found::Nothing => Err(taken),
                    found @ (Found::Ours(_) | Found::Deleted | Found::Other | Found::Spent) => Ok(found),
                }
            }
            Err(trouble) => Err(trouble),
        }
    }
}

/// An event that no user notices for the moment that it is there.
fn placeholder() -> Map<String, Value> {
    Map::from_iter(
        [
            ("summary", json!("Cancelled before it was created")),
            ("start", json!({"date": "2000-01-01"})),
            ("end", json!({"date": "2000-01-02"})),
            ("transparency", json!("transparent")),
            ("visibility", json!("private")),
            ("reminders", json!({"useDefault": false})),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

impl Ending {
    /// How the job ends, where no more is known of its write.
    pub(super) fn conclusion(self, effect: Effect) -> Conclusion {
        match (self, effect) {
            (Self::Cancel, Effect::None) => Conclusion::Cancelled,
            (Self::Cancel, Effect::Unknown | Effect::Done) => {
                Conclusion::failed(FailureKind::CancellationUnconfirmed, Effect::Unknown)
            }
            (Self::Fail(kind), effect) => Conclusion::failed(kind, effect),
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
}
