//! A result as it rests in records and messages. Persisted: fields may be added with a default, never renamed.
//!
//! The build before this one knows no conference that was refused. It reads one as a conference that Google
//! could not make, and does not look at the reason beside it.

use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Serialize};

use super::Conference as Told;

/// Begins the `htmlLink` of an event. What follows is base64, without padding, of the event's id, a space and the
/// calendar's id, as Google prints it in every answer of `events.insert` and `events.get`.
const LINK: &str = "https://www.google.com/calendar/event?eid=";
/// The calendar of most events.
const PRIMARY: &str = "primary";
/// Begins a link that is kept as it is.
const VERBATIM: char = '=';

/// A result in either form. The compact one comes first: serde would take a list for the fields of the other.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Kept {
    Compact(Compact),
    Full(EventResult),
}

/// A result in few bytes: the event's id, a space, and the calendar's id as it is in the link (or the whole link
/// behind a `=`); in a list with what else there is to say.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Compact {
    /// In the calendar `primary`, without a conference.
    Plain(String),
    /// In the calendar that the caller named so, with what is known of its conference and why there is none.
    Other(String, String, Conference, Option<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventResult {
    event_id: String,
    event_link: String,
    conference: Conference,
    calendar_id: String,
    /// Why there is no conference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conference_reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "status", content = "link")]
pub(super) enum Conference {
    NotAsked,
    Pending,
    Ready(String),
    Failed,
}

impl From<super::EventResult> for EventResult {
    fn from(result: super::EventResult) -> Self {
        let (conference, conference_reason) = match result.conference {
            Told::NotAsked => (Conference::NotAsked, None),
            Told::Pending => (Conference::Pending, None),
            Told::Ready(link) => (Conference::Ready(link), None),
            Told::Failed => (Conference::Failed, None),
            Told::Unavailable(reason) => (Conference::Failed, Some(reason)),
        };
        Self {
            event_id: result.event_id,
            event_link: result.event_link,
            conference,
            calendar_id: result.calendar_id,
            conference_reason,
        }
    }
}

impl From<EventResult> for super::EventResult {
    fn from(kept: EventResult) -> Self {
        let conference = match (kept.conference, kept.conference_reason) {
            (Conference::NotAsked, _) => Told::NotAsked,
            (Conference::Pending, _) => Told::Pending,
            (Conference::Ready(link), _) => Told::Ready(link),
            (Conference::Failed, None) => Told::Failed,
            (Conference::Failed, Some(reason)) => Told::Unavailable(reason),
        };
        Self {
            event_id: kept.event_id,
            event_link: kept.event_link,
            conference,
            calendar_id: kept.calendar_id,
        }
    }
}

impl From<super::EventResult> for Compact {
    fn from(result: super::EventResult) -> Self {
        let EventResult { event_id, event_link, conference, calendar_id, conference_reason } = result.into();
        let calendar = calendar_in_link(&event_id, &event_link);
        let link = calendar.unwrap_or_else(|| format!("{VERBATIM}{event_link}"));
        let event = format!("{event_id} {link}");
        match (calendar_id.as_str(), conference) {
            (PRIMARY, Conference::NotAsked) => Self::Plain(event),
            (_, conference) => Self::Other(event, calendar_id, conference, conference_reason),
        }
    }
}

/// The calendar's id in a link that says nothing besides it and the event's id.
fn calendar_in_link(event: &str, link: &str) -> Option<String> {
    let decoded = BASE64_NOPAD.decode(link.strip_prefix(LINK)?.as_bytes()).ok()?;
    let calendar = String::from_utf8(decoded).ok()?.strip_prefix(event)?.strip_prefix(' ')?.to_owned();
    (!calendar.starts_with(VERBATIM)).then_some(calendar)
}

impl From<Kept> for super::EventResult {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Full(result) => result.into(),
            Kept::Compact(result) => result.into(),
        }
    }
}

impl From<Compact> for super::EventResult {
    fn from(kept: Compact) -> Self {
        let (event, calendar_id, conference, conference_reason) = match kept {
            Compact::Plain(event) => (event, PRIMARY.to_owned(), Conference::NotAsked, None),
            Compact::Other(event, calendar, conference, why) => (event, calendar, conference, why),
        };
        let (event_id, link) = event.split_once(' ').unwrap_or((&event, ""));
        let event_id = event_id.to_owned();
        let event_link = match link.strip_prefix(VERBATIM) {
            Some(link) => link.to_owned(),
            None => format!("{LINK}{}", BASE64_NOPAD.encode(format!("{event_id} {link}").as_bytes())),
        };
        EventResult { event_id, event_link, conference, calendar_id, conference_reason }.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Conference, EventResult};
    use super::Compact;

    fn kept(conference: Value) -> Value {
        json!({"eventId": "e", "eventLink": "l", "calendarId": "primary", "conference": conference})
    }

    fn result(conference: Conference) -> EventResult {
        EventResult {
            event_id: "e".to_owned(),
            event_link: "l".to_owned(),
            conference,
            calendar_id: "primary".to_owned(),
        }
    }

    #[test]
    fn what_is_kept_is_pinned_and_can_be_read_again() {
        let words = "Invalid conference type value.";
        let mut refused = kept(json!({"status": "failed"}));
        refused["conferenceReason"] = json!(words);
        for (conference, golden) in [
            (Conference::NotAsked, kept(json!({"status": "notAsked"}))),
            (Conference::Pending, kept(json!({"status": "pending"}))),
            (Conference::Ready("m".to_owned()), kept(json!({"status": "ready", "link": "m"}))),
            (Conference::Failed, kept(json!({"status": "failed"}))),
            // The build before this one reads all but the reason.
            (Conference::Unavailable(words.to_owned()), refused),
        ] {
            let told = result(conference);
            assert_eq!(serde_json::to_value(&told).unwrap(), golden);
            assert!(serde_json::from_value::<EventResult>(golden).unwrap() == told);
        }
    }

    #[test]
    fn the_compact_form_is_pinned_and_says_all_that_the_other_says() {
        // Of the event e in the calendar a@b.
        let google = "https://www.google.com/calendar/event?eid=ZSBhQGI";
        let refused = Conference::Unavailable("why".to_owned());
        let link = json!({"status": "ready", "link": "m"});
        for (event_link, conference, golden) in [
            (google, Conference::NotAsked, json!("e a@b")),
            (google, Conference::Pending, json!(["e a@b", "primary", {"status": "pending"}, null])),
            (google, Conference::Ready("m".to_owned()), json!(["e a@b", "primary", link, null])),
            (google, Conference::Failed, json!(["e a@b", "primary", {"status": "failed"}, null])),
            (google, refused, json!(["e a@b", "primary", {"status": "failed"}, "why"])),
            // Padded, of another event, of nothing, and of a calendar whose id begins as a verbatim link does.
            ("https://www.google.com/calendar/event?eid=ZSBhQGI=", Conference::NotAsked, Value::Null),
            ("https://www.google.com/calendar/event?eid=ZiBhQGI", Conference::NotAsked, Value::Null),
            ("https://www.google.com/calendar/event?eid=ZSA9", Conference::NotAsked, Value::Null),
            ("https://calendar.example/e", Conference::NotAsked, Value::Null),
            ("", Conference::NotAsked, Value::Null),
        ] {
            let told = EventResult { event_link: event_link.to_owned(), ..result(conference) };
            let kept = serde_json::to_value(Compact::from(told.clone())).unwrap();
            if golden.is_null() {
                assert_eq!(kept, json!(format!("e ={event_link}")));
            } else {
                assert_eq!(kept, golden);
            }
            assert!(serde_json::from_value::<EventResult>(kept).unwrap() == told, "{event_link}");
        }
        let other = EventResult { calendar_id: "team".to_owned(), ..result(Conference::NotAsked) };
        let kept = serde_json::to_value(Compact::from(other.clone())).unwrap();
        assert_eq!(kept, json!(["e =l", "team", {"status": "notAsked"}, null]));
        assert!(serde_json::from_value::<EventResult>(kept).unwrap() == other);
    }
}
