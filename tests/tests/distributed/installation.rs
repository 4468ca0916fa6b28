//! Several processes behave to a caller as one does.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Caller, Installation, Plan, eventually};

async fn succeeded(caller: &Caller, id: &str) -> Value {
    eventually("the job's success", Duration::from_secs(60), || async {
        let job = caller.job(id).await.expect("an answer").body;
        assert_ne!(job["state"], "failed", "{job}");
        (job["state"] == "succeeded").then_some(job)
    })
    .await
}

async fn a_job_is_done_and_known_everywhere(installation: Installation) {
    let caller = installation.caller();
    let event = json!({
        "summary": "Tea", "conference": false,
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    });
    let accepted = caller.submit(&event, "tea", Duration::from_secs(20)).await;
    // Ingresses answer in turn: each knows the job, by its id and by its key.
    for _ in installation.apis() {
        succeeded(&caller, &accepted.id).await;
        let again = caller.post(&event, Some("tea")).await.expect("an answer");
        assert!(again.replayed, "{again:?}");
        assert_eq!(again.body["jobId"], accepted.id.as_str());
    }
    let stored = installation.sandbox().view().events().await;
    assert_eq!(stored.keys().collect::<Vec<_>>(), [&accepted.id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_through_ingress_broker_and_worker() {
    a_job_is_done_and_known_everywhere(Plan::new(2, 2).start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_through_with_the_vault_in_postgres() {
    a_job_is_done_and_known_everywhere(Plan::new(2, 1).on_postgres().start().await).await;
}
