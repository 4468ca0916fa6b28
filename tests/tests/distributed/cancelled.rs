//! What was cancelled stays cancelled, whatever is lost.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::json;
use tests::{Caller, Installation, Plan, Vhost, event, eventually};

const LIMIT: Duration = Duration::from_secs(60);
const TIER: &str = "calrelay.delay.1h";

/// Does with the one message of the tier what the broker does at the end of its hour.
async fn an_hour_passes(vhost: &Vhost) {
    let connection = Connection::connect(&vhost.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let got =
        channel.basic_get(TIER.into(), BasicGetOptions::default()).await.unwrap().expect("it waits there");
    channel
        .basic_publish(
            "calrelay.jobs".into(),
            "due".into(),
            BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() },
            &got.delivery.data,
            BasicProperties::default().with_delivery_mode(2),
        )
        .await
        .unwrap();
    got.delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
    connection.close(200, "done".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_in_the_hours_tier_stays_cancelled_when_redis_is_emptied() {
    let calrelay = Plan::new(1, 1).unlimited().start().await;
    let google = calrelay.sandbox().view();
    let caller = calrelay.caller();
    let mut later = event("never");
    later["notBefore"] = json!((Timestamp::now() + SignedDuration::from_mins(90)).to_string());
    let id = caller.submit(&later, "never", LIMIT).await.id;
    let waiting = caller.job(&id).await.unwrap().body;
    assert_eq!(
        (&waiting["state"], &waiting["waitingFor"]),
        (&json!("waiting"), &json!("schedule")),
        "{waiting}"
    );
    assert_eq!(waiting["nextAttemptAt"], later["notBefore"]);
    assert_eq!(calrelay.vhost().messages().await.get(TIER), Some(&1));
    let cancelled = caller.cancel(&id).await.unwrap();
    assert_eq!(
        (cancelled.status.as_u16(), &cancelled.body["state"]),
        (200, &json!("cancelled")),
        "{cancelled:?}"
    );

    calrelay.redis().wipe();
    assert_eq!(caller.job(&id).await.unwrap().body["state"], "unknown");
    assert_eq!(calrelay.vhost().messages().await.get(TIER), Some(&1));
    an_hour_passes(calrelay.vhost()).await;
    eventually("its end", LIMIT, || async {
        let job = caller.job(&id).await.unwrap().body;
        (job["state"] == "cancelled").then_some(())
    })
    .await;
    let inserts =
        google.requests().await.into_iter().filter(|request| request.method == "events.insert").count();
    assert_eq!(inserts, 0);
    assert!(google.events().await.is_empty());
}

/// Posts the job again at every ingress, and asks every ingress after it.
async fn cancelled_everywhere(calrelay: &Installation, caller: &Caller, id: &str) {
    for _ in calrelay.apis() {
        let again = caller.post(&event("never"), Some("never")).await.unwrap();
        assert_eq!(
            (again.status.as_u16(), &again.body["jobId"], &again.body["state"], again.replayed),
            (202, &json!(id), &json!("cancelled"), true),
            "{again:?}"
        );
    }
    for _ in calrelay.apis() {
        assert_eq!(caller.job(id).await.unwrap().body["state"], "cancelled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_jobs_key_stays_cancelled_when_redis_is_emptied() {
    let mut calrelay = Plan::new(2, 1).unlimited().start().await;
    let google = calrelay.sandbox().view();
    let caller = calrelay.caller();
    // Nobody begins it.
    calrelay.worker(0).terminate().await;
    let id = caller.submit(&event("never"), "never", LIMIT).await.id;
    let cancelled = caller.cancel(&id).await.unwrap();
    assert_eq!((cancelled.status.as_u16(), &cancelled.body["state"]), (200, &json!("cancelled")));

    // Twice: with five requests each time, each ingress is the first to meet the key once.
    for _ in 0..2 {
        calrelay.redis().wipe();
        assert_eq!(caller.job(&id).await.unwrap().body["state"], "unknown");
        cancelled_everywhere(&calrelay, &caller, &id).await;
    }
    calrelay.redis().wipe();
    let other = caller.post(&event("another body"), Some("never")).await.unwrap();
    assert_eq!(other.status, 422, "{other:?}");
    assert_eq!(calrelay.vhost().messages().await.values().sum::<u64>(), 1, "the one from before");
    calrelay.worker(0).start().await;
    eventually("the end of the message from before", LIMIT, || async {
        calrelay.vhost().messages().await.values().all(|count| *count == 0).then_some(())
    })
    .await;
    cancelled_everywhere(&calrelay, &caller, &id).await;
    assert!(google.requests().await.iter().all(|request| request.method != "events.insert"));
    assert!(google.events().await.is_empty());
}
