//! RabbitMQ on three nodes: losing the one that leads.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Acceptance, Cluster, Load, Plan, eventually, outcome, prepare_load, quantile};

/// How often a leader is killed: more often says more about the gap.
fn kills() -> usize {
    match std::env::var("CALRELAY_TESTS").as_deref() {
        Ok("long") => 12,
        Ok("quick") => 1,
        Ok(_) | Err(_) => 5,
    }
}

/// The longest time without an acceptance that began within `window` after `kill`.
fn gap(accepted: &[Acceptance], kill: Instant, window: Duration) -> Duration {
    let near = accepted.windows(2).filter(|pair| pair[1].at >= kill && pair[0].at <= kill + window);
    near.map(|pair| pair[1].at - pair[0].at).max().expect("jobs were accepted after it")
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_leader_under_load_loses_nothing_and_acceptance_resumes_by_itself() {
    let cluster = Cluster::start().await;
    let installation = Plan::new(2, 2).unlimited().with("RUST_LOG", "warn").start_on(&cluster).await;
    let google = installation.sandbox().view();
    prepare_load(&google).await;
    google.fault(json!({"method": "*", "latencyMs": 100})).await;

    let load = Load::start(&installation.caller(), usize::MAX, 50, Duration::from_millis(100));
    let mut killed_at = Vec::new();
    for kill in 1..=kills() {
        load.until_accepted(load.accepted() + 300).await;
        let leader = eventually("a leader", Duration::from_secs(30), || {
            cluster.leader(installation.vhost(), "calrelay.jobs")
        })
        .await;
        // With a follower that has not caught up there would be no majority without the leader.
        eventually("a queue that can do without its leader", Duration::from_secs(60), || async {
            let critical = leader.eval("length(rabbit_quorum_queue:list_with_minimum_quorum()).").await;
            (critical == "0").then_some(())
        })
        .await;
        killed_at.push(Instant::now());
        leader.kill();
        let next = eventually("another leader", Duration::from_secs(30), || {
            cluster.leader(installation.vhost(), "calrelay.jobs")
        })
        .await;
        load.until_accepted(load.accepted() + 300).await;
        println!("SIGKILL {kill}: {} led, then {}", leader.name(), next.name());
        leader.start_again().await;
    }
    load.enough();
    let accepted = load.all().await;
    let found = outcome(&installation, &accepted).await;

    let window = Duration::from_secs(10);
    let mut gaps: Vec<Duration> = killed_at.iter().map(|kill| gap(&accepted, *kill, window)).collect();
    gaps.sort();
    let posted_near = |accepted: &&Acceptance| {
        let posted = accepted.at - accepted.job.took;
        killed_at.iter().any(|kill| accepted.at >= *kill && posted <= *kill + window)
    };
    let mut waits: Vec<Duration> =
        accepted.iter().filter(posted_near).map(|accepted| accepted.job.took).collect();
    waits.sort();
    println!(
        "{} leaders killed under load: {} accepted, {} events, {} titles more than once, {} missing; \
         gap in acceptance: median {} ms, p99 {} ms; from a caller's first post to its acceptance, {} posts within {} s of a kill: median {} ms, p99 {} ms, longest {} ms",
        gaps.len(),
        accepted.len(),
        found.events,
        found.doubled,
        found.missing,
        quantile(&gaps, 0.5).as_millis(),
        quantile(&gaps, 0.99).as_millis(),
        waits.len(),
        window.as_secs(),
        quantile(&waits, 0.5).as_millis(),
        quantile(&waits, 0.99).as_millis(),
        quantile(&waits, 1.0).as_millis(),
    );
    assert_eq!((found.events, found.doubled, found.missing), (accepted.len(), 0, 0));
    assert_eq!(found.states.get("succeeded"), Some(&accepted.len()), "{:?}", found.states);
}
