//! Reading jobs: the record, long polls, and following one.

use std::time::{Duration, Instant};

use accounts::keys::Scope;
use serde_json::json;
use testing::wait_until;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::client::{get, post};
use crate::rig::{EVENTS, Rig, event};

fn job(id: &str) -> String {
    format!("/api/v1/jobs/{id}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_has_every_member_whether_there_is_anything_to_say_or_not() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let mut record = rig.record(&id).await;
    for when in ["submittedAt", "updatedAt", "notAfter"] {
        let text = record[when].take();
        text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }
    let expected = json!({
        "jobId": id, "eventId": id, "account": "default", "calendarId": "primary", "state": "queued",
        "waitingFor": null, "blockedBy": null, "detail": null, "attempts": 0, "deferrals": 0, "submittedAt": null,
        "updatedAt": null, "finishedAt": null, "nextAttemptAt": null, "notAfter": null,
        "cancelRequested": false, "result": null, "error": null, "warnings": [],
    });
    assert_eq!(record, expected);
    rig.succeed(&id).await;
    let record = rig.record(&id).await;
    assert_eq!(record["state"], "succeeded");
    assert!(record["finishedAt"].is_string());
    let result = json!({
        "eventId": id, "eventLink": "https://www.google.com/calendar/event?eid=abc",
        "meetLink": "https://meet.google.com/abc-defg-hij", "conferenceStatus": "success",
        "conferenceReason": null,
    });
    assert_eq!((&record["result"], &record["calendarId"]), (&result, &json!("primary")));
}

#[tokio::test(flavor = "multi_thread")]
async fn others_jobs_and_jobs_that_never_were_look_the_same() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let other = rig.key_for("somebody", &[Scope::Admin], None).await;
    let limited = rig.key_for("local", &[Scope::Read], Some("team-*")).await;
    let unknown = "0".repeat(26);
    let never = rig.ask(get(&job(&unknown))).await.problem(404, "job-not-found");
    assert_eq!(rig.send(&get(&job(&id)).key(&other)).await.problem(404, "job-not-found"), never);
    assert_eq!(rig.send(&get(&job(&id)).key(&limited)).await.problem(404, "job-not-found"), never);
    assert_eq!(rig.ask(get(&job("no-job"))).await.problem(404, "job-not-found"), never);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_ends_with_the_job_and_not_with_the_wait() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let began = Instant::now();
    let path = format!("{}?wait=20", job(&id));
    let (reply, ()) = tokio::join!(rig.ask(get(&path)), async {
        wait_until(|| rig.store.watches() > 0).await;
        rig.succeed(&id).await;
    });
    assert_eq!(reply.json()["state"], "succeeded");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_over_answers_with_the_record_as_it_stands() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let began = Instant::now();
    let reply = rig.ask(get(&job(&id)).header("Prefer", "wait=1")).await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("queued")));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(reply.header("preference-applied"), Some("wait=1"));
    assert_eq!(reply.header("vary"), Some("Prefer"));
    for query in ["wait=26", "wait=x", "what=1"] {
        let problem = rig.ask(get(&format!("{}?{query}", job(&id)))).await.problem(400, "invalid-query");
        assert_eq!(problem["errors"][0]["field"], query.split('=').next().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_wait_where_the_job_is_accepted() {
    let rig = Rig::start().await;
    let request = post(EVENTS, &event()).header("Prefer", "wait=20").header("Idempotency-Key", "k");
    let id = common::job::JobId::derived(&common::owner::Owner::local(), "POST /api/v1/events", "k");
    let (reply, ()) = tokio::join!(rig.ask(request), async {
        rig.eventually(id.as_str(), |job| job.state == common::job::JobState::Queued).await;
        rig.succeed(id.as_str()).await;
    });
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("succeeded")), "{}", reply.text());
    assert_eq!(reply.header("preference-applied"), Some("wait=20"));
    assert_eq!(reply.header("location"), Some(job(id.as_str()).as_str()));
}

/// Reads until the stream says this, or ends.
pub async fn read_until(stream: &mut TcpStream, text: &mut String, wanted: &str) {
    let reading = async {
        let mut piece = [0; 4096];
        while !text.contains(wanted) {
            let length = stream.read(&mut piece).await.unwrap();
            assert_ne!(length, 0, "the stream ended without {wanted}: {text}");
            text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .unwrap_or_else(|_| panic!("never came: {wanted}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_each_change_and_ends_with_the_job() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let request = get(&job(&id)).header("Accept", "text/event-stream").key(&rig.key);
    let mut stream = request.open(rig.address).await;
    let mut text = String::new();
    read_until(&mut stream, &mut text, "\"state\":\"queued\"").await;
    assert!(
        text.contains("content-type: text/event-stream") && text.contains("x-accel-buffering: no"),
        "{text}"
    );
    rig.succeed(&id).await;
    read_until(&mut stream, &mut text, "\"state\":\"succeeded\"").await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the stream goes on after the end of the job");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_long_polls_and_streams_at_once_and_readiness_first() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let mut stream =
        get(&job(&id)).header("Accept", "text/event-stream").key(&rig.key).open(rig.address).await;
    read_until(&mut stream, &mut String::new(), "queued").await;
    let poll = get(&format!("{}?wait=25", job(&id))).key(&rig.key);
    let address = rig.address;
    let streamed = rig.store.watches();
    let polling = tokio::spawn(async move { poll.send(address).await });
    wait_until(|| rig.store.watches() > streamed).await;
    let readiness = rig.readiness.clone();
    assert!(readiness());
    let took = rig.stop().await;
    assert!(!readiness());
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(polling.await.unwrap().json()["state"], "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_follow_one_job_share_its_looks_and_each_is_told_of_its_end() {
    const FOLLOWERS: usize = 40;
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let mut streams = Vec::new();
    for _ in 0..FOLLOWERS {
        let request = get(&job(&id)).header("Accept", "text/event-stream").key(&rig.key);
        let (mut stream, mut text) = (request.open(rig.address).await, String::new());
        read_until(&mut stream, &mut text, "event: job").await;
        streams.push((stream, text));
    }
    let looks = || rig.store.gets();
    let (began, before) = (Instant::now(), looks());
    while looks() < before + 5 {
        assert!(began.elapsed() < Duration::from_secs(30), "nobody looks");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() >= Duration::from_secs(3), "five looks in {:?}", began.elapsed());
    rig.succeed(&id).await;
    for (stream, text) in &mut streams {
        read_until(stream, text, "\"state\":\"succeeded\"").await;
    }
}
