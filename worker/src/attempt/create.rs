//! Creating the event, once: look first where a write may have happened, and know one's own again.

use std::time::Duration;

use common::fingerprint::Fingerprint;
use common::job::{Conference, Effect, EventResult, FailureKind};
use common::port::{CalendarError, Meeting, NewEvent, StoredEvent};

use super::{Attempts, Conclusion, Held, Writing};
use crate::gateway::{Reply, Request};
use crate::trouble::Trouble;

/// Google makes conferences a moment after the event; one look is worth waiting for.
const CONFERENCE_PAUSE: Duration = Duration::from_secs(2);

/// What Google has under the job's id.
pub(super) enum Found {
    /// Our event.
    Ours(StoredEvent),
    /// Our event, deleted in the calendar.
    Deleted,
    /// An event of another request under the same key.
    Other,
    /// Nothing.
    Nothing,
}

impl Attempts {
    pub(super) async fn create(&self, held: &Held<'_>, writing: &Writing) -> Result<Conclusion, Trouble> {
        if held.job.effect != Effect::None {
            let found = self.look(held, writing).await?;
            if let Some(conclusion) = self.recognised(held, writing, found).await {
                return Ok(conclusion);
            }
            held.hold.found_nothing();
        }
        let payload = &writing.payload;
        let event = NewEvent {
            calendar: &payload.calendar,
            id: &held.job.id,
            resource: payload.event.resource(),
            fingerprint: &held.job.fingerprint,
            conference: payload.conference,
            send_updates: payload.send_updates,
            attachments: payload.event.has_attachments(),
        };
        let guests = u32::try_from(payload.event.guests()).unwrap_or(u32::MAX);
        match self.gateway.ask(&writing.account, Request::Insert { event, guests }, Some(&held.hold)).await {
            Ok(Reply::Event(event)) => {
                let result = self.result(held, writing, event).await;
                Ok(self.success(held, writing, result).await)
            }
            Ok(Reply::Deleted) => unreachable!("an insert is answered with an event"),
            Err(taken @ Trouble::Calendar { error: CalendarError::Duplicate, .. }) => {
                let found = self.look(held, writing).await?;
                // The id is taken, yet there may be nothing to see: it may yet appear.
                self.recognised(held, writing, found).await.ok_or(taken)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Asks Google for the job's event.
    pub(super) async fn look(&self, held: &Held<'_>, writing: &Writing) -> Result<Found, Trouble> {
        let request = Request::Get { calendar: &writing.payload.calendar, id: &held.job.id };
        match self.gateway.ask(&writing.account, request, None).await {
            Ok(Reply::Event(event)) => Ok(recognise(event, &held.job.fingerprint)),
            Ok(Reply::Deleted) => unreachable!("a get is answered with an event"),
            Err(Trouble::Calendar { error: CalendarError::NotFound, .. }) => Ok(Found::Nothing),
            Err(Trouble::Calendar { error: CalendarError::Deleted, .. }) => Ok(Found::Deleted),
            Err(trouble) => Err(trouble),
        }
    }

    /// What an event under the job's id means for the job; `None` where there is none.
    async fn recognised(&self, held: &Held<'_>, writing: &Writing, found: Found) -> Option<Conclusion> {
        let failed = |kind| Some(Conclusion::Failed { kind, effect: Effect::None });
        match found {
            Found::Ours(event) => {
                let result = self.result(held, writing, event).await;
                Some(self.success(held, writing, result).await)
            }
            Found::Deleted => failed(FailureKind::DeletedByUser),
            Found::Other => failed(FailureKind::IdempotencyKeyReused),
            Found::Nothing => None,
        }
    }

    /// What the caller is told of the event, after one more look at a conference that is still being made.
    pub(super) async fn result(
        &self,
        held: &Held<'_>,
        writing: &Writing,
        mut event: StoredEvent,
    ) -> EventResult {
        let payload = &writing.payload;
        if payload.conference && event.meeting == Meeting::Pending {
            self.ports.clock.sleep(CONFERENCE_PAUSE).await;
            let request = Request::Get { calendar: &payload.calendar, id: &held.job.id };
            if let Ok(Reply::Event(later)) = self.gateway.ask(&writing.account, request, None).await
                && !later.cancelled
            {
                event = later;
            }
        }
        event_result(event, payload.conference, payload.calendar.as_str())
    }
}

/// The result for an event as Google tells it.
pub(crate) fn event_result(event: StoredEvent, conference_asked: bool, calendar: &str) -> EventResult {
    let conference = match event.meeting {
        Meeting::Ready(link) => Conference::Ready(link),
        Meeting::Pending => Conference::Pending,
        Meeting::Failed => Conference::Failed,
        // Google ignores a request it cannot serve without a word.
        Meeting::None if conference_asked => Conference::Failed,
        Meeting::None => Conference::NotAsked,
    };
    EventResult { event_id: event.id, event_link: event.link, conference, calendar_id: calendar.to_owned() }
}

fn recognise(event: StoredEvent, fingerprint: &Fingerprint) -> Found {
    let ours = event.fingerprint.as_ref().is_none_or(|stored| stored.is_same_request(fingerprint));
    match (ours, event.cancelled) {
        (true, false) => Found::Ours(event),
        (true, true) => Found::Deleted,
        (false, _) => Found::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(v1: &str, v2: Option<&str>) -> Fingerprint {
        Fingerprint::stored(v1.to_owned(), v2.map(str::to_owned))
    }

    fn stored(fingerprint: Option<Fingerprint>, cancelled: bool) -> StoredEvent {
        let (id, link) = ("id".to_owned(), String::new());
        StoredEvent { id, link, meeting: Meeting::None, cancelled, fingerprint }
    }

    #[test]
    fn an_event_is_ours_when_its_properties_are_of_the_same_request_or_absent() {
        let found = |there, cancelled| recognise(stored(there, cancelled), &print("f", Some("m")));
        assert!(matches!(found(Some(print("f", Some("m"))), false), Found::Ours(_)));
        assert!(matches!(found(None, false), Found::Ours(_)));
        assert!(matches!(found(Some(print("g", Some("n"))), false), Found::Other));
        assert!(matches!(found(Some(print("g", Some("n"))), true), Found::Other));
        assert!(matches!(found(Some(print("f", Some("m"))), true), Found::Deleted));
        assert!(matches!(found(None, true), Found::Deleted));
        // The same request in other words.
        assert!(matches!(found(Some(print("g", Some("m"))), false), Found::Ours(_)));
    }

    #[test]
    fn an_event_or_a_job_of_the_build_before_is_compared_by_what_both_have() {
        let found = |there, job| recognise(stored(Some(there), false), &job);
        assert!(matches!(found(print("f", None), print("f", Some("m"))), Found::Ours(_)));
        assert!(matches!(found(print("f", Some("m")), print("f", None)), Found::Ours(_)));
        assert!(matches!(found(print("g", None), print("f", Some("m"))), Found::Other));
        assert!(matches!(found(print("g", Some("m")), print("f", None)), Found::Other));
    }
}
