//! Processes whose broker is slow to answer, or was lost, work once it is there: seen by their work.

use std::time::Duration;

use tests::{Installation, Plan, RabbitServer, all_succeeded, each_once, event};

const LIMIT: Duration = Duration::from_secs(90);

/// Posts a few jobs and waits until the one worker has done them.
async fn it_works(calrelay: &Installation, what: &str, ids: &mut Vec<String>) {
    let caller = calrelay.caller();
    for number in 0..20 {
        let title = format!("{what}-{number}");
        ids.push(caller.submit(&event(&title), &title, LIMIT).await.id);
    }
    all_succeeded(&caller, ids, LIMIT).await;
}

/// As when an autoscaler or a rolling update has started it, and sends it callers the moment it is ready.
#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_that_starts_far_from_its_broker_refuses_nobody_who_comes_at_once() {
    let mut calrelay = Plan::new(1, 1).unlimited().start().await;
    calrelay.api(0).kill();
    calrelay.apis()[0].broker().move_away(Duration::from_millis(50));
    calrelay.api(0).start().await;
    let caller = calrelay.caller();
    let posted = caller.post(&event("at once"), Some("at-once")).await.unwrap();
    assert_eq!(posted.status, 202, "{posted:?}");
    let id = posted.body["jobId"].as_str().unwrap().to_owned();
    all_succeeded(&caller, &[id], LIMIT).await;
}

/// Nor does it wait for a broker that does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_whose_broker_hangs_is_ready_in_a_few_seconds_and_says_that_it_can_accept_nothing() {
    let mut calrelay = Plan::new(1, 0).unlimited().start().await;
    calrelay.api(0).kill();
    calrelay.apis()[0].broker().freeze();
    // It fails when that takes half a minute.
    calrelay.api(0).start().await;
    let posted = calrelay.caller().post(&event("in vain"), Some("in-vain")).await.unwrap();
    assert_eq!((posted.status.as_u16(), posted.retry_after), (503, Some(5)), "{posted:?}");
    calrelay.apis()[0].broker().heal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_reconnects_is_consuming_again() {
    let rabbit = RabbitServer::start().await;
    let mut calrelay = Plan::new(1, 1).unlimited().start_in(rabbit.vhost().await).await;
    let google = calrelay.sandbox().view();
    google.no_quotas().await;
    let ids = &mut Vec::new();
    it_works(&calrelay, "the-start", ids).await;

    calrelay.worker(0).broker().cut().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    calrelay.worker(0).broker().heal().await;
    it_works(&calrelay, "a-cut-connection", ids).await;

    // Longer than twice the heartbeat: both sides give the connection up without a word.
    calrelay.worker(0).broker().freeze();
    tokio::time::sleep(Duration::from_secs(25)).await;
    calrelay.worker(0).broker().heal().await;
    it_works(&calrelay, "a-silent-connection", ids).await;

    calrelay.vhost().close_connections().await;
    it_works(&calrelay, "connections-closed-by-an-operator", ids).await;

    rabbit.stop();
    rabbit.start_again().await;
    it_works(&calrelay, "a-restarted-broker", ids).await;

    rabbit.kill();
    rabbit.start_again().await;
    it_works(&calrelay, "a-killed-broker", ids).await;

    rabbit.alarm(true).await;
    let posted = calrelay.caller().post(&event("under-alarm"), Some("under-alarm")).await.unwrap();
    assert_eq!(posted.status, 503, "{posted:?}");
    rabbit.alarm(false).await;
    ids.push(calrelay.caller().submit(&event("under-alarm"), "under-alarm", LIMIT).await.id);
    it_works(&calrelay, "an-alarm", ids).await;
    each_once(&google, ids.iter()).await;
}
