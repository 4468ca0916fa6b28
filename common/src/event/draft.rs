//! An event that Google would take: checked, complete but for what only calrelay knows.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::canonical;
use super::times::Times;

/// The event to create, as Google's Event resource.
///
/// What it serialises to rests (sealed) in queue messages and outlives deployments.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredDraft", into = "StoredDraft")]
pub struct EventDraft {
    resource: Map<String, Value>,
    span: Span,
}

/// The bytes do not hold a draft that this version can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an event draft that this version of calrelay reads")]
pub struct UnreadableDraft;

impl EventDraft {
    /// A draft of a resource that has been checked.
    pub(super) fn new(resource: Map<String, Value>, times: &Times) -> Self {
        let ends_at = times.over();
        let span = match times {
            _ if resource.contains_key("recurrence") => Span::Recurring,
            Times::Timed { .. } => Span::Timed { ends_at },
            Times::AllDay { .. } => Span::AllDay { ends_at },
        };
        Self { resource: canonical::sorted(resource), span }
    }

    /// What to send to `events.insert`, its keys in order: everything but the id, calrelay's
    /// private property and the request for a conference.
    #[must_use]
    pub const fn resource(&self) -> &Map<String, Value> {
        &self.resource
    }

    /// When the event is over; nothing for one that recurs. An all-day event is over when its
    /// last day is over everywhere on Earth, as the calendar's zone is not known here.
    #[must_use]
    pub const fn ends_at(&self) -> Option<Timestamp> {
        match self.span {
            Span::Timed { ends_at } | Span::AllDay { ends_at } => Some(ends_at),
            Span::Recurring => None,
        }
    }

    /// How many people are invited; rooms and other resources are not people.
    #[must_use]
    pub fn guests(&self) -> usize {
        let resource = |attendee: &&Value| attendee.get("resource") == Some(&Value::Bool(true));
        self.list("attendees").iter().filter(|a| !resource(a)).count()
    }

    /// Whether Google must be told to expect attachments.
    #[must_use]
    pub fn has_attachments(&self) -> bool {
        !self.list("attachments").is_empty()
    }

    /// Whether the event may bear calrelay's private property. Google refuses a birthday with private extended
    /// properties (400 `eventTypeRestriction`; OutlookGoogleCalendarSync#2103, #2021).
    #[must_use]
    pub fn bears_private_properties(&self) -> bool {
        self.resource.get("eventType").and_then(Value::as_str) != Some("birthday")
    }

    /// The same event without a conference, as it is sent once Google has refused that.
    #[must_use]
    pub fn without_conference(&self) -> Self {
        let mut bare = self.clone();
        bare.resource.remove("conferenceData");
        bare
    }

    /// Whether the event brings a conference of its own, which Google must be told to expect.
    #[must_use]
    pub fn brings_conference(&self) -> bool {
        self.resource.contains_key("conferenceData")
    }

    fn list(&self, field: &str) -> &[Value] {
        self.resource.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// Prints what kind of event it is, and nothing of what it says.
impl fmt::Debug for EventDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventDraft")
            .field("span", &self.span)
            .field("guests", &self.guests())
            .finish_non_exhaustive()
    }
}

/// What kind of times the event has. Stored: variants may be added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Span {
    Timed { ends_at: Timestamp },
    AllDay { ends_at: Timestamp },
    Recurring,
}

/// The layout in which drafts are stored now.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct StoredDraft {
    v: u8,
    times: Span,
    event: Map<String, Value>,
}

impl From<EventDraft> for StoredDraft {
    fn from(draft: EventDraft) -> Self {
        Self { v: VERSION, times: draft.span, event: draft.resource }
    }
}

impl TryFrom<StoredDraft> for EventDraft {
    type Error = UnreadableDraft;

    fn try_from(stored: StoredDraft) -> Result<Self, Self::Error> {
        let whole = ["start", "end"].iter().all(|side| stored.event.get(*side).is_some_and(Value::is_object));
        if stored.v == VERSION && whole {
            Ok(Self { resource: canonical::sorted(stored.event), span: stored.times })
        } else {
            Err(UnreadableDraft)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(extra: Value) -> EventDraft {
        let mut body = json!({
            "summary": "Secret plans", "conference": false, "timeZone": "Asia/Kolkata",
            "startDateTime": "2027-01-05T14:00", "endDateTime": "2027-01-05T15:00",
        });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        crate::event::Submission::parse(body.to_string().as_bytes()).unwrap().event
    }

    #[test]
    fn what_is_stored_is_pinned_and_can_be_read_again() {
        let recurring = json!({"recurrence": ["RRULE:FREQ=DAILY"]});
        for (extra, times, more) in [
            (json!({}), r#"{"kind":"timed","endsAt":"2027-01-05T09:30:00Z"}"#, ""),
            (recurring, r#"{"kind":"recurring"}"#, r#""recurrence":["RRULE:FREQ=DAILY"],"#),
        ] {
            let draft = draft(extra);
            let stored = serde_json::to_string(&draft).unwrap();
            assert_eq!(
                stored,
                format!(
                    r#"{{"v":1,"times":{times},"event":{{"end":{{"dateTime":"2027-01-05T15:00:00","timeZone":"Asia/Kolkata"}},{more}"start":{{"dateTime":"2027-01-05T14:00:00","timeZone":"Asia/Kolkata"}},"summary":"Secret plans"}}}}"#
                )
            );
            assert_eq!(serde_json::from_str::<EventDraft>(&stored).unwrap(), draft);
        }
    }

    #[test]
    fn an_all_day_draft_survives_storage() {
        let body = br#"{"start":{"date":"2027-01-05"},"end":{"date":"2027-01-07"}}"#;
        let draft = crate::event::Submission::parse(body).unwrap().event;
        let stored = serde_json::to_string(&draft).unwrap();
        assert!(stored.contains(r#"{"kind":"allDay","endsAt":"2027-01-07T12:00:00Z"}"#), "{stored}");
        assert_eq!(serde_json::from_str::<EventDraft>(&stored).unwrap(), draft);
    }

    #[test]
    fn a_draft_of_the_build_before_keeps_the_zone_that_it_was_given() {
        // That build wrote UTC where a time had an offset and no zone.
        let stored = r#"{"v":1,"times":{"kind":"timed","endsAt":"2027-01-05T09:30:00Z"},"event":{"end":{"dateTime":"2027-01-05T09:30:00Z","timeZone":"UTC"},"start":{"dateTime":"2027-01-05T08:30:00Z","timeZone":"UTC"}}}"#;
        let draft: EventDraft = serde_json::from_str(stored).unwrap();
        assert_eq!(draft.resource()["start"], json!({"dateTime": "2027-01-05T08:30:00Z", "timeZone": "UTC"}));
        assert_eq!(serde_json::to_string(&draft).unwrap(), stored);
        // One of this build has the same layout.
        let body = br#"{"startDateTime":"2027-01-05T08:30:00Z","endDateTime":"2027-01-05T09:30:00Z"}"#;
        let draft = crate::event::Submission::parse(body).unwrap().event;
        let stored = stored.replace(r#","timeZone":"UTC""#, "");
        assert_eq!(serde_json::to_string(&draft).unwrap(), stored);
    }

    #[test]
    fn another_version_or_half_an_event_is_not_read() {
        let good = serde_json::to_value(draft(json!({}))).unwrap();
        assert!(EventDraft::deserialize(&good).is_ok());
        for (path, value) in [("/v", json!(2)), ("/event/start", json!(1)), ("/times/kind", json!("x"))] {
            let mut bad = good.clone();
            *bad.pointer_mut(path).unwrap() = value;
            assert!(EventDraft::deserialize(&bad).is_err(), "{path}");
        }
    }

    #[test]
    fn guests_are_people_and_attachments_are_noticed() {
        let plain = draft(json!({}));
        assert_eq!((plain.guests(), plain.has_attachments(), plain.brings_conference()), (0, false, false));
        let full = draft(json!({
            "attendees": [
                {"email": "a@example.com"},
                {"email": "b@example.com", "resource": false},
                {"email": "room@resource.calendar.google.com", "resource": true},
            ],
            "attachments": [{"fileUrl": "https://drive.google.com/open?id=1"}],
            "conferenceData": {
                "conferenceSolution": {"key": {"type": "hangoutsMeet"}},
                "entryPoints": [{"entryPointType": "video", "uri": "https://talk.example.com/a"}],
            },
        }));
        assert_eq!((full.guests(), full.has_attachments(), full.brings_conference()), (2, true, true));
    }

    #[test]
    fn without_its_conference_an_event_is_otherwise_the_same() {
        let brought = json!({"conferenceData": {
            "conferenceSolution": {"key": {"type": "hangoutsMeet"}},
            "entryPoints": [{"entryPointType": "video", "uri": "https://talk.example.com/a"}],
        }});
        assert_eq!(draft(brought).without_conference(), draft(json!({})));
        assert_eq!(draft(json!({})).without_conference(), draft(json!({})));
    }

    #[test]
    fn every_kind_of_event_but_a_birthday_bears_private_properties() {
        for (kind, bears) in
            [("default", true), ("focusTime", true), ("outOfOffice", true), ("birthday", false)]
        {
            let mut draft = draft(json!({}));
            draft.resource.insert("eventType".to_owned(), json!(kind));
            assert_eq!(draft.bears_private_properties(), bears, "{kind}");
        }
        assert!(draft(json!({})).bears_private_properties());
    }

    #[test]
    fn debug_says_nothing_of_what_the_event_says() {
        let printed = format!("{:?}", draft(json!({"attendeeEmail": "ada@example.com"})));
        assert!(!printed.contains("Secret") && !printed.contains("ada"), "{printed}");
        assert!(printed.contains("guests: 1"), "{printed}");
    }
}
