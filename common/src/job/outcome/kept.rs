//! A result as it rests in records and messages. Persisted: fields may be added with a default, never renamed.
//!
//! The build before this one knows no conference that was refused. It reads one as a conference that Google
//! could not make, and does not look at the reason beside it.

use serde::{Deserialize, Serialize};

use super::Conference as Told;

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
enum Conference {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Conference, EventResult};

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
}
