//! Google Meet: asked for, pending, there.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, World, event, world};

fn with_meet(id: &str, request: &str, solution: &str) -> Value {
    let mut body = event(id);
    body["conferenceData"] =
        json!({"createRequest": {"requestId": request, "conferenceSolutionKey": {"type": solution}}});
    body
}

async fn insert(world: &World, body: Value) -> Answer {
    world.send(world.call(Method::POST, "?conferenceDataVersion=1").json(&body)).await
}

async fn ask_again(world: &World, id: &str, request: &str) -> Value {
    let body = json!({"conferenceData": with_meet(id, request, "hangoutsMeet")["conferenceData"]});
    let path = format!("/{id}?conferenceDataVersion=1");
    world.send(world.call(Method::PATCH, &path).json(&body)).await.ok()
}

fn state(event: &Value) -> &str {
    event["conferenceData"]["createRequest"]["status"]["statusCode"].as_str().unwrap_or("none")
}

#[tokio::test]
async fn a_conference_is_pending_and_then_has_its_link() {
    let world = world().await;
    let asked = insert(&world, with_meet("first0", "r1", "hangoutsMeet")).await.ok();
    assert_eq!(state(&asked), "pending");
    assert!(asked.get("hangoutLink").is_none());
    assert!(asked["conferenceData"].get("entryPoints").is_none());
    world.hands.advance_ms(999);
    assert_eq!(state(&world.get("first0").await.ok()), "pending");
    world.hands.advance_ms(1);
    let ready = world.get("first0").await.ok();
    assert_eq!(state(&ready), "success");
    assert_ne!(ready["etag"], asked["etag"]);
    let link = ready["hangoutLink"].as_str().unwrap();
    let code = link.strip_prefix("https://meet.google.com/").unwrap();
    let parts: Vec<usize> = code.split('-').map(str::len).collect();
    assert_eq!(parts, [3, 4, 3]);
    let data = &ready["conferenceData"];
    assert_eq!(data["conferenceId"], code);
    assert_eq!(
        data["entryPoints"],
        json!([{"entryPointType": "video", "uri": link, "label": format!("meet.google.com/{code}")}])
    );
    assert_eq!(data["conferenceSolution"]["key"]["type"], "hangoutsMeet");
}

#[tokio::test]
async fn without_the_version_the_request_is_ignored() {
    let world = world().await;
    let stored = world.insert(with_meet("first0", "r1", "hangoutsMeet")).await.ok();
    assert!(stored.get("conferenceData").is_none());
}

#[tokio::test]
async fn another_solution_is_refused_and_so_is_an_echo() {
    let world = world().await;
    let refused = insert(&world, with_meet("first0", "r1", "eventHangout")).await;
    refused.refused(400, "invalid", "Invalid conference type value.");
    insert(&world, with_meet("first0", "r1", "hangoutsMeet")).await.ok();
    world.hands.advance_ms(1_000);
    let fetched = world.get("first0").await.ok();
    let echo = world.call(Method::PUT, "/first0?conferenceDataVersion=1").json(&fetched);
    assert_eq!(world.send(echo).await.status, 400);
    let ignored = world.update("first0", fetched).await.ok();
    assert_eq!(state(&ignored), "success", "version 0 leaves the conference alone");
}

#[tokio::test]
async fn a_failure_stays_until_a_new_request_id() {
    let world = world().await;
    world.control("meet", json!({"delayMs": 500, "outcome": "failure"})).await;
    insert(&world, with_meet("first0", "r1", "hangoutsMeet")).await.ok();
    world.hands.advance_ms(500);
    let failed = world.get("first0").await.ok();
    assert_eq!(state(&failed), "failure");
    assert!(failed.get("hangoutLink").is_none());
    world.control("meet", json!({"delayMs": 0})).await;
    assert_eq!(state(&ask_again(&world, "first0", "r1").await), "failure", "the same id is ignored");
    assert_eq!(state(&ask_again(&world, "first0", "r2").await), "success");
}

#[tokio::test]
async fn lists_see_a_settled_conference_too() {
    let world = world().await;
    insert(&world, with_meet("first0", "r1", "hangoutsMeet")).await.ok();
    world.hands.advance_ms(60_000);
    let listed = world.list("").await.ok();
    assert_eq!(state(&listed["items"][0]), "success");
}

#[tokio::test]
async fn a_conference_stays_through_a_patch_of_something_else_and_goes_with_null() {
    let world = world().await;
    insert(&world, with_meet("first0", "r1", "hangoutsMeet")).await.ok();
    let renamed = world.send(world.call(Method::PATCH, "/first0").json(&json!({"summary": "x"}))).await.ok();
    assert_eq!(state(&renamed), "pending");
    let gone = json!({"conferenceData": null});
    let path = "/first0?conferenceDataVersion=1";
    let removed = world.send(world.call(Method::PATCH, path).json(&gone)).await.ok();
    assert!(removed.get("conferenceData").is_none(), "{removed}");
}

#[tokio::test]
async fn a_calendar_that_may_have_no_meet_says_so_and_keeps_what_it_has() {
    let world = world().await;
    insert(&world, with_meet("first0", "r1", "hangoutsMeet")).await.ok();
    let without = json!({"allowedConferenceSolutionTypes": []});
    world.control("users/ada@example.com", without).await;
    let refused = insert(&world, with_meet("second", "r1", "hangoutsMeet")).await;
    refused.refused(400, "invalid", "Invalid conference type value.");
    assert_eq!(world.get("second").await.status, 404, "the event is not made without it");
    world.patch("first0", json!({"summary": "x"})).await.ok();
    assert_eq!(insert(&world, event("thirdd")).await.status, 200);
    let with = json!({"allowedConferenceSolutionTypes": ["hangoutsMeet"]});
    world.control("users/ada@example.com", with).await;
    assert_eq!(insert(&world, with_meet("second", "r1", "hangoutsMeet")).await.status, 200);
}
