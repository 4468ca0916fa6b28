//! Creating the event, once: look first where a write may have happened, and know one's own again.

use std::time::Duration;

use common::event::{EventDraft, Outline};
use common::fingerprint::Fingerprint;
use common::job::{Conference, Effect, EventResult, FailureKind};
use common::payload::Payload;
use common::port::{CalendarError, Meeting, NewEvent, StoredEvent};

use super::{Attempts, Conclusion, Held, Writing};
use crate::attempt_error::AttemptError;
use crate::request::{Get, Insert};
use crate::retry::{Extra, Remedy, remedy};

/// Told where Google's own words can no longer be opened.
const REFUSED: &str = "Google refused the conference.";
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
    /// An event that was to use the id up, and is still there.
    Spent,
    /// Nothing.
    Nothing,
}

impl Attempts {
    pub(super) async fn create(
        &self,
        held: &Held<'_>,
        writing: &Writing,
    ) -> Result<Conclusion, AttemptError> {
        // An attempt before may have looked, and not come to write.
        let looks = held.job.effect != Effect::None && !held.calls.has_found_nothing();
        held.calls.expect(1 + u32::from(looks) + u32::from(writing.payload.conference));
        if looks {
            let found = self.look(held, writing).await?;
            if let Some(conclusion) = self.recognised(held, writing, found).await {
                return Ok(conclusion);
            }
            held.hold.found_nothing();
            held.calls.found_nothing(self.ports.clock.now());
        }
        let extra = match held.hold.conference_refused() {
            None if writing.payload.has_conference() => Extra::Conference,
            None | Some(_) => Extra::None,
        };
        match self.insert(held, writing).await {
            Ok(conclusion) => Ok(conclusion),
            Err(trouble) => match remedy(&trouble, extra) {
                Remedy::None => Err(trouble),
                Remedy::LeaveOutConference(words) => {
                    tracing::info!(
                        job.id = %held.job.id,
                        "Job {} writes its event without a conference: {}", held.job.id, trouble.summary()
                    );
                    let words = writing.keys.seal(held.job.id.as_str(), &words);
                    held.hold.leave_out_conference(words).await?;
                    self.insert(held, writing).await
                }
            },
        }
    }

    /// Writes the event, without a conference where Google has refused that.
    async fn insert(&self, held: &Held<'_>, writing: &Writing) -> Result<Conclusion, AttemptError> {
        let payload = &writing.payload;
        let left_out = held.hold.conference_refused().is_some();
        let draft = if left_out { &payload.event.without_conference() } else { &payload.event };
        let event = NewEvent {
            calendar: &payload.calendar,
            id: &held.job.id,
            resource: draft.resource(),
            fingerprint: draft.bears_private_properties().then_some(&held.job.fingerprint),
            conference: payload.conference && !left_out,
            send_updates: payload.send_updates,
            attachments: draft.has_attachments(),
        };
        let guests = u32::try_from(draft.guests()).unwrap_or(u32::MAX);
        let insert = Insert { event, guests };
        match self.gateway.ask(&writing.account, &insert, Some(&held.hold), &held.calls).await {
            Ok(event) => {
                let result = self.result(held, writing, event).await;
                Ok(self.success(held, writing, result).await)
            }
            Err(taken @ AttemptError::Calendar { error: CalendarError::Duplicate, .. }) => {
                let found = self.look(held, writing).await?;
                // The id is taken, yet there may be nothing to see: it may yet appear.
                self.recognised(held, writing, found).await.ok_or(taken)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Asks Google for the job's event.
    pub(super) async fn look(&self, held: &Held<'_>, writing: &Writing) -> Result<Found, AttemptError> {
        let get = Get { calendar: &writing.payload.calendar, id: &held.job.id };
        match self.gateway.ask(&writing.account, &get, None, &held.calls).await {
            Ok(event) => Ok(recognise(event, &held.job.fingerprint, &writing.payload.event)),
            Err(AttemptError::Calendar { error: CalendarError::NotFound, .. }) => Ok(Found::Nothing),
            Err(AttemptError::Calendar { error: CalendarError::Deleted, .. }) => Ok(Found::Deleted),
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
            Found::Other | Found::Spent => failed(FailureKind::IdempotencyKeyReused),
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
        if payload.conference && event.meeting != Meeting::Pending {
            self.gateway.leave_out_call(&writing.account, &held.calls).await;
        }
        if payload.conference && event.meeting == Meeting::Pending {
            self.ports.clock.sleep(CONFERENCE_PAUSE).await;
            let get = Get { calendar: &payload.calendar, id: &held.job.id };
            if let Ok(later) = self.gateway.ask(&writing.account, &get, None, &held.calls).await
                && !later.cancelled
            {
                event = later;
            }
        }
        event_result(event, held.wish(writing), payload.calendar.as_str())
    }
}

/// What the job's event was to have, and what came of that before the event was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// No conference that Google makes.
    NoConference,
    /// One.
    Conference,
    /// Google refused the conference, in these words, and the event was written without it.
    Refused(String),
}

impl Wish {
    /// Of a job whose conference Google has not refused.
    pub(crate) fn of(payload: &Payload) -> Self {
        if payload.conference { Self::Conference } else { Self::NoConference }
    }
}

impl Held<'_> {
    /// What its event was to have.
    pub(super) fn wish(&self, writing: &Writing) -> Wish {
        match self.hold.conference_refused() {
            None => Wish::of(&writing.payload),
            Some(words) => {
                let words = writing.keys.open(self.job.id.as_str(), words);
                Wish::Refused(words.unwrap_or_else(|_| REFUSED.to_owned()))
            }
        }
    }
}

/// The result for an event as Google tells it.
pub(crate) fn event_result(event: StoredEvent, wish: Wish, calendar: &str) -> EventResult {
    let conference = match (event.meeting, wish) {
        (Meeting::Ready(link), _) => Conference::Ready(link),
        (Meeting::Pending, _) => Conference::Pending,
        (Meeting::Failed, _) => Conference::Failed,
        // Google ignores a request it cannot serve without a word.
        (Meeting::None, Wish::Conference) => Conference::Failed,
        (Meeting::None, Wish::Refused(words)) => Conference::Unavailable(words),
        (Meeting::None, Wish::NoConference) => Conference::NotAsked,
    };
    EventResult { event_id: event.id, event_link: event.link, conference, calendar_id: calendar.to_owned() }
}

/// Whether an event under the job's id is the one that `draft` writes.
fn recognise(event: StoredEvent, fingerprint: &Fingerprint, draft: &EventDraft) -> Found {
    if event.fingerprint.as_ref().is_some_and(Fingerprint::is_spent) {
        return if event.cancelled { Found::Deleted } else { Found::Spent };
    }
    let ours = match &event.fingerprint {
        Some(stored) => stored.is_same_request(fingerprint),
        // Google lets every client overwrite the properties.
        None if draft.bears_private_properties() => true,
        // It never had one. Of another request under the same key the day or the name tells, unless the
        // two have both.
        None => Outline::of(draft.resource()).fits(&event.outline),
    };
    match (ours, event.cancelled) {
        (true, false) => Found::Ours(event),
        (true, true) => Found::Deleted,
        (false, _) => Found::Other,
    }
}

#[cfg(test)]
mod tests {
    use common::event::Submission;
    use serde_json::{Value, json};

    use super::*;

    fn print(v1: &str, v2: Option<&str>) -> Fingerprint {
        Fingerprint::stored(v1.to_owned(), v2.map(str::to_owned))
    }

    fn stored(fingerprint: Option<Fingerprint>, cancelled: bool) -> StoredEvent {
        StoredEvent {
            id: "id".to_owned(),
            link: String::new(),
            meeting: Meeting::None,
            cancelled,
            created: None,
            fingerprint,
            outline: Outline::default(),
        }
    }

    fn draft(body: &Value) -> EventDraft {
        Submission::parse(body.to_string().as_bytes()).unwrap().event
    }

    fn tea() -> EventDraft {
        draft(&json!({"start": {"date": "2027-01-05"}, "end": {"date": "2027-01-06"}, "summary": "Tea"}))
    }

    fn birthday(name: &str, date: &str, end: &str) -> EventDraft {
        draft(&json!({
            "eventType": "birthday", "summary": name, "start": {"date": date}, "end": {"date": end},
            "visibility": "private", "transparency": "transparent", "recurrence": ["RRULE:FREQ=YEARLY"],
        }))
    }

    #[test]
    fn an_event_is_ours_when_its_properties_are_of_the_same_request_or_absent() {
        let found = |there, cancelled| recognise(stored(there, cancelled), &print("f", Some("m")), &tea());
        assert!(matches!(found(Some(print("f", Some("m"))), false), Found::Ours(_)));
        assert!(matches!(found(None, false), Found::Ours(_)));
        assert!(matches!(found(Some(print("g", Some("n"))), false), Found::Other));
        assert!(matches!(found(Some(print("g", Some("n"))), true), Found::Other));
        assert!(matches!(found(Some(print("f", Some("m"))), true), Found::Deleted));
        assert!(matches!(found(None, true), Found::Deleted));
        assert!(matches!(found(Some(Fingerprint::spent()), false), Found::Spent));
        assert!(matches!(found(Some(Fingerprint::spent()), true), Found::Deleted));
        // The same request in other words.
        assert!(matches!(found(Some(print("g", Some("m"))), false), Found::Ours(_)));
    }

    #[test]
    fn an_event_or_a_job_of_the_build_before_is_compared_by_what_both_have() {
        let found = |there, job| recognise(stored(Some(there), false), &job, &tea());
        assert!(matches!(found(print("f", None), print("f", Some("m"))), Found::Ours(_)));
        assert!(matches!(found(print("f", Some("m")), print("f", None)), Found::Ours(_)));
        assert!(matches!(found(print("g", None), print("f", Some("m"))), Found::Other));
        assert!(matches!(found(print("g", Some("m")), print("f", None)), Found::Other));
    }

    #[test]
    fn a_birthday_is_ours_by_its_day_and_name() {
        let ours = birthday("Ada", "2027-03-02", "2027-03-03");
        let beside = |name: &str, date: &str, end: &str, cancelled| {
            let outline = Outline::of(birthday(name, date, end).resource());
            recognise(StoredEvent { outline, ..stored(None, cancelled) }, &print("f", None), &ours)
        };
        assert!(matches!(beside("Ada", "2027-03-02", "2027-03-03", false), Found::Ours(_)));
        assert!(matches!(beside("Ada", "2027-03-02", "2027-03-03", true), Found::Deleted));
        assert!(matches!(beside("Grace", "2027-03-02", "2027-03-03", false), Found::Other));
        assert!(matches!(beside("Ada", "2027-03-03", "2027-03-04", false), Found::Other));
        // Google leaves parts of a deleted event out.
        assert!(matches!(recognise(stored(None, true), &print("f", None), &ours), Found::Deleted));
        // An event that bears the property after all is known by it.
        assert!(matches!(
            recognise(stored(Some(print("g", None)), false), &print("f", None), &ours),
            Found::Other
        ));
    }

    #[test]
    fn what_is_told_of_a_conference_is_what_google_has_and_only_then_what_it_said_before() {
        let refused = || Wish::Refused("No.".to_owned());
        for (meeting, wish, conference) in [
            (Meeting::None, Wish::NoConference, Conference::NotAsked),
            (Meeting::None, Wish::Conference, Conference::Failed),
            (Meeting::None, refused(), Conference::Unavailable("No.".to_owned())),
            (Meeting::Failed, refused(), Conference::Failed),
            (Meeting::Pending, refused(), Conference::Pending),
            (Meeting::Ready("m".to_owned()), refused(), Conference::Ready("m".to_owned())),
        ] {
            let said = format!("{meeting:?} {wish:?}");
            let result = event_result(StoredEvent { meeting, ..stored(None, false) }, wish, "primary");
            assert!(result.conference == conference, "{said}");
        }
    }
}
