//! Packed bodies, charsets, and how large a body may be.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::client::{Request, get, request};
use crate::rig::{EVENTS, OLDER, Rig, event};

const LIMIT: usize = 64 * 1024;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::best());
    packing.write_all(body).unwrap();
    packing.finish().unwrap()
}

fn packed(path: &str, coding: &str, body: impl Into<Vec<u8>>) -> Request {
    let json = request("POST", path).header("Content-Type", "application/json");
    json.header("Content-Encoding", coding).body(body)
}

/// A good event of exactly so many bytes.
fn event_of(bytes: usize) -> Vec<u8> {
    let mut body = event().to_string().into_bytes();
    body.resize(bytes, b' ');
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_is_unpacked_however_it_is_named() {
    let rig = Rig::start().await;
    let body = event().to_string();
    let (first, second) = body.split_at(20);
    let members = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    for (coding, body) in [
        ("gzip", gzip(body.as_bytes())),
        ("x-gzip", gzip(body.as_bytes())),
        ("GZIP", gzip(body.as_bytes())),
        ("identity, gzip", gzip(body.as_bytes())),
        ("gzip", members),
        ("gzip", gzip(&event_of(LIMIT))),
        ("identity", body.clone().into_bytes()),
        ("Identity", body.clone().into_bytes()),
        ("", body.clone().into_bytes()),
    ] {
        let reply = rig.ask(packed(EVENTS, coding, body)).await;
        assert_eq!(reply.status, 202, "{coding}: {}", reply.text());
    }
    let older = packed(OLDER, "gzip", gzip(body.as_bytes())).header("Prefer", "respond-async");
    assert_eq!(rig.ask(older).await.status, 202);
    let link = packed("/api/v1/accounts/team-7/connect-links", "gzip", gzip(b"{}"));
    assert_eq!(rig.ask(link).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_packed_is_the_same_request_unpacked() {
    let rig = Rig::start().await;
    let body = event().to_string().into_bytes();
    let plain = request("POST", EVENTS).header("Content-Type", "application/json").body(body.clone());
    let first = rig.ask(plain.header("Idempotency-Key", "k")).await.json();
    let again = rig.ask(packed(EVENTS, "gzip", gzip(&body)).header("Idempotency-Key", "k")).await;
    assert_eq!((again.status, &again.json()["jobId"]), (202, &first["jobId"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_coding_is_refused_by_the_headers_name() {
    let rig = Rig::start().await;
    let body = gzip(event().to_string().as_bytes());
    for coding in ["br", "deflate", "zstd", "compress", "gzip, gzip", "gzip, br", "*", "gzip;q=1"] {
        for path in [EVENTS, OLDER] {
            let reply = rig.ask(packed(path, coding, body.clone())).await;
            let problem = reply.problem(415, "unsupported-media-type");
            assert_eq!(problem["errors"][0]["field"], "Content-Encoding", "{coding}: {problem}");
            assert_eq!(reply.header("accept-encoding"), Some("gzip"), "{coding}");
        }
    }
    let twice = packed(EVENTS, "gzip", gzip(&body)).header("Content-Encoding", "gzip");
    let problem = rig.ask(twice).await.problem(415, "unsupported-media-type");
    assert_eq!(problem["errors"][0]["field"], "Content-Encoding");
    assert_eq!((rig.queue.publishes(), rig.queued().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_that_is_not_whole_is_said_to_be_that() {
    let rig = Rig::start().await;
    let whole = gzip(event().to_string().as_bytes());
    let cut = whole[..whole.len() - 9].to_vec();
    let without_checksum = whole[..whole.len() - 4].to_vec();
    let mut corrupt = whole.clone();
    let last = corrupt.len() - 6;
    corrupt[last] ^= 0xff;
    let behind = [whole.clone(), b"more".to_vec()].concat();
    let plain = event().to_string().into_bytes();
    for body in [cut, without_checksum, corrupt, behind, plain, Vec::new(), whole[..5].to_vec()] {
        let problem = rig.ask(packed(EVENTS, "gzip", body)).await.problem(400, "malformed-body");
        assert_eq!(problem["errors"][0]["field"], "body", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("gzip"), "{problem}");
    }
    assert_eq!((rig.queue.publishes(), rig.queued().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_unpacked_no_further_than_the_limit() {
    let rig = Rig::start().await;
    // 60 MiB of blanks behind a good beginning, in less than 64 KiB.
    let bomb = gzip(&event_of(60 * 1024 * 1024));
    assert!(bomb.len() < LIMIT, "{}", bomb.len());
    let over = gzip(&event_of(LIMIT + 1));
    for body in [bomb, over] {
        let problem = rig.ask(packed(EVENTS, "gzip", body)).await.problem(413, "body-too-large");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("65536") && detail.contains("unpacked"), "{detail}");
    }
    assert_eq!((rig.queue.publishes(), rig.queued().await), (0, 0));
    rig.accepted().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_counts_the_bytes_of_the_json_and_says_how_many_there_are() {
    let rig = Rig::start().await;
    let json = |body: Vec<u8>| request("POST", EVENTS).header("Content-Type", "application/json").body(body);
    assert_eq!(rig.ask(json(event_of(LIMIT))).await.status, 202);
    let problem = rig.ask(json(event_of(LIMIT + 1))).await.problem(413, "body-too-large");
    assert_eq!(problem["detail"], "The body has 65537 bytes; at most 65536 bytes are accepted.");
    // 5,600 emoji are within the field's limit; written as escapes they are 67 kB.
    let mut body = event();
    body["description"] = json!("😀".repeat(5_600));
    let plain = body.to_string();
    assert_eq!(rig.ask(json(plain.into_bytes())).await.status, 202);
    let escaped = body.to_string().replace('😀', "\\ud83d\\ude00");
    let bytes = escaped.len();
    let problem = rig.ask(json(escaped.into_bytes())).await.problem(413, "body-too-large");
    assert!(problem["detail"].as_str().unwrap().contains(&format!("has {bytes} bytes")), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charset_that_is_not_utf_8_is_refused_by_the_headers_name() {
    let rig = Rig::start().await;
    let sent = |kind: &str| request("POST", EVENTS).header("Content-Type", kind).body(event().to_string());
    for charset in ["utf-16", "ISO-8859-1", "\"windows-1252\"", "utf-16le; charset=utf-8"] {
        let reply = rig.ask(sent(&format!("application/json; charset={charset}"))).await;
        let problem = reply.problem(415, "unsupported-media-type");
        assert_eq!(problem["errors"][0]["field"], "Content-Type", "{charset}");
        assert!(problem["detail"].as_str().unwrap().contains("utf-8"), "{problem}");
    }
    for charset in ["utf-8", "UTF-8", "\"utf-8\""] {
        let reply = rig.ask(sent(&format!("application/json; charset={charset}"))).await;
        assert_eq!(reply.status, 202, "{charset}: {}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_surrogate_pair_is_refused_with_its_place() {
    let rig = Rig::start().await;
    let body = r#"{"summary": "cut here \ud83d", "start": {}}"#;
    let sent = request("POST", EVENTS).header("Content-Type", "application/json").body(body);
    let problem = rig.ask(sent).await.problem(400, "malformed-body");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("surrogate") && detail.contains("line 1, column"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_is_said_to_depend_on_what_was_accepted_and_preferred() {
    let rig = Rig::start().await;
    let path = format!("/api/v1/jobs/{}", rig.accepted().await);
    for accept in ["application/json", "text/event-stream;q=0", "text/event-stream;q=0.0, */*"] {
        let reply = rig.ask(get(&path).header("Accept", accept)).await;
        assert_eq!(reply.header("content-type"), Some("application/json"), "{accept}");
        let vary: Vec<&str> = reply
            .headers
            .iter()
            .filter(|(name, _)| name == "vary")
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(vary, ["Prefer", "Accept"], "{accept}");
        assert_eq!(reply.json()["state"], Value::from("queued"));
    }
}
