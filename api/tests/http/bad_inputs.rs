//! Bad bodies and bad requests: each is a problem that names what is wrong, and none becomes a job.

use data_encoding::BASE64;
use serde_json::Value;

use crate::client::{Reply, get, post, request};
use crate::rig::{EVENTS, OLDER, Rig, event};

const CORPUS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/bad_inputs.json"));

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_input_is_refused_by_the_field_that_is_wrong_and_none_is_enqueued() {
    let rig = Rig::start().await;
    let entries: Vec<Value> = serde_json::from_str(CORPUS).unwrap();
    assert!(entries.len() >= 60);
    for entry in entries {
        let (name, expect) = (entry["name"].as_str().unwrap(), &entry["expect"]);
        let content_type = entry["contentType"].as_str().unwrap_or("application/json");
        for path in [EVENTS, OLDER] {
            let bad = request("POST", path).header("Content-Type", content_type).body(bytes(&entry));
            let reply = rig.ask(bad).await;
            assert_eq!(reply.status, expect["status"], "{name}: {}", reply.text());
            check(name, path, &reply, expect);
        }
    }
    assert_eq!((rig.queue.publishes(), rig.queued().await), (0, 0));
}

fn check(name: &str, path: &str, reply: &Reply, expect: &Value) {
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{name}");
    let problem = reply.json();
    let error = &problem["errors"][0];
    assert_eq!(error["code"], expect["code"], "{name}: {problem}");
    match expect["field"].as_str() {
        Some(field) => assert_eq!(error["field"], field, "{name}: {problem}"),
        None => {
            let whole = ["body", "Content-Type"].iter().any(|whole| error["field"] == *whole);
            assert!(whole, "{name}: {problem}");
        }
    }
    assert_eq!(problem.get("success").is_some(), path == OLDER, "{name}");
    assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{name}: {problem}");
}

fn bytes(entry: &Value) -> Vec<u8> {
    if let Some(text) = entry["rawBase64"].as_str() {
        return BASE64.decode(text.as_bytes()).unwrap();
    }
    if entry.get("body").is_some() {
        return expanded(entry["body"].clone()).to_string().into_bytes();
    }
    let raw = expanded(entry["raw"].clone());
    let pieces = match raw.as_array() {
        Some(pieces) => pieces.iter().collect(),
        None => vec![&raw],
    };
    pieces.into_iter().map(|piece| piece.as_str().unwrap()).collect::<String>().into_bytes()
}

/// `{"repeat": x, "times": n}` written out, as the corpus' README says.
fn expanded(value: Value) -> Value {
    match value {
        Value::Object(object) if object.len() == 2 && object.contains_key("repeat") => {
            let numbers = (1..=object["times"].as_u64().unwrap()).map(|n| n.to_string());
            if let Some(text) = object["repeat"].as_str() {
                return Value::String(numbers.map(|n| text.replace("{n}", &n)).collect());
            }
            let text = object["repeat"].to_string();
            let copy = |n: String| serde_json::from_str::<Vec<Value>>(&text.replace("{n}", &n)).unwrap();
            Value::Array(numbers.flat_map(copy).collect())
        }
        Value::Object(object) => object.into_iter().map(|(name, value)| (name, expanded(value))).collect(),
        Value::Array(items) => Value::Array(items.into_iter().map(expanded).collect()),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_methods_and_parameters_are_problems_too() {
    let rig = Rig::start().await;
    rig.ask(get("/nowhere")).await.problem(404, "not-found");
    rig.ask(get("/api/v1/events/")).await.problem(404, "not-found");
    let reply = rig.ask(get(EVENTS)).await;
    reply.problem(405, "method-not-allowed");
    assert_eq!(reply.header("allow"), Some("POST"));
    let older = rig.ask(request("PUT", OLDER)).await.problem(405, "method-not-allowed");
    assert_eq!(older["success"], false);
    let path = format!("{EVENTS}?dryRun=1");
    let problem = rig.ask(post(&path, &event())).await.problem(400, "invalid-query");
    assert_eq!(problem["errors"][0]["field"], "dryRun");
    assert_eq!(rig.queued().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_is_cut_off_at_the_limit() {
    let rig = Rig::start().await;
    // 70 chunks of 1 KiB.
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let body = format!("{}0\r\n\r\n", chunk.repeat(70));
    let mut chunked = post(EVENTS, &event()).key(&rig.key).header("Transfer-Encoding", "chunked");
    chunked = chunked.without_length().body(body);
    rig.send(&chunked).await.problem(413, "body-too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_handler_is_a_problem_and_the_next_request_is_served() {
    let rig = Rig::start().await;
    let browser = crate::connecting::Browser::signed_in(&rig).await;
    rig.google.panic();
    let reply = browser.post(&rig, "/google-calendar-connect").await;
    let problem = reply.problem(500, "internal");
    assert!(!problem.to_string().contains("told to"), "{problem}");
    assert_eq!(reply.header("calrelay-google"), Some("sandbox"));
    rig.accepted().await;
}
