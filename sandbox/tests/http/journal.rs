//! What was answered is there again after a kill.

use std::path::Path;

use reqwest::Method;
use sandbox::Config;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::harness::{World, event, hands, world_of};

async fn over(file: &Path) -> World {
    let (hands, config) = hands();
    let config = Config { state_file: Some(file.to_owned()), ..config };
    world_of(hands, config).await
}

async fn refresh(world: &World, token: &Value) -> u16 {
    let web = &world.look("credentials").await["web"];
    let form = json!({"grant_type": "refresh_token", "refresh_token": token, "client_id": web["client_id"], "client_secret": web["client_secret"]});
    world.send(world.request(Method::POST, "/token").form(&form)).await.status
}

#[tokio::test]
async fn the_file_as_it_is_at_the_reply_holds_everything() {
    let folder = tempdir().unwrap();
    let first = over(&folder.path().join("state.jsonl")).await;
    let tokens = first.control("tokens", json!({"user": "late@example.com"})).await;
    first
        .control(
            "users/ada@example.com",
            json!({"timeZone": "Asia/Kolkata", "calendars": ["team@example.com"]}),
        )
        .await;
    let client = "200000000002-new.apps.googleusercontent.com";
    first.control(&format!("clients/{client}"), json!({"publishing": "testing"})).await;
    first.control("service-account", json!({"delegatedScopes": ["calendar.events"]})).await;
    first.control("users/grace@example.com", json!({"roles": {"team@example.com": "writer"}})).await;
    let mut body = event("first0");
    body["attendees"] = json!([{"email": "g@example.com"}]);
    first.send(first.call(Method::POST, "?sendUpdates=all").json(&body)).await.ok();
    first.insert(event("gone00")).await.ok();
    first.delete("gone00").await;
    first.patch("first0", json!({"summary": "Patched"})).await.ok();
    let events = first.look("events").await;
    // The bytes a SIGKILL at this moment would leave.
    let copy = folder.path().join("copy.jsonl");
    std::fs::copy(folder.path().join("state.jsonl"), &copy).unwrap();
    let mut second = over(&copy).await;
    assert_eq!(second.look("events").await, events);
    assert_eq!(second.look("outbox").await, first.look("outbox").await);
    assert_eq!(second.look("users").await["users"][3]["email"], "late@example.com");
    assert_eq!(refresh(&second, &tokens["refresh_token"]).await, 200);
    assert_eq!(second.look("clients").await, first.look("clients").await);
    let grace = second.token_of("grace@example.com").await;
    let path = "/calendar/v3/calendars/team@example.com/events";
    let shared = second.request(Method::POST, path).bearer_auth(grace).json(&event("shared"));
    assert_eq!(second.send(shared).await.status, 200);
    second.token = first.token.clone();
    assert_eq!(second.get("first0").await.ok()["summary"], "Patched");
    assert_eq!(second.insert(event("gone00")).await.status, 409);
}

#[tokio::test]
async fn an_abrupt_end_loses_nothing_and_a_stop_shortens_the_file() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("state.jsonl");
    let first = over(&file).await;
    for n in 0..20 {
        first.patch("x", json!({})).await;
        first.insert(event(&format!("event{n}"))).await;
        first.hands.advance_ms(1_000);
        first.patch("event0", json!({"summary": format!("{n}")})).await.ok();
    }
    drop(first);
    let long = std::fs::metadata(&file).unwrap().len();
    let second = over(&file).await;
    let events = second.look("events").await;
    assert_eq!(events["events"].as_array().unwrap().len(), 20);
    assert_eq!(events["events"][0]["summary"], "19");
    second.running.stop().await.unwrap();
    assert!(std::fs::metadata(&file).unwrap().len() < long);
    assert_eq!(over(&file).await.look("events").await, events);
}

#[tokio::test]
async fn a_reset_and_the_clock_are_remembered_too() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("state.jsonl");
    let first = over(&file).await;
    first.insert(event("first0")).await.ok();
    first.control("clock", json!({"advanceSeconds": 3_600})).await;
    first.control("reset", json!({})).await;
    let now = first.look("clock").await;
    drop(first);
    let second = over(&file).await;
    assert!(second.look("events").await["events"].as_array().unwrap().is_empty());
    assert_eq!(second.look("clock").await, now);
}

#[tokio::test]
async fn a_file_of_an_earlier_version_is_read() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("state.jsonl");
    let at = "2026-11-20T11:00:00Z";
    let user = json!({"email": "old@example.com", "sub": "1", "name": "Old", "usageLimited": false, "deleted": false, "calendarUser": true});
    let event = json!({"id": "older0", "created": at, "changed": at, "creator": "old@example.com", "start": {"date": "2026-12-30"}, "end": {"date": "2026-12-31"}, "ical_uid": "older0@google.com", "sequence": 0, "insert_count": 1, "fields": {}});
    let token = json!({"token": "1//0old", "user": "old@example.com", "client": "100000000001-sandbox.apps.googleusercontent.com", "scopes": ["openid"], "issued": at, "used": at});
    let lines = [
        json!({"user": user}),
        json!({"calendar": {"id": "old@example.com", "owner": "old@example.com", "timeZone": "UTC"}}),
        json!({"event": {"calendar": "old@example.com", "event": event}}),
        json!({"refresh": token}),
    ];
    std::fs::write(&file, lines.map(|line| format!("{line}\n")).concat()).unwrap();
    let world = over(&file).await;
    assert_eq!(world.look("events?user=old@example.com").await["events"][0]["id"], "older0");
    assert_eq!(refresh(&world, &json!("1//0old")).await, 200);
}
