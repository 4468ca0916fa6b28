//! Records are lost, and another body is accepted under the key of a job that is still on its way: one event, of the
//! request that has the record, and the other is told.

use std::time::Duration;

use common::job::{Effect, EventResult, FailureKind, Job, JobId, JobState};
use common::message::Message;
use common::port::{JobQueue as _, JobStore as _};
use common::time::minutes;
use lifecycle::{Ports, Replayed, replay_letter};
use serde_json::json;
use testing::Gate;
use testing::google::Behaviour;
use testing::google::Behaviour::{HoldThen, Refuse};
use testing::google::Method::Insert;

use crate::bench::{Bench, message};
use crate::logs::Logs;
use crate::notices::{refusal, told};
use crate::order::{Order, TITLE, order};

const OTHER: &str = "Lunch with Bob";

fn another() -> Order {
    order().with(json!({"summary": OTHER}))
}

impl Bench {
    /// The job of another body under the key of `first`.
    async fn rival_of(&self, first: &Job, order: Order) -> Job {
        let job = self.job_for(&order).await;
        let key = self.account(&job.account).await.seal_keys(self.accounts.ring()).unwrap();
        let payload = Some(key.seal(first.id.as_str(), &order.payload()));
        job.with(|fields| {
            fields.id = first.id.clone();
            fields.payload = payload;
        })
    }

    fn title(&self, id: &JobId) -> String {
        self.google.event(id).expect("an event").resource["summary"].as_str().unwrap().to_owned()
    }

    async fn dead_letter(&self) -> Option<Message> {
        let letter = self.queue.take_dead().await.unwrap()?;
        self.queue.done(letter.tag).await.unwrap();
        Some(letter.message.unwrap())
    }
}

/// A job is accepted, its record is lost, and another body is accepted under its key.
async fn overtaken(bench: &mut Bench) -> (Job, Job) {
    let first = bench.job_for(&order()).await;
    bench.submit_job(first.clone()).await;
    bench.wipe().await;
    bench.turn(minutes(1));
    let second = bench.rival_of(&first, another()).await;
    bench.submit_job(second.clone()).await;
    (first, second)
}

#[tokio::test]
async fn the_record_s_request_is_done_once_and_the_other_is_kept_and_told() {
    let logs = Logs::listen();
    let (mut bench, receiver) = told().await;
    let (first, second) = overtaken(&mut bench).await;
    bench.start();
    bench.succeeded(&first.id).await;
    let calls = receiver.heard(2).await;
    bench.quiet().await;
    // Two copies that meet in one worker may each have written: Google is asked first.
    let inserts = bench.google.methods(&first.id).into_iter().filter(|method| *method == Insert).count();
    assert_eq!((inserts, bench.title(&first.id)), (1, OTHER.to_owned()));
    let letter = bench.dead_letter().await.expect("a dead letter");
    let failure = letter.failure().expect("why");
    assert_eq!((failure.kind, failure.effect), (FailureKind::IdempotencyKeyReused, Effect::Unknown));
    assert_eq!((letter.submitted_at, letter.payload), (first.submitted_at, first.payload.clone().unwrap()));
    assert!(bench.dead_letter().await.is_none());
    let of = |kind: &str| calls.iter().find(|call| call.kind == kind).expect("a notice").clone();
    let (failed, succeeded) = (of("job.failed"), of("job.succeeded"));
    assert_ne!(failed.id, succeeded.id);
    let error = &failed.body["data"]["error"];
    assert_eq!(error["type"], "urn:calrelay:problem:idempotency-key-reused");
    assert!(error["detail"].as_str().unwrap().contains("is not carried out"), "{error}");
    assert_eq!(failed.body["data"]["submittedAt"], json!(first.submitted_at));
    assert_eq!(succeeded.body["data"]["submittedAt"], json!(second.submitted_at));
    let errors = logs.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("accepted twice") && !errors[0].contains(TITLE), "{errors:?}");
}

#[tokio::test]
async fn a_message_that_comes_when_the_other_request_is_done_is_told_all_the_same() {
    let (mut bench, receiver) = told().await;
    let (first, second) = (bench.job_for(&order()).await, another());
    // It waits at first, and comes last.
    let first =
        first.with(|fields| fields.not_before = Some(bench.now() + jiff::SignedDuration::from_mins(10)));
    bench.submit_job(first.clone()).await;
    bench.wipe().await;
    let second = bench.rival_of(&first, second).await;
    bench.submit_job(second).await;
    bench.start();
    bench.succeeded(&first.id).await;
    receiver.heard(1).await;
    bench.turn(minutes(10));
    let calls = receiver.heard(2).await;
    assert_eq!((calls[0].kind.as_str(), calls[1].kind.as_str()), ("job.succeeded", "job.failed"));
    bench.quiet().await;
    assert!(bench.dead_letter().await.is_some());
    assert_eq!((bench.google.methods(&first.id), bench.title(&first.id)), (vec![Insert], OTHER.to_owned()));
    assert!(matches!(bench.job(&first.id).await.state, JobState::Succeeded { .. }));
}

#[tokio::test]
async fn the_same_body_again_is_one_job_and_nothing_is_kept() {
    let (mut bench, receiver) = told().await;
    // In other words, too: what it means is the same.
    let hash = |said: &[u8]| bench.accounts.hash_key().fingerprint_of(said, b"the same");
    let (said, reworded) = (hash(b"so"), hash(b"or so"));
    assert_ne!(said, reworded);
    let first = bench.job_for(&order()).await.with(|fields| fields.fingerprint = said);
    bench.submit_job(first.clone()).await;
    bench.wipe().await;
    bench.turn(minutes(1));
    let again = bench.rival_of(&first, order()).await;
    bench.submit_job(again.with(|fields| fields.fingerprint = reworded)).await;
    bench.start();
    bench.succeeded(&first.id).await;
    bench.quiet().await;
    assert_eq!(bench.google.methods(&first.id), [Insert]);
    assert!(bench.dead_letter().await.is_none());
    let ids: std::collections::HashSet<_> = receiver
        .calls()
        .into_iter()
        .filter(|call| call.kind == "job.succeeded")
        .map(|call| call.id)
        .collect();
    assert_eq!(ids.len(), 1, "whoever tells of it: {ids:?}");
}

#[tokio::test]
async fn an_attempt_whose_record_is_lost_and_taken_over_half_way_writes_nothing_into_it() {
    let (mut bench, receiver) = told().await;
    let gate = Gate::new();
    bench.google.next(Insert, Behaviour::Hold(gate.clone()));
    bench.start();
    let first = bench.job_for(&order()).await;
    bench.submit_job(first.clone()).await;
    bench.under_way(1).await;
    bench.wipe().await;
    let second = bench.rival_of(&first, another()).await;
    // Its message is not here yet.
    bench.store.restore(&second).await.unwrap();
    gate.open();
    receiver.heard(1).await;
    bench.quiet().await;
    assert_eq!(bench.title(&first.id), TITLE);
    let record = bench.job(&first.id).await;
    assert_eq!(record.state, second.state, "it is no success of the other request");
    bench.publish_only(&second).await;
    let failure = bench.failed(&first.id).await;
    assert_eq!(failure.kind, FailureKind::IdempotencyKeyReused, "Google has the first one's event");
    assert_eq!(bench.google.count(), 1);
    let kinds: Vec<_> = receiver.heard(2).await.into_iter().map(|call| call.kind).collect();
    assert_eq!(kinds, ["job.succeeded", "job.failed"]);
}

#[tokio::test]
async fn a_failure_of_the_first_request_does_not_become_the_other_s() {
    let (mut bench, receiver) = told().await;
    let gate = Gate::new();
    bench.google.next(Insert, HoldThen(gate.clone(), Box::new(Refuse(refusal()))));
    bench.start();
    let first = bench.job_for(&order()).await;
    bench.submit_job(first.clone()).await;
    bench.under_way(1).await;
    bench.wipe().await;
    let second = bench.rival_of(&first, another()).await;
    bench.submit_job(second).await;
    gate.open();
    let EventResult { event_id, .. } = bench.succeeded(&first.id).await;
    assert_eq!((event_id, bench.title(&first.id)), (first.id.to_string(), OTHER.to_owned()));
    bench.quiet().await;
    let mut kinds: Vec<_> = receiver.heard(2).await.into_iter().map(|call| call.kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["job.failed", "job.succeeded"], "each of them is told once");
}

#[tokio::test]
async fn a_dead_letter_of_another_request_brings_nothing_back_and_is_kept() {
    let mut bench = Bench::new().await;
    let (first, second) = overtaken(&mut bench).await;
    bench.google.next(Insert, Refuse(refusal()));
    bench.start();
    bench.failed(&first.id).await;
    bench.quiet().await;
    let ports = Ports::from(&bench.ports());
    let quotas = bench.settings.quotas;
    let replayed = async |letter: &Message| replay_letter(&ports, &quotas, letter).await.unwrap();
    assert_eq!(replayed(&message(&first)).await, Replayed::OtherRequest);
    let record = bench.job(&first.id).await;
    assert!(matches!(record.state, JobState::Failed(_)));
    // Its own is another matter.
    assert!(matches!(replayed(&message(&second)).await, Replayed::Again { .. }));
    bench.turn(Duration::from_secs(5));
    bench.succeeded(&first.id).await;
    assert_eq!(bench.title(&first.id), OTHER);
    // Once the record is gone it can be brought back, and meets the event at Google.
    bench.wipe().await;
    assert!(matches!(replayed(&message(&first)).await, Replayed::Again { .. }));
    assert_eq!(bench.failed(&first.id).await.kind, FailureKind::IdempotencyKeyReused);
}
