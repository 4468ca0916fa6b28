//! What Google says of an event, read out of its Event resource.

use common::event::Outline;
use common::fingerprint::Fingerprint;
use common::port::{CalendarError, Meeting, StoredEvent};
use serde_json::Value;
use serde_json::error::Category;

use super::{FINGERPRINT, FINGERPRINT_2};

/// Reads an Event resource out of a 2xx.
pub(super) fn parse(body: &[u8]) -> Result<StoredEvent, CalendarError> {
    let event: Value = serde_json::from_slice(body).map_err(|error| match error.classify() {
        // An answer whose length was not announced, cut short.
        Category::Eof => CalendarError::NoAnswer("the answer ended early".to_owned()),
        Category::Io | Category::Syntax | Category::Data => {
            CalendarError::Unintelligible("the answer is not JSON".to_owned())
        }
    })?;
    let Some(id) = text(&event, "/id") else {
        return Err(CalendarError::Unintelligible("the answer is not an event".to_owned()));
    };
    Ok(StoredEvent {
        id: id.to_owned(),
        // Not on every cancelled event.
        link: text(&event, "/htmlLink").unwrap_or_default().to_owned(),
        meeting: meeting(&event),
        cancelled: text(&event, "/status") == Some("cancelled"),
        created: text(&event, "/created").and_then(|text| text.parse().ok()),
        fingerprint: fingerprint(&event),
        outline: event.as_object().map(Outline::of).unwrap_or_default(),
    })
}

fn fingerprint(event: &Value) -> Option<Fingerprint> {
    let private = event.pointer("/extendedProperties/private")?;
    let property = |name: &str| text(private, &format!("/{name}")).map(str::to_owned);
    Some(Fingerprint::stored(property(FINGERPRINT)?, property(FINGERPRINT_2)))
}

fn meeting(event: &Value) -> Meeting {
    match text(event, "/conferenceData/createRequest/status/statusCode") {
        Some("failure") => Meeting::Failed,
        Some("pending") => Meeting::Pending,
        // `success`; and should Google say that before there is a link, then it is not ready yet.
        Some(_) => link(event).map_or(Meeting::Pending, Meeting::Ready),
        None => link(event).map_or(Meeting::None, Meeting::Ready),
    }
}

fn link(event: &Value) -> Option<String> {
    let entries = event.pointer("/conferenceData/entryPoints").and_then(Value::as_array);
    let video = entries
        .into_iter()
        .flatten()
        .find(|entry| text(entry, "/entryPointType") == Some("video"))
        .and_then(|entry| text(entry, "/uri"));
    video.or_else(|| text(event, "/hangoutLink")).map(str::to_owned)
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(event: &Value) -> StoredEvent {
        parse(event.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn an_event_is_read_with_its_link_state_and_fingerprint() {
        let event = json!({
            "kind": "calendar#event", "id": "abc", "status": "confirmed",
            "htmlLink": "https://www.google.com/calendar/event?eid=x", "created": "2026-12-30T08:30:00.000Z",
            "extendedProperties": {"private": {"calrelayBody": "f00d", "other": "1"}},
        });
        assert_eq!(
            parsed(&event),
            StoredEvent {
                id: "abc".to_owned(),
                link: "https://www.google.com/calendar/event?eid=x".to_owned(),
                meeting: Meeting::None,
                cancelled: false,
                created: Some("2026-12-30T08:30:00Z".parse().unwrap()),
                fingerprint: Some(Fingerprint::stored("f00d".to_owned(), None)),
                outline: Outline::default(),
            }
        );
        let bare = parsed(&json!({"id": "abc", "status": "cancelled"}));
        assert!(bare.cancelled);
        assert_eq!((bare.link.as_str(), bare.created, bare.fingerprint), ("", None, None));
    }

    #[test]
    fn a_meeting_is_told_by_its_status_then_by_its_link() {
        let video = json!({"entryPointType": "video", "uri": "https://meet.google.com/a-b-c"});
        let phone = json!({"entryPointType": "phone", "uri": "tel:+1"});
        let hangout = "https://meet.google.com/d-e-f";
        let status = |code: &str| json!({"createRequest": {"status": {"statusCode": code}}});
        let with_entries = |mut data: Value, entries: Value| {
            data["entryPoints"] = entries;
            data
        };
        let ready = |link: &str| Meeting::Ready(link.to_owned());
        for (event, meeting) in [
            (json!({}), Meeting::None),
            (json!({"hangoutLink": hangout}), ready(hangout)),
            (json!({"conferenceData": status("pending")}), Meeting::Pending),
            (json!({"conferenceData": status("failure")}), Meeting::Failed),
            (json!({"conferenceData": status("success")}), Meeting::Pending),
            (json!({"conferenceData": status("success"), "hangoutLink": hangout}), ready(hangout)),
            (
                json!({
                    "conferenceData": with_entries(status("success"), json!([phone, video])),
                    "hangoutLink": hangout,
                }),
                ready("https://meet.google.com/a-b-c"),
            ),
            (json!({"conferenceData": {"entryPoints": [video]}}), ready("https://meet.google.com/a-b-c")),
            (json!({"conferenceData": {"entryPoints": [phone]}}), Meeting::None),
        ] {
            let mut event = event;
            event["id"] = json!("abc");
            assert_eq!(parsed(&event).meeting, meeting, "{event}");
        }
    }

    #[test]
    fn what_is_cut_short_is_no_answer_and_what_is_no_event_is_unintelligible() {
        for cut in ["", " ", "{", r#"{"id":"abc","#, r#"{"id":"ab"#] {
            assert!(matches!(parse(cut.as_bytes()), Err(CalendarError::NoAnswer(_))), "{cut:?}");
        }
        for garbage in ["<html>", "{}", "[]", "null", r#"{"id":7}"#, r#"{"id":""}"#, "{\"id\":\"\u{1}\"}"] {
            assert!(
                matches!(parse(garbage.as_bytes()), Err(CalendarError::Unintelligible(_))),
                "{garbage:?}"
            );
        }
        assert!(matches!(parse(b"\xff\xfe"), Err(CalendarError::Unintelligible(_))));
    }
}
