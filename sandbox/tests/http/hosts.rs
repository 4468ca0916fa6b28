//! Web pages that a developer visits do nothing to the sandbox.

use reqwest::Method;
use serde_json::json;

use crate::harness::{World, event, hands, world, world_of};

async fn asked(world: &World, method: Method, path: &str, headers: &[(&str, &str)]) -> u16 {
    let request = world.request(method, path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    world.send(request.body(if path.contains("users") { "{}" } else { "" })).await.status
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing_and_reads_nothing() {
    let world = world().await;
    world.insert(event("first0")).await.ok();
    let json = ("Content-Type", "application/json");
    for origin in ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1.evil.example"] {
        let origin = ("Origin", origin);
        for (method, path) in [
            (Method::POST, "/_sandbox/users/x@example.com"),
            (Method::POST, "/_sandbox/reset"),
            (Method::POST, "/_sandbox/faults"),
            (Method::POST, "/_sandbox/clock"),
            (Method::DELETE, "/_sandbox/faults"),
            (Method::GET, "/_sandbox/events"),
            (Method::GET, "/_sandbox/credentials"),
            (Method::GET, "/"),
        ] {
            assert_eq!(asked(&world, method, path, &[origin, json]).await, 403, "{path} {origin:?}");
        }
    }
    assert_eq!(world.look("events").await["events"].as_array().unwrap().len(), 1);
    let own = world.running.url.clone();
    assert_eq!(asked(&world, Method::POST, "/_sandbox/reset", &[("Origin", &own)]).await, 200);
    assert_eq!(asked(&world, Method::POST, "/_sandbox/reset", &[]).await, 200, "a program has no origin");
}

#[tokio::test]
async fn a_rebound_name_gets_no_page_and_no_token() {
    let world = world().await;
    let port = world.running.address.port();
    let evil = format!("evil.example:{port}");
    for (method, path) in [
        (Method::GET, "/_sandbox/events"),
        (Method::GET, "/_sandbox/credentials"),
        (Method::GET, "/_sandbox/outbox"),
        (Method::POST, "/_sandbox/tokens"),
        (Method::GET, "/"),
        (Method::GET, "/nowhere"),
    ] {
        let own = [("Host", evil.as_str()), ("Origin", &format!("http://{evil}"))];
        assert_eq!(asked(&world, method.clone(), path, &own).await, 421, "{path}");
    }
    let local = format!("localhost:{port}");
    assert_eq!(asked(&world, Method::GET, "/_sandbox/events", &[("Host", &local)]).await, 200);
}

#[tokio::test]
async fn a_control_takes_what_is_called_json() {
    let world = world().await;
    let path = "/_sandbox/users/x@example.com";
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        assert_eq!(asked(&world, Method::POST, path, &[("Content-Type", kind)]).await, 415, "{kind}");
    }
    assert_eq!(asked(&world, Method::POST, path, &[]).await, 415);
    let answer = world.send(world.request(Method::POST, path).body("{}")).await;
    assert!(answer.json["error"].as_str().unwrap().contains("application/json"));
    assert_eq!(world.look("users").await["users"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn beyond_loopback_the_named_hosts_may_control_and_google_answers_all() {
    let (hands, config) = hands();
    let config = sandbox::Config {
        listen: ([0, 0, 0, 0], 0).into(),
        allowed_hosts: vec!["sandbox".to_owned()],
        ..config
    };
    let world = world_of(hands, config).await;
    for (host, status) in [("sandbox:8090", 200), ("10.0.0.7:8090", 200), ("evil.example", 421)] {
        assert_eq!(asked(&world, Method::GET, "/_sandbox/clock", &[("Host", host)]).await, status, "{host}");
        let list = world.call(Method::GET, "").header("Host", host);
        assert_eq!(world.send(list).await.status, 200, "Google's paths answer under any name: {host}");
    }
    let form =
        world.request(Method::POST, "/token").header("Host", "sandbox:8090").form(&[("grant_type", "x")]);
    assert_eq!(world.send(form).await.json["error"], json!("unsupported_grant_type"));
}
