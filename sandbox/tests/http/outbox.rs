//! The mails that Google would have sent.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{World, event, world};

async fn insert(world: &World, id: &str, send: &str) {
    let mut body = event(id);
    body["attendees"] = json!([
        {"email": "ada@example.com"}, {"email": "grace@example.com"}, {"email": "someone@elsewhere.example"}
    ]);
    let path = format!("?sendUpdates={send}");
    world.send(world.call(Method::POST, &path).json(&body)).await.ok();
}

async fn mails(world: &World) -> Vec<Value> {
    world.look("outbox").await["mails"].as_array().unwrap().clone()
}

#[tokio::test]
async fn guests_are_mailed_as_the_write_says() {
    let world = world().await;
    insert(&world, "none00", "none").await;
    assert!(mails(&world).await.is_empty());
    insert(&world, "outer0", "externalOnly").await;
    insert(&world, "all000", "all").await;
    let sent = mails(&world).await;
    assert_eq!(sent[0]["to"], json!(["someone@elsewhere.example"]));
    assert_eq!(sent[1]["to"], json!(["grace@example.com", "someone@elsewhere.example"]));
    assert_eq!(
        (sent[1]["kind"].as_str(), sent[1]["from"].as_str()),
        (Some("invitation"), Some("ada@example.com"))
    );
    world
        .send(world.call(Method::PATCH, "/all000?sendUpdates=all").json(&json!({"summary": "x"})))
        .await
        .ok();
    world.send(world.call(Method::DELETE, "/all000?sendUpdates=all")).await;
    let kinds: Vec<_> = mails(&world).await.iter().map(|mail| mail["kind"].clone()).collect();
    assert_eq!(kinds, ["invitation", "invitation", "update", "cancellation"]);
}

#[tokio::test]
async fn nobody_is_mailed_about_the_past() {
    let world = world().await;
    world.control("clock", json!({"advanceSeconds": 86_400 * 60})).await;
    world.token_of("ada@example.com").await;
    let mut world = world;
    world.token = world.token_of("ada@example.com").await;
    insert(&world, "past00", "all").await;
    assert!(mails(&world).await.is_empty());
}

#[tokio::test]
async fn a_word_google_does_not_know_is_refused() {
    let world = world().await;
    let answer = world.send(world.call(Method::POST, "?sendUpdates=some").json(&event("first0"))).await;
    assert_eq!((answer.status, answer.reason()), (400, "invalid"));
}

#[tokio::test]
async fn an_update_mails_every_guest_and_a_cancellation_by_patch_is_one() {
    let world = world().await;
    insert(&world, "first0", "none").await;
    let more = json!({"attendees": [{"email": "grace@example.com"}, {"email": "late@elsewhere.example"}]});
    world.send(world.call(Method::PATCH, "/first0?sendUpdates=all").json(&more)).await.ok();
    assert_eq!(mails(&world).await[0]["to"], json!(["grace@example.com", "late@elsewhere.example"]));
    let gone = json!({"status": "cancelled"});
    world.send(world.call(Method::PATCH, "/first0?sendUpdates=all").json(&gone)).await.ok();
    assert_eq!(mails(&world).await[1]["kind"], "cancellation");
}

#[tokio::test]
async fn an_import_mails_nobody_whatever_it_asks() {
    let world = world().await;
    let mut body = event("x");
    body["iCalUID"] = json!("uid-7@elsewhere.example");
    body["attendees"] = json!([{"email": "grace@example.com"}]);
    world.send(world.call(Method::POST, "/import?sendUpdates=all").json(&body)).await.ok();
    assert!(mails(&world).await.is_empty());
}

#[tokio::test]
async fn guests_without_google_calendar_are_external() {
    let world = world().await;
    world.control("users/grace@example.com", json!({"calendarUser": false})).await;
    insert(&world, "outer0", "externalOnly").await;
    assert_eq!(mails(&world).await[0]["to"], json!(["grace@example.com", "someone@elsewhere.example"]));
}
