//! Creating the event, once: look first where a write may have happened, and know one's own again.

use std::time::Duration;

use common::event::{EventDraft, Outline};
use common::fingerprint::Fingerprint;
use common::job::{Conference, Effect, EventResult, FailureKind};
use common::payload::Payload;
use common::port::{CalendarError, Meeting, NewEvent, StoredEvent};

use super::Conclusion;
use super::planned::Call;
use crate::attempt_error::AttemptError;
use crate::request::{Get, Insert};
use crate::retry::refused_conference;

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

impl Call<'_> {
    pub(super) async fn create(&self) -> Result<Conclusion, AttemptError> {
        // An attempt before may have looked, and not come to write.
        let looks = self.leased.job.effect != Effect::None && !self.leased.calls.has_found_nothing();
        self.leased.calls.expect(1 + u32::from(looks) + u32::from(self.writing.payload.conference));
        if looks {
            let found = self.look().await?;
            if let Some(conclusion) = self.recognised(found).await {
                return Ok(conclusion);
            }
            self.leased.hold.found_nothing();
            self.leased.calls.found_nothing(self.attempts.ports.clock.now());
        }
        let has_conference =
            self.leased.hold.conference_refused().is_none() && self.writing.payload.has_conference();
        match self.insert().await {
            Err(trouble) if has_conference => match refused_conference(&trouble) {
                Some(words) => {
                    tracing::info!(
                        job.id = %self.leased.job.id,
                        "Job {} writes its event without a conference: {}", self.leased.job.id, trouble.summary()
                    );
                    let words = self.writing.keys.seal(self.leased.job.id.as_str(), &words.to_owned());
                    self.leased.hold.leave_out_conference(words).await?;
                    self.insert().await
                }
                None => Err(trouble),
            },
            inserted => inserted,
        }
    }

    /// Writes the event, without a conference where Google has refused that.
    async fn insert(&self) -> Result<Conclusion, AttemptError> {
        let payload = &self.writing.payload;
        let left_out = self.leased.hold.conference_refused().is_some();
        let draft = if left_out { &payload.event.without_conference() } else { &payload.event };
        let event = NewEvent {
            calendar: &payload.calendar,
            id: &self.leased.job.id,
            resource: draft.resource(),
            fingerprint: draft.bears_private_properties().then_some(&self.leased.job.fingerprint),
            conference: payload.conference && !left_out,
            send_updates: payload.send_updates,
            attachments: draft.has_attachments(),
        };
        let guests = u32::try_from(draft.guests()).unwrap_or(u32::MAX);
        let insert = Insert { event, guests };
        match self.ask(&insert, Some(&self.leased.hold)).await {
            Ok(event) => {
                let result = self.result(event).await;
                Ok(self.success(result).await)
            }
            Err(taken @ AttemptError::Calendar { error: CalendarError::Duplicate, .. }) => {
                let found = self.look().await?;
                // The id is taken, yet there may be nothing to see: it may yet appear.
                self.recognised(found).await.ok_or(taken)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Asks Google for the job's event.
    pub(super) async fn look(&self) -> Result<Found, AttemptError> {
        let get = Get { calendar: &self.writing.payload.calendar, id: &self.leased.job.id };
        match self.ask(&get, None).await {
            Ok(event) => Ok(recognise(event, &self.leased.job.fingerprint, &self.writing.payload.event)),
            Err(AttemptError::Calendar { error: CalendarError::NotFound, .. }) => Ok(Found::Nothing),
            Err(AttemptError::Calendar { error: CalendarError::Deleted, .. }) => Ok(Found::Deleted),
            Err(trouble) => Err(trouble),
        }
    }

    /// What an event under the job's id means for the job; `None` where there is none.
    async fn recognised(&self, found: Found) -> Option<Conclusion> {
        let failed = |kind| Some(Conclusion::failed(kind, Effect::None));
        match found {
            Found::Ours(event) => {
                let result = self.result(event).await;
                Some(self.success(result).await)
            }
            Found::Deleted => failed(FailureKind::DeletedByUser),
            Found::Other | Found::Spent => failed(FailureKind::IdempotencyKeyReused),
            Found::Nothing => None,
        }
    }

    /// What the caller is told of the event, after one more look at a conference that is still being made.
    pub(super) async fn result(&self, mut event: StoredEvent) -> EventResult {
        let payload = &self.writing.payload;
        if payload.conference && event.meeting != Meeting::Pending {
            self.attempts.gateway.leave_out_call(&self.writing.account, &self.leased.calls).await;
        }
        if payload.conference && event.meeting == Meeting::Pending {
            self.attempts.ports.clock.sleep(CONFERENCE_PAUSE).await;
            let get = Get { calendar: &payload.calendar, id: &self.leased.job.id };
            if let Ok(later) = self.ask(&get, None).await
                && !later.cancelled
            {
                event = later;
            }
        }
        self.told(event)
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

impl Call<'_> {
    /// What the caller is told of the event.
    pub(super) fn told(&self, event: StoredEvent) -> EventResult {
        event_result(event, self.wish(), self.writing.payload.calendar.as_str())
    }

    /// What the event was to have.
    fn wish(&self) -> Wish {
        match self.leased.hold.conference_refused() {
            None => Wish::of(&self.writing.payload),
            Some(words) => {
                let words = self.writing.keys.open(self.leased.job.id.as_str(), words);
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
