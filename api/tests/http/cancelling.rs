//! Taking jobs back.

use accounts::keys::Scope;
use common::job::{Effect, JobState, Lease, Step, Tally, WorkerId};
use common::port::{Shelf, Vault as _};
use serde_json::json;

use crate::client::{Reply, post, request};
use crate::rig::{EVENTS, Rig, event};

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
    let lease = rig.begin(&id).await;
    rig.take(&id, Step::BeginWrite(lease)).await;
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
    rig.vault.go_away();
    cancel(&rig, &id).await.problem(503, "storage-unavailable");
    rig.vault.recover();
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

/// A job that has no record that its ingress knows of.
async fn unrecorded(rig: &Rig) -> String {
    let reply = rig.ask(post(EVENTS, &event())).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()["jobId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_job_can_be_taken_back() {
    let rig = Rig::start().await;
    rig.store.go_away();
    let id = unrecorded(&rig).await;
    let reply = cancel(&rig, &id).await;
    assert_eq!((reply.status, &reply.json()["state"]), (202, &json!("cancelling")), "{}", reply.text());
    assert!(marked(&rig, &id).await);
    assert_eq!(rig.queued().await, 2, "somebody must look at it now");
    assert_eq!(rig.record(&id).await["cancelRequested"], true);
    rig.store.recover();
    let stored = rig.eventually(&id, |_| true).await;
    assert!(stored.cancel_requested && stored.effect == Effect::Unknown, "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_reaches_a_record_that_is_there_after_all() {
    let rig = Rig::start().await;
    rig.store.go_mute();
    let id = unrecorded(&rig).await;
    rig.store.go_away();
    assert_eq!(cancel(&rig, &id).await.status, 202);
    rig.store.recover();
    rig.eventually(&id, |job| job.cancel_requested || job.state == JobState::Cancelled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_away_under_a_cancellation_leaves_it_undecided() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    rig.store.refuse(|_| true);
    let reply = cancel(&rig, &id).await;
    let problem = reply.problem(503, "storage-unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("not known"), "{problem}");
    assert!(reply.header("retry-after").is_some());
    rig.store.recover();
    assert_eq!(cancel(&rig, &id).await.json()["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_take_a_job_back_at_once_leave_its_mark() {
    let rig = Rig::start().await;
    for _ in 0..10 {
        let id = rig.accepted().await;
        let replies = tokio::join!(cancel(&rig, &id), cancel(&rig, &id));
        assert_eq!((replies.0.status, replies.1.status), (200, 200));
        assert!(marked(&rig, &id).await, "a worker that has lost the record must still know");
    }
}

/// Records came back as they were a moment before: what is said to be queued may have been done.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_from_before_a_loss_does_not_settle_that_nothing_was_written() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let stored = rig.stored(&id).await.unwrap();
    assert_eq!(stored.effect, Effect::None);
    let later = common::time::after(stored.updated_at, std::time::Duration::from_secs(5));
    rig.store.fall_back(later);
    let before = rig.queued().await;
    let reply = cancel(&rig, &id).await;
    assert_eq!((reply.status, &reply.json()["state"]), (202, &json!("cancelling")));
    assert_eq!(rig.queued().await, before + 1, "somebody must look");
    let job = rig.stored(&id).await.unwrap();
    assert_eq!((job.effect, job.write_began_at, job.cancel_requested), (Effect::Unknown, Some(later), true));
    assert!(job.lost_at.is_some(), "an event from before the wish stays");
    // What was accepted after the loss is cancelled at once.
    rig.store.fall_back(jiff::Timestamp::UNIX_EPOCH);
    let id = rig.accepted().await;
    assert_eq!(cancel(&rig, &id).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_left_alone_may_have_been_done() {
    let rig = Rig::start().await;
    let id = rig.accepted().await;
    let until = rig.clock.now() - jiff::SignedDuration::from_secs(60);
    let lease = Lease { worker: WorkerId::random(), until };
    rig.take(&id, Step::Start { lease, hop: 1, tally: Tally::default(), effect: Effect::None }).await;
    let reply = cancel(&rig, &id).await;
    assert_eq!((reply.status, &reply.json()["state"]), (202, &json!("cancelling")));
    assert!(rig.stored(&id).await.unwrap().lost_at.is_some());
}
