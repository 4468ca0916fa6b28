//! What the broker does not take is not promised.

use std::time::Duration;

use tests::{Answer, Plan, RabbitServer, all_succeeded, each_once, event, eventually};

const LIMIT: Duration = Duration::from_secs(60);

fn job(answer: &Answer) -> Option<String> {
    answer.body["jobId"].as_str().map(str::to_owned)
}

/// A refusal says when to come again, and that nothing was stored.
fn promises_nothing(answer: &Answer, kind: &str) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{answer:?}");
    assert!(answer.body["type"].as_str().is_some_and(|name| name.ends_with(kind)), "{answer:?}");
    assert_eq!(job(answer), None, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_said_to_be_full_until_there_is_room() {
    const ROOM: u64 = 50;
    let mut calrelay = Plan::new(2, 1).unlimited().start().await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    calrelay.worker(0).terminate().await;
    calrelay.vhost().limit("calrelay.jobs", Some(ROOM)).await;
    let caller = calrelay.caller();
    let mut accepted = Vec::new();
    let mut refused = Vec::new();
    for number in 0..ROOM * 2 {
        let key = format!("full-{number}");
        let answer = caller.post(&event(&key), Some(&key)).await.unwrap();
        match answer.status.as_u16() {
            202 => accepted.push(job(&answer).unwrap()),
            _ => {
                promises_nothing(&answer, "queue-full");
                refused.push(key);
            }
        }
    }
    println!("{} accepted, {} refused by a queue of {ROOM}", accepted.len(), refused.len());
    assert!(accepted.len() >= 50 && refused.len() >= 40, "{} and {}", accepted.len(), refused.len());

    calrelay.worker(0).start().await;
    all_succeeded(&caller, &accepted, LIMIT).await;
    each_once(&google, &accepted).await;
    for key in refused {
        accepted.push(caller.submit(&event(&key), &key, LIMIT).await.id);
    }
    all_succeeded(&caller, &accepted, LIMIT).await;
    each_once(&google, &accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_with_an_alarm_takes_nothing_and_nothing_is_promised() {
    let rabbit = RabbitServer::start().await;
    let calrelay = Plan::new(1, 2).unlimited().start_in(rabbit.vhost().await).await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    let caller = calrelay.caller();
    let before = caller.submit(&event("before"), "before", LIMIT).await.id;

    rabbit.alarm(true).await;
    // The broker tells a connection only once that publishes: the outcome of the first is not known.
    let first = caller.post(&event("first"), Some("first")).await.unwrap();
    assert_eq!(first.status, 503, "{first:?}");
    assert!(first.retry_after.is_some(), "{first:?}");
    let mut refused = Vec::new();
    for number in 0..20 {
        let key = format!("blocked-{number}");
        promises_nothing(&caller.post(&event(&key), Some(&key)).await.unwrap(), "queue-unavailable");
        refused.push(key);
    }
    let blocked = calrelay.apis()[0].process().metric("calrelay_broker_blocked").await;
    assert!(blocked > 0.0, "operators see it");

    rabbit.alarm(false).await;
    eventually("room", LIMIT, || async {
        let answer = caller.post(&event("after"), Some("after")).await.unwrap();
        (answer.status == 202).then_some(())
    })
    .await;
    let after = caller.submit(&event("after"), "after", LIMIT).await.id;
    // What was in doubt has one answer now: the same job as before.
    let in_doubt = caller.submit(&event("first"), "first", LIMIT).await.id;
    assert!(job(&first).is_none_or(|id| id == in_doubt));
    let mut accepted = vec![before, after, in_doubt];
    all_succeeded(&caller, &accepted, LIMIT).await;
    each_once(&google, &accepted).await;
    for key in refused {
        accepted.push(caller.submit(&event(&key), &key, LIMIT).await.id);
    }
    all_succeeded(&caller, &accepted, LIMIT).await;
    each_once(&google, &accepted).await;
}
