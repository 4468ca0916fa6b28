//! A dropped connection is a transport error, never a status; what had happened by then had happened.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{event, world};

#[tokio::test]
async fn before_leaves_no_event_and_after_leaves_one() {
    let world = world().await;
    for (when, left, result) in [("before", 0, "droppedBefore"), ("after", 1, "droppedAfter")] {
        world.control("faults", json!({"method": "events.insert", "drop": when, "count": 1})).await;
        let sent = world.call(Method::POST, "").json(&event("first0")).send().await;
        let error = sent.expect_err("a drop answers nothing");
        assert!(error.status().is_none() && !error.is_timeout(), "{error:?}");
        let events = world.look("events").await;
        assert_eq!(events["events"].as_array().unwrap().len(), left, "{when}");
        let log = world.look("requests").await;
        let last = log["requests"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["result"], result);
        assert_eq!(last["eventId"], "first0");
        assert!(last.get("status").is_none());
    }
    let again = world.insert(event("first0")).await;
    again.refused(409, "duplicate", "The requested identifier already exists.");
}

#[tokio::test]
async fn a_late_commit_cuts_its_client_off_at_once_and_takes_effect_afterwards() {
    let world = world().await;
    world.control("faults", json!({"method": "events.insert", "commitAfterMs": 400, "count": 1})).await;
    let begun = Instant::now();
    let sent = world.call(Method::POST, "").json(&event("later0")).send().await;
    assert!(sent.expect_err("a drop answers nothing").status().is_none());
    assert!(begun.elapsed() < Duration::from_millis(400), "the client waited for the commit");
    assert_eq!(world.get("later0").await.status, 404, "nothing has been written yet");
    for _ in 0..100 {
        if world.get("later0").await.status == 200 {
            assert!(begun.elapsed() >= Duration::from_millis(400));
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it was never written");
}

#[tokio::test]
async fn a_late_commit_meets_an_id_that_was_taken_meanwhile() {
    let world = world().await;
    world.control("faults", json!({"method": "events.insert", "commitAfterMs": 200, "count": 1})).await;
    drop(world.call(Method::POST, "").json(&event("taken0")).send().await);
    assert_eq!(world.insert(event("taken0")).await.status, 200);
    for _ in 0..100 {
        let log = world.look("requests").await;
        if log["requests"].as_array().unwrap().len() == 2 {
            let events = world.look("events").await;
            assert_eq!(events["events"][0]["insertCount"], 1, "{events}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the late call was never carried out");
}

#[tokio::test]
async fn not_one_byte_is_sent_and_the_connection_is_closed() {
    let world = world().await;
    world.control("faults", json!({"drop": "after"})).await;
    let mut socket = TcpStream::connect(world.running.address).await.unwrap();
    let head = format!(
        "GET /calendar/v3/calendars/primary/events HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {}\r\n\r\n",
        world.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut received)).await;
    // The end of the stream or a reset: both are fine, a byte is not.
    drop(read.expect("the connection ends"));
    assert!(received.is_empty(), "{}", String::from_utf8_lossy(&received));
}

#[tokio::test]
async fn a_token_call_can_be_dropped_too() {
    let world = world().await;
    world.control("faults", json!({"method": "token.refresh", "drop": "before", "count": 1})).await;
    let request = world.request(Method::POST, "/token").body("grant_type=refresh_token&refresh_token=x");
    assert!(request.send().await.is_err());
}

#[tokio::test]
async fn injected_latency_is_real_time_and_survives_an_impatient_client() {
    let world = world().await;
    world.control("faults", json!({"method": "events.insert", "latencyMs": 300, "count": 2})).await;
    let begun = Instant::now();
    assert_eq!(world.insert(event("sloth0")).await.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let hasty = world.call(Method::POST, "").json(&event("haste0")).timeout(Duration::from_millis(50));
    assert!(hasty.send().await.unwrap_err().is_timeout());
    for _ in 0..100 {
        if world.get("haste0").await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a call that was let in is carried out, though its client has left");
}
