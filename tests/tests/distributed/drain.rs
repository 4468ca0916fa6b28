//! Being told to stop with work in flight, beside others that go on.

use std::process::Command;
use std::time::Duration;

use tests::{Plan, busy_with, each_is_done_once_and_untouched, event, eventually, slow_jobs};

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_to_one_worker_finishes_what_it_runs_and_leaves_the_rest_to_the_other() {
    let mut all = Plan::new(1, 2).unlimited().with("WORKER_CONCURRENCY", 40).start().await;
    let ids = slow_jobs(&all.sandbox().view(), &all.caller(), 300, Duration::from_secs(2)).await;
    // One account leaves three of forty slots free.
    busy_with(all.workers()[0].process(), 37).await;
    let (status, took, log) = all.worker(0).terminate().await;
    println!("a worker with 37 jobs in flight and more in hand ended after {} ms", took.as_millis());
    assert!(status.success() && took < Duration::from_secs(25), "{took:?}: {log}");
    assert!(log.contains("Stopped; 0 jobs went back"), "{log}");
    all.sandbox().view().no_faults().await;
    each_is_done_once_and_untouched(&all.sandbox().view(), &all.caller(), &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_workers_drain_time_cuts_short_goes_to_another_uncounted() {
    let mut all = Plan::new(1, 2).unlimited().with("DRAIN_SECONDS", 1).start().await;
    let ids = slow_jobs(&all.sandbox().view(), &all.caller(), 60, Duration::from_secs(8)).await;
    busy_with(all.workers()[0].process(), 1).await;
    let (status, took, log) = all.worker(0).terminate().await;
    println!("a worker with slow jobs in flight ended after {} ms", took.as_millis());
    assert!(status.success() && took < Duration::from_secs(10), "{took:?}: {log}");
    assert!(log.contains("Stopped; ") && !log.contains("Stopped; 0 jobs went back"), "{log}");
    all.sandbox().view().no_faults().await;
    each_is_done_once_and_untouched(&all.sandbox().view(), &all.caller(), &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_that_stops_is_unready_before_it_stops_listening_and_answers_who_waits() {
    // On a loopback address nobody looks at readiness, so that it stops at once.
    let all = Plan::new(1, 1)
        .with("BIND", "0.0.0.0")
        .with("PUBLIC_URL", "http://localhost")
        .with("DRAIN_SECONDS", 10)
        .start()
        .await;
    let ids = slow_jobs(&all.sandbox().view(), &all.caller(), 1, Duration::from_secs(60)).await;
    let process = all.apis()[0].process();
    let waiting = process.get(&format!("/api/v1/jobs/{}?wait=25", ids[0])).send();
    let waiting = tokio::spawn(waiting);
    let ready = || async { process.http().get(process.admin("/readyz")).send().await.map(|it| it.status()) };
    assert_eq!(ready().await.unwrap(), 200);

    let sent = Command::new("kill").args(["-TERM", &process.pid().to_string()]).status().unwrap();
    assert!(sent.success());
    eventually("readiness to turn", Duration::from_secs(5), || async {
        (ready().await.ok()? == 503).then_some(())
    })
    .await;
    let late = all.caller().post(&event("late"), Some("late")).await.expect("it still listens");
    assert_eq!(late.status, 202);
    let told = waiting.await.unwrap().expect("an answer");
    assert_eq!(told.status(), 200, "who waited is told how the job stands");
    eventually("the end of it", Duration::from_secs(15), || async { ready().await.err().map(drop) }).await;
    assert!(process.log().contains("Stopped"), "{}", process.log());
    all.vhost().leaves_anything();
}
