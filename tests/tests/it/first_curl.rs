//! What a newcomer pastes.

use serde_json::{Value, json};
use tests::{Calrelay, Launch};

/// The README's first request.
fn example() -> Value {
    json!({
        "summary": "Production Test Event", "description": "Testing calendar integration",
        "startDateTime": "2026-12-30T14:00:00", "endDateTime": "2026-12-30T15:00:00",
        "attendeeEmail": "test@example.com", "timeZone": "Asia/Kolkata",
    })
}

async fn post_example(calrelay: &Calrelay) -> Value {
    let reply = calrelay.post("/api/create-calendar-event", &example()).send().await.expect("an answer");
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.headers()["calrelay-google"], "sandbox");
    reply.json().await.expect("JSON")
}

fn is_created(body: &Value) {
    assert_eq!(body["success"], true);
    assert_eq!(body["message"], "Calendar event created successfully");
    let id = body["eventId"].as_str().expect("an id");
    assert_eq!(id.len(), 26);
    let link = body["eventLink"].as_str().expect("a link");
    assert!(link.starts_with("https://www.google.com/calendar/event?eid="), "{link}");
    let meet = body["meetLink"].as_str().expect("a conference");
    let code = meet.strip_prefix("https://meet.google.com/").expect("a Meet link");
    let parts: Vec<usize> = code.split('-').map(str::len).collect();
    assert_eq!(parts, [3, 4, 3], "{meet}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_curl_creates_the_event_with_the_printed_key() {
    let calrelay = Launch::new().start().await;
    let body = post_example(&calrelay).await;
    is_created(&body);
    let events = calrelay.sandbox().events().await;
    let stored = &events[body["eventId"].as_str().expect("an id")];
    assert_eq!(stored.inserts, 1);
    assert_eq!(stored.event["summary"], "Production Test Event");
    let start: jiff::Timestamp =
        stored.event["start"]["dateTime"].as_str().expect("a start").parse().expect("RFC 3339");
    assert_eq!(start, "2026-12-30T08:30:00Z".parse().expect("14:00 in Kolkata"));
    let page = calrelay
        .http()
        .get(calrelay.sandbox().url("/?date=2026-12-30"))
        .send()
        .await
        .expect("the calendar page")
        .text()
        .await
        .expect("text");
    assert!(
        page.contains("Production Test Event") && page.contains("14:00"),
        "the page shows it at its hour"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_on_this_machine_the_first_curl_works_as_it_is() {
    let calrelay = Launch::new().with("DEV_NO_AUTH", 1).start().await;
    is_created(&post_example(&calrelay).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_nobody_gets_in() {
    let calrelay = Launch::new().start().await;
    let url = calrelay.url("/api/create-calendar-event");
    let reply = calrelay.http().post(url).json(&example()).send().await.expect("an answer");
    assert_eq!(reply.status(), 401);
    assert_eq!(reply.headers()["content-type"], "application/problem+json");
    assert!(calrelay.sandbox().events().await.is_empty());
}
