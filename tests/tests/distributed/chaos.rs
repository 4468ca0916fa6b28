//! Everything goes down once, one after the other; every accepted event is created, once.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Caller, Installation, Load, Plan, RabbitServer, eventually, outcome, prepare_load};

/// How large the run is.
struct Size {
    jobs: usize,
    /// How long each of the 100 callers rests between jobs: without, they would be through before anything happens.
    pause: Duration,
    /// How long the processes are cut off the broker, and how long it takes no messages.
    away: Duration,
}

/// `./test.sh --long` asks for the large one, `--quick` for the small one.
fn size() -> Size {
    match std::env::var("CALRELAY_TESTS").as_deref() {
        Ok("long") => Size { jobs: 60_000, pause: Duration::from_millis(250), away: Duration::from_secs(40) },
        Ok("quick") => Size { jobs: 4_000, pause: Duration::from_secs(1), away: Duration::from_secs(5) },
        Ok(_) | Err(_) => {
            Size { jobs: 20_000, pause: Duration::from_millis(250), away: Duration::from_secs(20) }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    WorkerKilled,
    ApiKilled,
    BrokerRestarted,
    BrokerKilled,
    RedisRestartedEmpty,
    BrokerCutOff,
    BrokerOutOfMemory,
}

/// One after the other; that Google's answers get lost goes on all the time.
const FAULTS: [Fault; 7] = [
    Fault::WorkerKilled,
    Fault::ApiKilled,
    Fault::BrokerRestarted,
    Fault::BrokerKilled,
    Fault::RedisRestartedEmpty,
    Fault::BrokerCutOff,
    Fault::BrokerOutOfMemory,
];

impl Fault {
    /// Makes it happen, and makes good again what an operator would.
    async fn happen(
        self,
        installation: &mut Installation,
        rabbit: &RabbitServer,
        caller: &Caller,
        away: Duration,
    ) {
        match self {
            Self::WorkerKilled => {
                installation.worker(0).kill();
                installation.worker(0).start().await;
            }
            Self::ApiKilled => {
                installation.api(0).kill();
                installation.api(0).start().await;
            }
            Self::BrokerRestarted => {
                rabbit.stop();
                rabbit.start_again().await;
            }
            Self::BrokerKilled => {
                rabbit.kill();
                rabbit.start_again().await;
            }
            Self::RedisRestartedEmpty => {
                installation.redis().stop();
                installation.redis().start_again().await;
                assert_eq!(installation.redis().command(&["CONFIG", "GET", "appendonly"]), "appendonly\nno");
            }
            Self::BrokerCutOff => {
                installation.cut_broker().await;
                tokio::time::sleep(away).await;
                installation.heal_broker().await;
            }
            Self::BrokerOutOfMemory => {
                rabbit.alarm(true).await;
                let refused = caller.refused();
                eventually("a refusal", Duration::from_secs(30), || async {
                    (caller.refused() > refused).then_some(())
                })
                .await;
                tokio::time::sleep(away).await;
                rabbit.alarm(false).await;
            }
        }
    }
}

/// How often Google was asked to insert.
async fn inserts(installation: &Installation) -> u64 {
    let stats = installation.sandbox().view().read("/_sandbox/stats").await;
    let results = stats["requests"]["events.insert"].as_object().cloned().unwrap_or_default();
    results.values().filter_map(serde_json::Value::as_u64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_down_once_and_every_accepted_event_is_created_once() {
    let Size { jobs, pause, away } = size();
    let rabbit = RabbitServer::start().await;
    let vhost = rabbit.vhost().await;
    let mut installation = Plan::new(2, 3).unlimited().with("RUST_LOG", "warn").start_in(vhost).await;
    let google = installation.sandbox().view();
    prepare_load(&google).await;
    google.fault(json!({"method": "*", "latencyMs": 200})).await;
    google.fault(json!({"method": "events.insert", "drop": "after", "probability": 0.05})).await;

    let began = Instant::now();
    let caller = installation.caller();
    let load = Load::start(&caller, jobs, 100, pause);
    for (number, fault) in (1..).zip(FAULTS) {
        load.until_accepted(jobs * number / (FAULTS.len() + 1)).await;
        let (happened, accepted) = (Instant::now(), load.accepted());
        fault.happen(&mut installation, &rabbit, &caller, away).await;
        let (over, before) = (Instant::now(), inserts(&installation).await);
        // Work done, not a flag, says that callers and workers are served again.
        load.until_accepted((load.accepted() + 1).min(jobs)).await;
        let accepting = over.elapsed();
        eventually("an insert after it", Duration::from_secs(90), || async {
            (inserts(&installation).await > before).then_some(())
        })
        .await;
        println!(
            "{:>7} ms: {fault:?} with {accepted} accepted, for {} ms; accepting again {} ms after, inserting {} ms after",
            happened.duration_since(began).as_millis(),
            over.duration_since(happened).as_millis(),
            accepting.as_millis(),
            over.elapsed().as_millis(),
        );
    }
    let accepted = load.all().await;
    println!("{:>7} ms: all accepted", began.elapsed().as_millis());

    let found = outcome(&installation, &accepted).await;
    let refusals: usize = accepted.iter().map(|accepted| accepted.job.refusals).sum();
    let stats = google.read("/_sandbox/stats").await;
    let lost = stats["requests"]["events.insert"]["droppedAfter"].as_u64().unwrap_or(0);
    println!(
        "{jobs} jobs, 2 api, 3 workers, {} faults, {lost} answers lost, {refusals} posts refused: {} accepted, {} events, {} titles more than once, {} missing; shown as {:?}; after {} ms",
        FAULTS.len() + 1,
        accepted.len(),
        found.events,
        found.doubled,
        found.missing,
        found.states,
        began.elapsed().as_millis(),
    );
    assert_eq!((accepted.len(), found.events, found.doubled, found.missing), (jobs, jobs, 0, 0));
    assert!(lost > 0, "no answer was lost: this was no test");
    // What had ended before Redis was wiped is not known by its record any more; nothing else is allowed.
    let known = found.states.get("succeeded").copied().unwrap_or(0);
    let unknown = found.states.get("unknown").copied().unwrap_or(0);
    assert_eq!(known + unknown, jobs, "{:?}", found.states);
    assert!(known > 0);
}
