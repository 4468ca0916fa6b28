//! Bad events are refused in Google's own words.

use serde_json::{Value, json};

use crate::harness::{World, event, world};

async fn refused(world: &World, changes: Value, status: u16, reason: &str, message: &str) {
    let mut body = event("never0");
    for (key, value) in changes.as_object().unwrap() {
        let body = body.as_object_mut().unwrap();
        if value.is_null() {
            body.remove(key);
        } else {
            body.insert(key.clone(), value.clone());
        }
    }
    let answer = world.insert(body).await;
    let got = (answer.status, answer.reason(), answer.message());
    assert_eq!(got, (status, reason, message), "{changes}");
}

#[tokio::test]
async fn every_known_mistake_has_googles_message() {
    let world = world().await;
    world.control("quota", json!({"calendarPerSecond": 1000})).await;
    let bad_id = "Invalid resource id value.";
    let bad_request = "Bad Request";
    let rule = "Invalid recurrence rule.";
    for (changes, reason, message) in [
        (json!({"start": null}), "required", "Missing start time."),
        (json!({"end": null}), "required", "Missing end time."),
        (json!({"id": "UPPER"}), "invalid", bad_id),
        (json!({"id": "abc"}), "invalid", bad_id),
        (json!({"id": "with-dash"}), "invalid", bad_id),
        (json!({"id": "w".repeat(10)}), "invalid", bad_id),
        (json!({"id": "a".repeat(1025)}), "invalid", bad_id),
        (json!({"iCalUID": "both@given"}), "invalid", bad_id),
        (
            json!({"start": {"date": "2026-12-30"}}),
            "invalid",
            "Start and end times must either both be date or both be dateTime.",
        ),
        (
            json!({"start": {"date": "2026-12-30", "dateTime": "2026-12-30T10:00:00Z"}}),
            "invalid",
            "Invalid start time.",
        ),
        (
            json!({"start": {"dateTime": "2026-12-30T14:00:00", "timeZone": "Mars/Base"}}),
            "invalid",
            "Invalid time zone definition for start time.",
        ),
        (
            json!({"end": {"dateTime": "2026-12-30T13:00:00", "timeZone": "Asia/Kolkata"}}),
            "timeRangeEmpty",
            "The specified time range is empty.",
        ),
        (
            json!({"start": {"date": "2026-12-30T10:00:00Z"}, "end": {"date": "2026-12-31"}}),
            "badRequest",
            bad_request,
        ),
        (json!({"start": {"dateTime": "soon"}}), "badRequest", bad_request),
        (json!({"summary": 5}), "badRequest", bad_request),
        (json!({"attendees": [{}]}), "required", "Missing attendee email."),
        (json!({"attendees": [{"email": "nobody"}]}), "invalid", "Invalid attendee email."),
        (json!({"recurrence": ["RRULE:FREQ=SOMETIMES"]}), "invalid", rule),
        (json!({"recurrence": ["DTSTART:20261230T140000Z"]}), "invalid", rule),
        (
            json!({"recurrence": ["RRULE:FREQ=DAILY"], "start": {"dateTime": "2026-12-30T08:30:00Z"}}),
            "required",
            "Missing time zone definition for start time.",
        ),
    ] {
        refused(&world, changes, 400, reason, message).await;
    }
    assert!(world.look("events").await["events"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn broken_json_is_a_parse_error_and_other_json_a_bad_request() {
    let world = world().await;
    for (body, reason) in [
        ("{\"summary\":", "parseError"),
        ("[]", "badRequest"),
        ("", "required"),
        ("\u{feff}{}", "parseError"),
    ] {
        let answer = world.send(world.call(reqwest::Method::POST, "").body(body)).await;
        assert_eq!((answer.status, answer.reason()), (400, reason), "{body}");
    }
    let deep = "[".repeat(5_000);
    let answer = world.send(world.call(reqwest::Method::POST, "").body(deep)).await;
    assert_eq!((answer.status, answer.reason()), (400, "parseError"));
    let bytes = world.call(reqwest::Method::POST, "").body(vec![b'{', 0xff, b'}']);
    assert_eq!(world.send(bytes).await.reason(), "parseError");
}

#[tokio::test]
async fn a_limited_user_may_write_but_not_invite() {
    let world = world().await;
    world.control("users/ada@example.com", json!({"usageLimited": true})).await;
    assert_eq!(world.insert(event("alone0")).await.status, 200);
    let mut body = event("guests");
    body["attendees"] = json!([{"email": "g@example.com"}]);
    let refused = world.insert(body.clone()).await;
    refused.refused(403, "quotaExceeded", "Calendar usage limits exceeded.");
    world.control("users/ada@example.com", json!({"usageLimited": false})).await;
    assert_eq!(world.insert(body).await.status, 200);
}

#[tokio::test]
async fn someone_without_google_calendar_is_told_so() {
    let world = world().await;
    world.control("users/ada@example.com", json!({"calendarUser": false})).await;
    let refused = world.insert(event("first0")).await;
    refused.refused(403, "notACalendarUser", "The user must be signed up for Google Calendar.");
}
