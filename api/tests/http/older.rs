//! The older, synchronous contract.

use common::account::AccountId;
use common::job::{Effect, Failure, FailureKind, JobId, JobState, Step};
use common::owner::Owner;
use serde_json::json;

use crate::client::{Reply, Request, post};
use crate::rig::{OLDER, Plan, Rig, event};

fn keyed(key: &str) -> (Request, String) {
    let id = JobId::derived(&Owner::local(), "POST /api/create-calendar-event", key);
    (post(OLDER, &event()).header("Idempotency-Key", key), id.to_string())
}

async fn queued(rig: &Rig, id: &str) {
    rig.eventually(id, |job| job.state == JobState::Queued).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_created_in_time_is_answered_as_the_older_service_did() {
    let rig = Rig::start().await;
    let (request, id) = keyed("k");
    let (reply, ()) = tokio::join!(rig.ask(request.clone()), async {
        queued(&rig, &id).await;
        rig.succeed(&id).await;
    });
    let expected = json!({
        "success": true,
        "message": "Calendar event created successfully",
        "eventId": id,
        "eventLink": "https://www.google.com/calendar/event?eid=abc",
        "meetLink": "https://meet.google.com/abc-defg-hij",
    });
    assert_eq!((reply.status, reply.json()), (200, expected.clone()));
    let again = rig.ask(request).await;
    assert_eq!((again.status, again.json()), (200, expected));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_longer_than_ten_seconds_is_answered_with_where_to_look() {
    let rig = Rig::with(Plan { speed: 50, ..Plan::default() }).await;
    let began = rig.clock.now();
    let reply = rig.ask(post(OLDER, &event())).await;
    let took = common::time::until(began, rig.clock.now());
    assert!(took >= std::time::Duration::from_secs(10), "{took:?}");
    let body = reply.json();
    let id = body["jobId"].as_str().unwrap();
    assert_eq!((reply.status, &body["success"], &body["eventId"]), (202, &json!(true), &json!(id)));
    assert_eq!(body["statusUrl"], format!("/api/v1/jobs/{id}"));
    assert!(body["message"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_does_not_want_to_wait_need_not() {
    let rig = Rig::start().await;
    let reply = rig.ask(post(OLDER, &event()).header("Prefer", "respond-async")).await;
    assert_eq!((reply.status, &reply.json()["success"]), (202, &json!(true)));
    assert_eq!(reply.header("preference-applied"), Some("respond-async"));
}

/// The reply to a job that fails while its caller waits.
async fn failing(rig: &Rig, kind: FailureKind) -> Reply {
    let (request, id) = keyed(kind.as_str());
    let (reply, ()) = tokio::join!(rig.ask(request), async {
        queued(rig, &id).await;
        let account = rig.accounts.get(&AccountId::default_account()).await.unwrap().unwrap();
        let key = account.seal_keys(rig.accounts.ring()).unwrap();
        let failure = Failure {
            kind,
            google_status: Some(400),
            google_reason: Some("invalid".to_owned()),
            effect: Effect::None,
            detail: Some(key.seal(&id, &"Google's own words".to_owned())),
        };
        let lease = rig.begin(&id).await;
        rig.take(&id, Step::Fail(lease, failure)).await;
    });
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_is_told_with_the_status_of_its_failure() {
    let rig = Rig::start().await;
    for (kind, status) in [
        (FailureKind::Refused, 422),
        (FailureKind::CalendarNotFound, 422),
        (FailureKind::DeletedByUser, 409),
        (FailureKind::AttemptsExhausted, 502),
        (FailureKind::Expired, 504),
        (FailureKind::Poison, 500),
    ] {
        let problem = failing(&rig, kind).await.problem(status, kind.as_str());
        assert_eq!((&problem["success"], &problem["message"]), (&json!(false), &json!("Google's own words")));
        assert_eq!((&problem["googleReason"], &problem["effect"]), (&json!("invalid"), &json!("none")));
        let record = rig.record(problem["jobId"].as_str().unwrap()).await;
        let expected = json!({
            "type": format!("urn:calrelay:problem:{}", kind.as_str()), "title": kind.title(),
            "detail": "Google's own words", "googleStatus": 400, "googleReason": "invalid",
            "retryable": kind.retryable(), "effect": "none",
        });
        assert_eq!(record["error"], expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_told_in_the_older_services_words() {
    let rig = Rig::with(Plan { connected: false, ..Plan::default() }).await;
    let problem = rig.ask(post(OLDER, &event())).await.problem(409, "account-not-connected");
    assert_eq!(problem["success"], false);
    assert_eq!(problem["message"], "Calendar integration not configured");
    let problem = rig.send(&post(OLDER, &event())).await.problem(401, "unauthenticated");
    assert_eq!(problem["success"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_is_no_success() {
    let rig = Rig::start().await;
    let (request, id) = keyed("k");
    let (reply, ()) = tokio::join!(rig.ask(request), async {
        queued(&rig, &id).await;
        rig.take(&id, Step::Cancel).await;
    });
    assert_eq!(reply.problem(409, "cancelled")["success"], false);
}
