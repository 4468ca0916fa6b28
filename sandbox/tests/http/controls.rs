//! The sandbox's own controls.

use reqwest::Method;
use serde_json::json;

use crate::harness::{event, world};

#[tokio::test]
async fn a_control_that_is_not_understood_says_what_is() {
    let world = world().await;
    for (path, body) in [
        ("faults", json!({"method": "events.insrt", "status": 500})),
        ("faults", json!({"unknown": 1})),
        ("faults", json!({})),
        ("tokens", json!({"user": "no address"})),
        ("tokens", json!({"scopes": ["drive"]})),
        ("quota", json!({"perMinute": 1})),
        ("clock", json!({"advanceSeconds": -1})),
        ("users/ada@example.com", json!({"timeZone": "Mars/Base"})),
    ] {
        let request = world.request(Method::POST, &format!("/_sandbox/{path}")).json(&body);
        let answer = world.send(request).await;
        assert_eq!(answer.status, 400, "{path} {body}");
        assert!(answer.json["error"].as_str().is_some_and(|sentence| sentence.len() > 5));
    }
}

#[tokio::test]
async fn the_log_tells_who_did_what_when() {
    let world = world().await;
    world.insert(event("first0")).await.ok();
    world.hands.advance_ms(5_000);
    world.get("nothing").await;
    let all = world.look("requests").await["requests"].clone();
    assert_eq!(all[0]["method"], "events.insert");
    assert_eq!(all[0]["user"], "ada@example.com");
    assert_eq!(all[0]["calendar"], "ada@example.com");
    assert_eq!(all[0]["eventId"], "first0");
    assert_eq!((all[0]["status"].as_u64(), all[0]["result"].as_str()), (Some(200), Some("ok")));
    assert_eq!((all[1]["status"].as_u64(), all[1]["result"].as_str()), (Some(404), Some("notFound")));
    assert_eq!(all[0]["start"], "2026-11-20T12:00:00Z");
    let later = world.look("requests?since=2026-11-20T12:00:05Z").await;
    assert_eq!(later["requests"].as_array().unwrap().len(), 1);
    let after = world.look("requests?since=1").await;
    assert_eq!(after["requests"][0]["seq"], 2);
    let stats = world.look("stats").await;
    assert_eq!(stats["total"], 2);
    assert_eq!(stats["perSecond"][0]["byMethod"]["events.insert"], 1);
    assert_eq!(stats["perSecond"][1]["at"], "2026-11-20T12:00:05Z");
}

#[tokio::test]
async fn a_reset_empties_calendars_and_leaves_people_signed_in() {
    let world = world().await;
    world.insert(event("first0")).await.ok();
    world.control("faults", json!({"status": 500})).await;
    world.control("users/ada@example.com", json!({"usageLimited": true})).await;
    world.control("reset", json!({})).await;
    assert!(world.look("events").await["events"].as_array().unwrap().is_empty());
    assert_eq!(world.look("users").await["users"][0]["usageLimited"], false);
    assert_eq!(world.look("stats").await["total"], 0);
    assert_eq!(world.insert(event("first0")).await.status, 200);
    world.control("reset", json!({"everything": true})).await;
    assert_eq!(world.insert(event("first0")).await.status, 401);
}

#[tokio::test]
async fn the_clock_only_goes_forward() {
    let world = world().await;
    world.control("clock", json!({"advanceSeconds": 3_600})).await;
    assert_eq!(world.look("clock").await["now"], "2026-11-20T13:00:00Z");
    assert_eq!(world.list("").await.status, 401, "the token of an hour ago has expired");
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let world = world().await;
    let answer = world.send(world.request(Method::GET, "/calendar/v3/nonsense")).await;
    answer.refused(404, "notFound", "Not Found");
}
