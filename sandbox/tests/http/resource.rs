//! What an event looks like: Google's own forms, default fields, merging and replacing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADA, event, world};

#[tokio::test]
async fn a_plain_event_has_googles_links_and_constants() {
    let world = world().await;
    world.hands.advance_ms(123);
    let event = world.insert(event("first0")).await.ok();
    let link = event["htmlLink"].as_str().unwrap();
    let eid = link.strip_prefix("https://www.google.com/calendar/event?eid=").unwrap();
    assert_eq!(STANDARD_NO_PAD.decode(eid).unwrap(), b"first0 ada@example.com");
    for (field, value) in [
        ("kind", json!("calendar#event")),
        ("status", json!("confirmed")),
        ("id", json!("first0")),
        ("iCalUID", json!("first0@google.com")),
        ("sequence", json!(0)),
        ("eventType", json!("default")),
        ("reminders", json!({"useDefault": true})),
        ("creator", json!({"email": ADA, "self": true})),
        ("organizer", json!({"email": ADA, "self": true})),
        ("created", json!("2026-11-20T12:00:00.000Z")),
        ("updated", json!("2026-11-20T12:00:00.123Z")),
        ("start", json!({"dateTime": "2026-12-30T08:30:00Z", "timeZone": "Asia/Kolkata"})),
    ] {
        assert_eq!(event[field], value, "{field}");
    }
    assert_eq!(world.get("first0").await.ok(), event);
}

#[tokio::test]
async fn without_an_id_google_makes_one() {
    let world = world().await;
    let mut body = event("x");
    body.as_object_mut().unwrap().remove("id");
    let first = world.insert(body.clone()).await.ok();
    let second = world.insert(body).await.ok();
    let id = first["id"].as_str().unwrap();
    assert_eq!(id.len(), 26);
    assert!(id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'v').contains(&b)));
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test]
async fn times_are_shown_in_the_calendars_zone_or_the_one_asked_for() {
    let world = world().await;
    world.control("users/ada@example.com", json!({"timeZone": "Europe/Berlin"})).await;
    let stored = world.insert(event("first0")).await.ok();
    assert_eq!(stored["start"], json!({"dateTime": "2026-12-30T09:30:00+01:00", "timeZone": "Asia/Kolkata"}));
    let there = world.send(world.call(Method::GET, "/first0?timeZone=Asia/Kolkata")).await.ok();
    assert_eq!(there["start"]["dateTime"], "2026-12-30T14:00:00+05:30");
    let bare = json!({"id": "bare00", "start": {"dateTime": "2026-07-01T09:00:00"}, "end": {"dateTime": "2026-07-01T10:00:00"}});
    let bare = world.insert(bare).await.ok();
    assert_eq!(bare["start"], json!({"dateTime": "2026-07-01T09:00:00+02:00", "timeZone": "Europe/Berlin"}));
}

#[tokio::test]
async fn a_patch_merges_and_a_put_replaces() {
    let world = world().await;
    let mut body = event("first0");
    body["location"] = json!("Canteen");
    body["extendedProperties"] = json!({"private": {"a": "1", "b": "2"}});
    body["attendees"] = json!([{"email": "g1@example.com"}, {"email": "g2@example.com"}]);
    world.insert(body).await.ok();
    let patch = json!({"location": null, "extendedProperties": {"private": {"a": null, "c": "3"}}, "attendees": [{"email": "g3@example.com"}]});
    let patched = world.patch("first0", patch).await.ok();
    assert_eq!(patched["summary"], "Lunch");
    assert!(patched.get("location").is_none());
    assert_eq!(patched["extendedProperties"], json!({"private": {"b": "2", "c": "3"}}));
    assert_eq!(patched["attendees"], json!([{"email": "g3@example.com", "responseStatus": "needsAction"}]));
    assert_eq!(patched["sequence"], 0);
    let later = json!({"start": {"dateTime": "2026-12-30T13:00:00+05:30"}});
    let moved = world.patch("first0", later).await.ok();
    assert_eq!(moved["start"], json!({"dateTime": "2026-12-30T07:30:00Z", "timeZone": "Asia/Kolkata"}));
    assert_eq!(moved["sequence"], 1);
    let replaced = world.update("first0", event("ignored")).await.ok();
    assert_eq!(replaced["id"], "first0");
    for gone in ["extendedProperties", "attendees", "location"] {
        assert!(replaced.get(gone).is_none(), "{gone}");
    }
    let stale = json!({"sequence": 0});
    assert_eq!(world.patch("first0", stale).await.status, 400);
}

#[tokio::test]
async fn properties_too_long_are_dropped_or_cut_without_a_word() {
    let world = world().await;
    let mut body = event("first0");
    let long = "k".repeat(45);
    body["extendedProperties"] = json!({"private": {long: "gone", "kept": "v".repeat(2000)}});
    let stored = world.insert(body).await.ok();
    let private = stored["extendedProperties"]["private"].as_object().unwrap();
    assert_eq!(private.len(), 1);
    assert_eq!(private["kept"].as_str().unwrap().len(), 1024);
}

#[tokio::test]
async fn two_hundred_and_fifty_guests_are_stored() {
    let world = world().await;
    let mut body = event("croud0");
    let guests: Vec<Value> = (0..250).map(|n| json!({"email": format!("guest{n}@example.org")})).collect();
    body["attendees"] = json!(guests);
    let stored = world.insert(body).await.ok();
    assert_eq!(stored["attendees"].as_array().unwrap().len(), 250);
    let few = world.send(world.call(Method::GET, "/croud0?maxAttendees=10")).await.ok();
    assert_eq!(few["attendeesOmitted"], true);
    assert!(few["attendees"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn replies_are_indented_and_partial_when_asked() {
    let world = world().await;
    world.insert(event("first0")).await.ok();
    assert!(world.get("first0").await.text.contains("\n"));
    let compact =
        world.send(world.call(Method::GET, "/first0?prettyPrint=false&fields=id,start/timeZone")).await;
    assert_eq!(compact.text, r#"{"id":"first0","start":{"timeZone":"Asia/Kolkata"}}"#);
    let bad = world.send(world.call(Method::GET, "/first0?fields=id(")).await;
    assert_eq!(bad.reason(), "invalid");
}

#[tokio::test]
async fn an_import_is_known_by_its_uid_and_keeps_its_organizer() {
    let world = world().await;
    let mut body = event("x");
    body["iCalUID"] = json!("uid-7@elsewhere.example");
    body["organizer"] = json!({"email": "boss@elsewhere.example", "displayName": "Boss"});
    let imported = world.send(world.call(Method::POST, "/import").json(&body)).await.ok();
    assert_eq!(imported["organizer"], json!({"email": "boss@elsewhere.example", "displayName": "Boss"}));
    assert_eq!(imported["iCalUID"], "uid-7@elsewhere.example");
    let again = world.send(world.call(Method::POST, "/import").json(&body)).await;
    again.refused(409, "duplicate", "The requested identifier already exists.");
    let without = world.send(world.call(Method::POST, "/import").json(&event("x"))).await;
    assert_eq!((without.status, without.reason()), (400, "required"));
}

#[tokio::test]
async fn a_second_calendar_belongs_to_its_owner_alone() {
    let world = world().await;
    let path = "/calendar/v3/calendars/team%40group.calendar.example.com/events";
    let missing =
        world.send(world.request(Method::POST, path).bearer_auth(&world.token).json(&event("first0"))).await;
    missing.refused(404, "notFound", "Not Found");
    world.control("users/ada@example.com", json!({"calendars": ["team@group.calendar.example.com"]})).await;
    let stored = world
        .send(world.request(Method::POST, path).bearer_auth(&world.token).json(&event("first0")))
        .await
        .ok();
    assert_eq!(stored["organizer"]["email"], "team@group.calendar.example.com");
    assert_eq!(stored["creator"], json!({"email": ADA}));
    let grace = world.token_of("grace@example.com").await;
    let other = world.send(world.request(Method::GET, path).bearer_auth(grace)).await;
    other.refused(404, "notFound", "Not Found");
    let primary = world.insert(event("first0")).await;
    assert_eq!(primary.status, 200, "an id is unique per calendar");
}

#[tokio::test]
async fn reminders_make_another_version_and_leave_updated_alone() {
    let world = world().await;
    let first = world.insert(event("first0")).await.ok();
    world.hands.advance_ms(5_000);
    world.insert(event("second")).await.ok();
    world.hands.advance_ms(5_000);
    let overrides = json!({"useDefault": false, "overrides": [{"method": "popup", "minutes": 5}]});
    let reminded = world.patch("first0", json!({"reminders": overrides})).await.ok();
    assert_eq!(reminded["updated"], first["updated"]);
    assert_ne!(reminded["etag"], first["etag"]);
    let order = world.list("orderBy=updated").await.ok();
    assert_eq!((&order["items"][0]["id"], &order["items"][1]["id"]), (&json!("first0"), &json!("second")));
    let since = world.list("updatedMin=2026-11-20T12:00:01Z").await.ok();
    assert_eq!(since["items"].as_array().unwrap().len(), 1);
    let both = json!({"summary": "x", "reminders": {"useDefault": true, "overrides": null}});
    let changed = world.patch("first0", both).await.ok();
    assert_eq!(changed["updated"], "2026-11-20T12:00:10.001Z");
}

#[tokio::test]
async fn what_all_copies_share_is_set_by_the_organizer_alone() {
    let world = world().await;
    let mut body = event("x");
    body["iCalUID"] = json!("uid-8@elsewhere.example");
    body["organizer"] = json!({"email": "boss@elsewhere.example"});
    let id = world.send(world.call(Method::POST, "/import").json(&body)).await.ok()["id"].clone();
    let id = id.as_str().unwrap();
    let message = "Shared properties can only be changed by the organizer of the event.";
    let setting = world.patch(id, json!({"guestsCanModify": false})).await;
    setting.refused(403, "forbiddenForNonOrganizer", message);
    // A PUT without them sets them to their defaults.
    world.update(id, event("x")).await.refused(403, "forbiddenForNonOrganizer", message);
    assert_eq!(world.patch(id, json!({"summary": "Mine"})).await.ok()["summary"], "Mine");
    world.insert(event("first0")).await.ok();
    assert_eq!(world.patch("first0", json!({"guestsCanModify": true})).await.status, 200);
    assert_eq!(world.update("first0", event("x")).await.status, 200);
}

#[tokio::test]
async fn labels_are_for_clients_that_know_them_and_supersede_colours() {
    let world = world().await;
    let put = async |method: Method, path: &str, body: &Value| {
        world.send(world.call(method, path).json(body)).await.ok()
    };
    let mut body = event("first0");
    body["colorId"] = json!("7");
    body["eventLabelId"] = json!("label");
    let old = put(Method::POST, "", &body).await;
    assert_eq!((&old["colorId"], old.get("eventLabelId")), (&json!("7"), None));
    body["id"] = json!("second");
    let new = put(Method::POST, "?eventLabelVersion=1", &body).await;
    assert_eq!((new.get("colorId"), &new["eventLabelId"]), (None, &json!("label")));
    let kept = put(Method::PUT, "/second", &event("x")).await;
    assert_eq!(kept["eventLabelId"], "label", "who does not know labels does not take them off");
    let kept = put(Method::PATCH, "/second", &json!({"eventLabelId": "other"})).await;
    assert_eq!(kept["eventLabelId"], "label");
    let off = put(Method::PATCH, "/second?eventLabelVersion=1", &json!({"eventLabelId": ""})).await;
    assert!(off.get("eventLabelId").is_none());
    let bad = world.send(world.call(Method::POST, "?eventLabelVersion=2").json(&event("thirdd"))).await;
    assert_eq!((bad.status, bad.reason()), (400, "invalid"));
}

#[tokio::test]
async fn an_import_becomes_a_plain_event() {
    let world = world().await;
    let mut body = event("x");
    body["iCalUID"] = json!("uid-9@elsewhere.example");
    body["eventType"] = json!("focusTime");
    body["focusTimeProperties"] = json!({"chatStatus": "doNotDisturb"});
    let imported = world.send(world.call(Method::POST, "/import").json(&body)).await.ok();
    assert_eq!(imported["eventType"], "default");
    assert!(imported.get("focusTimeProperties").is_none());
}
