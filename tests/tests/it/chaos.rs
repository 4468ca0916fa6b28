//! The process is killed, answers are lost; every accepted event is created, once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Calrelay, Launch, SandboxView, eventually};
use tokio::sync::{Mutex, RwLock};

const CALENDARS: usize = 50;

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

fn calendar(number: usize) -> String {
    format!("team-{number}@group.calendar.example.com")
}

fn body(number: usize) -> Value {
    json!({
        "summary": format!("Job {number}"), "conference": false, "calendarId": calendar(number % CALENDARS),
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    })
}

/// The process that is up at the moment, if one is.
type Current = Arc<RwLock<Option<Calrelay>>>;

/// Posts again, as a caller would, until the job is accepted.
async fn submit(current: &Current, number: usize) -> String {
    let began = Instant::now();
    loop {
        if let Some(calrelay) = current.read().await.as_ref()
            && let Ok(id) = calrelay.submit(&body(number), &format!("chaos-{number}")).await
        {
            return id;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "job {number} was never accepted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Those of `ids` that have not succeeded yet; none may have failed.
async fn unfinished(calrelay: &Calrelay, ids: &[String]) -> Vec<String> {
    let mut left = Vec::new();
    for chunk in ids.chunks(200) {
        for job in join_all(chunk.iter().map(|id| calrelay.job(id))).await {
            assert_ne!(job["state"], "failed", "{job}");
            if job["state"] != "succeeded" {
                left.push(job["jobId"].as_str().expect("an id").to_owned());
            }
        }
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_with_lost_answers_every_event_is_created_once() {
    let google = sandbox::start(sandbox::Config::default()).await.expect("a sandbox");
    let view = SandboxView::new(google.url.clone());
    view.no_quotas().await;
    let calendars: Vec<String> = (0..CALENDARS).map(calendar).collect();
    view.control("/_sandbox/users/ada@example.com", &json!({"calendars": calendars})).await;
    view.fault(json!({"method": "*", "latencyMs": 200})).await;
    view.fault(json!({"method": "events.insert", "drop": "after", "probability": 0.05})).await;

    let Size { jobs, kills } = size();
    let launch = Launch::new().unlimited().with("DEV_NO_AUTH", 1).with_sandbox(&view);
    let current: Current = Arc::new(RwLock::new(Some(launch.start().await)));
    let ids = Arc::new(Mutex::new(Vec::with_capacity(jobs)));
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let (current, ids, next) = (Arc::clone(&current), Arc::clone(&ids), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= jobs {
                        return;
                    }
                    let id = submit(&current, number).await;
                    ids.lock().await.push(id);
                }
            })
        })
        .collect();

    for (kill, standing) in kills.iter().enumerate() {
        eventually("enough events to kill again", Duration::from_secs(120), || async {
            (view.events().await.len() >= *standing).then_some(())
        })
        .await;
        let mut current = current.write().await;
        let running = current.take().expect("one is running");
        let launch = running.kill();
        println!(
            "SIGKILL {} after {} ms, with {} events",
            kill + 1,
            began.elapsed().as_millis(),
            view.events().await.len()
        );
        *current = Some(launch.start().await);
    }
    for caller in callers {
        caller.await.expect("every job was accepted");
    }

    let ids = ids.lock().await;
    let current = current.read().await;
    let calrelay = current.as_ref().expect("one is running");
    let open = Mutex::new(ids.clone());
    eventually("every job's success", Duration::from_secs(300), || async {
        let mut open = open.lock().await;
        *open = unfinished(calrelay, &open).await;
        open.is_empty().then_some(())
    })
    .await;

    let events = view.events().await;
    // The sandbox refuses an id that it knows, so a doubled event would have another id: titles tell.
    let mut titles: HashMap<&str, usize> = HashMap::new();
    for stored in events.values() {
        *titles.entry(stored.event["summary"].as_str().expect("a title")).or_default() += 1;
    }
    let doubled = titles.values().filter(|count| **count != 1).count();
    let lost =
        view.read("/_sandbox/stats").await["requests"]["events.insert"]["droppedAfter"].as_u64().unwrap_or(0);
    println!(
        "{jobs} jobs over {CALENDARS} calendars, {} SIGKILLs, {lost} answers lost: {} accepted, {} events, {doubled} titles more than once, all succeeded after {} ms",
        kills.len(),
        ids.len(),
        events.len(),
        began.elapsed().as_millis()
    );
    assert_eq!(ids.len(), jobs);
    assert_eq!(events.len(), jobs);
    assert_eq!((titles.len(), doubled), (jobs, 0));
    assert!(lost > 0, "no answer was lost: this was no test");
    assert!(ids.iter().all(|id| events.contains_key(id)));
}
