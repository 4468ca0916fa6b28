//! Taking jobs back.

use std::sync::atomic::Ordering;

use common::job::{JobState, Step};
use common::keys::Scope;
use common::port::{Shelf, Vault as _};
use serde_json::json;

use crate::client::{Reply, request};
use crate::rig::Rig;

async fn cancel(rig: &Rig, id: &str) -> Reply {
    rig.ask(request("DELETE", &format!("/api/v1/jobs/{id}"))).await
}

async fn marked(rig: &Rig, id: &str) -> bool {
    rig.vault.get(Shelf::Cancellations, id).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_has_written_nothing_is_cancelled_at_once_and_stays_so() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    for _ in 0..2 {
        let reply = cancel(&rig, &id).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let path = format!("/api/v1/jobs/{id}");
        assert_eq!(
            reply.json(),
            json!({"jobId": id, "eventId": id, "state": "cancelled", "statusUrl": path})
        );
    }
    assert!(marked(&rig, &id).await, "a worker that has lost the record must still know");
    assert_eq!(rig.record(&id).await["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_may_have_written_is_marked_and_woken() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let claim = rig.begin(&id).await;
    rig.take(&id, Step::BeginWrite(claim)).await;
    let before = rig.queued().await;
    let reply = cancel(&rig, &id).await;
    assert_eq!((reply.status, &reply.json()["state"]), (202, &json!("cancelling")));
    assert!(marked(&rig, &id).await);
    assert_eq!(rig.queued().await, before + 1, "somebody must look at it now");
    assert_eq!(rig.record(&id).await["cancelRequested"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_has_ended_cannot_be_taken_back() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    rig.succeed(&id).await;
    let problem = cancel(&rig, &id).await.problem(409, "job-finished");
    assert_eq!((&problem["jobId"], &problem["state"]), (&json!(id), &json!("succeeded")));
    assert!(!marked(&rig, &id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_mark_nothing_is_cancelled() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    rig.vault.away.store(true, Ordering::SeqCst);
    cancel(&rig, &id).await.problem(503, "storage-unavailable");
    rig.vault.away.store(false, Ordering::SeqCst);
    assert_eq!(rig.stored(&id).await.unwrap().state, JobState::Queued);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_takes_a_job_back_and_only_with_the_right_to_submit() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let path = format!("/api/v1/jobs/{id}");
    let other = rig.key_for("somebody", &[Scope::Admin], None).await;
    let reader = rig.key_for("local", &[Scope::Read], None).await;
    rig.send(&request("DELETE", &path).key(&other)).await.problem(404, "job-not-found");
    rig.send(&request("DELETE", &path).key(&reader)).await.problem(403, "insufficient-scope");
    assert!(!marked(&rig, &id).await);
    assert_eq!(rig.stored(&id).await.unwrap().state, JobState::Queued);
}
