//! Etags and conditional requests.

use reqwest::Method;
use serde_json::json;

use crate::harness::{event, world};

#[tokio::test]
async fn if_match_refuses_a_write_on_another_version() {
    let world = world().await;
    let first = world.insert(event("first0")).await.ok();
    let etag = first["etag"].as_str().unwrap().to_owned();
    let patched = world.patch("first0", json!({"summary": "Moved"})).await.ok();
    assert_ne!(patched["etag"], first["etag"]);
    for method in [Method::PATCH, Method::PUT, Method::DELETE] {
        let stale = world.call(method.clone(), "/first0").header("If-Match", &etag).json(&event("first0"));
        let stale = world.send(stale).await;
        stale.refused(412, "conditionNotMet", "Precondition Failed");
        assert_eq!(stale.json["error"]["errors"][0]["location"], "If-Match");
    }
    let current = patched["etag"].as_str().unwrap();
    let fresh = world.call(Method::PATCH, "/first0").header("If-Match", current).json(&json!({}));
    assert_eq!(world.send(fresh).await.status, 200);
    let any = world.call(Method::DELETE, "/first0").header("If-Match", "*");
    assert_eq!(world.send(any).await.status, 204);
}

#[tokio::test]
async fn if_none_match_spares_a_get() {
    let world = world().await;
    let etag = world.insert(event("first0")).await.ok()["etag"].as_str().unwrap().to_owned();
    let same = world.send(world.call(Method::GET, "/first0").header("If-None-Match", &etag)).await;
    assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", etag.as_str()));
    world.patch("first0", json!({"summary": "Moved"})).await.ok();
    let changed = world.send(world.call(Method::GET, "/first0").header("If-None-Match", &etag)).await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn an_etag_is_twice_the_microseconds_of_updated() {
    let world = world().await;
    let event = world.insert(event("first0")).await.ok();
    let updated: jiff::Timestamp = event["updated"].as_str().unwrap().parse().unwrap();
    assert_eq!(event["etag"], format!("\"{}\"", 2 * updated.as_microsecond()));
}
