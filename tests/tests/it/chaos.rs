//! The process is killed, answers are lost; every accepted event is created, once.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Launch, Load, SandboxView, all_succeeded, eventually, outcome_of, prepare_load};

/// How large the run is.
struct Size {
    jobs: usize,
    /// The process is killed when so many events stand.
    kills: &'static [usize],
}

/// `./test.sh --long` asks for the large one.
fn size() -> Size {
    match std::env::var("CALRELAY_TESTS").as_deref() {
        Ok("long") => Size { jobs: 40_000, kills: &[2_000, 8_000, 14_000, 20_000, 26_000, 32_000, 38_000] },
        Ok(_) | Err(_) => Size { jobs: 5_000, kills: &[800, 2_200, 3_800] },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_with_lost_answers_every_event_is_created_once() {
    let google = sandbox::start(sandbox::Config::default()).await.expect("a sandbox");
    let view = SandboxView::new(google.url.clone());
    prepare_load(&view).await;
    view.fault(json!({"method": "*", "latencyMs": 200})).await;
    view.fault(json!({"method": "events.insert", "drop": "after", "probability": 0.05})).await;

    let Size { jobs, kills } = size();
    let launch = Launch::new().unlimited().with("DEV_NO_AUTH", 1).with_sandbox(&view);
    let mut calrelay = launch.start().await;
    let (caller, began) = (launch.caller(), Instant::now());
    let load = Load::start(&caller, jobs, 50, Duration::ZERO);

    for (kill, standing) in kills.iter().enumerate() {
        eventually("enough events to kill again", Duration::from_secs(120), || async {
            (view.events().await.len() >= *standing).then_some(())
        })
        .await;
        calrelay.kill();
        println!(
            "SIGKILL {} after {} ms, with {} events",
            kill + 1,
            began.elapsed().as_millis(),
            view.events().await.len()
        );
        calrelay = launch.start().await;
    }
    let accepted = load.all().await;
    let ids: Vec<String> = accepted.iter().map(|accepted| accepted.job.id.clone()).collect();
    all_succeeded(&caller, &ids, Duration::from_secs(300)).await;
    let found = outcome_of(&view, &caller, &accepted).await;
    let lost =
        view.read("/_sandbox/stats").await["requests"]["events.insert"]["droppedAfter"].as_u64().unwrap_or(0);
    println!(
        "{jobs} jobs, {} SIGKILLs, {lost} answers lost: {} accepted, {found:?}, all succeeded after {} ms",
        kills.len(),
        accepted.len(),
        began.elapsed().as_millis()
    );
    assert_eq!((accepted.len(), found.events, found.doubled, found.missing), (jobs, jobs, 0, 0));
    assert!(lost > 0, "no answer was lost: this was no test");
}
