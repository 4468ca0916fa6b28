//! Ingresses and workers whose log nobody reads, or whose disk is full.

use std::time::Duration;

use serde_json::json;
use tests::{Calrelay, Installation, Plan, Sink, event, eventually};

/// The drain time, and a little for the machine.
const DRAIN: Duration = Duration::from_secs(30);

async fn start(all: &Installation, sink: Sink) -> (Calrelay, Calrelay) {
    let (api, worker) = (all.apis()[0].launch(), all.workers()[0].launch());
    (api.start_unheard(sink).await, worker.start_unheard(sink).await)
}

async fn stop(processes: (Calrelay, Calrelay), signals: (&str, &str), what: &str) {
    for (process, signal) in [(processes.0, signals.0), (processes.1, signals.1)] {
        let (status, took, _) = process.stop_by(signal).await;
        assert!(status.success() && took < DRAIN, "{what}, {signal}: {status} after {took:?}");
    }
}

async fn go_on_and_stop(format: &str) {
    let mut all = Plan::new(1, 1).unlimited().with("LOG_FORMAT", format).start().await;
    all.api(0).terminate().await;
    all.worker(0).terminate().await;
    for sink in Sink::ALL {
        let what = format!("{sink:?}-{format}");
        let (api, worker) = start(&all, sink).await;
        all.sandbox().view().fault(json!({"method": "events.insert", "status": 503, "count": 5})).await;
        let id = api.submit(&event("Unheard"), &what).await.expect("accepted");
        let job = eventually("the job's end", Duration::from_secs(120), || async {
            let job = api.job(&id).await;
            (!job["finishedAt"].is_null()).then_some(job)
        })
        .await;
        assert_eq!((&job["state"], &job["attempts"]), (&json!("succeeded"), &json!(5)), "{what}: {job}");
        assert_eq!(all.sandbox().view().events().await[&id].inserts, 1, "{what}");
        for process in [&api, &worker] {
            assert!(process.metric("calrelay_log_lines_lost_total").await >= 1.0, "{what}");
        }
        stop((api, worker), ("TERM", "INT"), &what).await;
        stop(start(&all, sink).await, ("INT", "TERM"), &what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_reading_their_text_a_job_survives_five_503_and_each_process_stops() {
    go_on_and_stop("text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_reading_their_json_a_job_survives_five_503_and_each_process_stops() {
    go_on_and_stop("json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_cannot_show_the_admin_key_makes_none_and_fails_and_the_next_one_makes_it() {
    let all = Plan::new(0, 0).start().await;
    // The vault of another installation on the same servers: nothing is in it yet.
    let vault = tests::PostgresServer::start().await;
    let setup = all.setup().clone().with("VAULT_URL", vault.url());
    for sink in [Sink::Gone, Sink::Full] {
        let (status, said) = setup.unanswered(&["setup"], sink.open().0);
        assert_eq!(status.code(), Some(1), "{sink:?}: {said}");
        assert!(said.contains("no admin key was made") && !said.contains("panicked"), "{sink:?}: {said}");
        assert!(!setup.run(&["keys", "list"]).contains("crk_"), "{sink:?}");
    }
    let said = setup.run(&["setup"]);
    assert!(said.contains("crk_"), "{said}");
    assert_eq!(setup.run(&["keys", "list"]).matches("crk_").count(), 1);
    for sink in [Sink::Gone, Sink::Full] {
        let (status, said) = setup.unanswered(&["setup"], sink.open().0);
        assert_eq!((status.code(), said.contains("panicked")), (Some(1), false), "{sink:?}: {said}");
    }
}
