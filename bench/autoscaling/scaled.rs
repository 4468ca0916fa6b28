//! A fleet that follows its queue: a burst, and then a steady stream, so that workers are ended while they are busy.

use std::time::{Duration, Instant};

use bench::keda::{Autoscaler, Scaling};
use jiff::Timestamp;
use tests::Caller;
use tokio::time::{MissedTickBehavior, interval};

use crate::fleet::{Fleet, post, seconds};
use crate::{CONCURRENCY, JOBS, WORKERS};

/// Between two decisions: `--horizontal-pod-autoscaler-sync-period`.
const SYNC: Duration = Duration::from_secs(15);
/// The stream goes on for so long, with so many jobs each second.
const STREAM: (usize, usize) = (150, 100);

/// As in k8s/overlays/production/scaling.yaml, with fewer workers, and with shorter windows on the way down so that
/// this ends.
const SCALING: Scaling = Scaling {
    value: CONCURRENCY as u64,
    min: 1,
    max: WORKERS as u64,
    up_pods: 4,
    up_percent: 100,
    down_percent: 50,
    period: Duration::from_secs(15),
    stabilization: Duration::from_secs(60),
};

/// Prints what was decided and when, and what became of the jobs.
pub async fn measure(fleet: &mut Fleet) {
    println!("scaled by KEDA's figures: {JOBS} jobs at once, then {} a second for {} s", STREAM.1, STREAM.0);
    println!("      s  messages  workers");
    fleet.scale(1).await;
    let (caller, began) = (fleet.caller(), Timestamp::now());
    let callers = tokio::spawn(async move {
        let burst = post(&caller, "burst", JOBS).await;
        (burst, stream(caller).await)
    });
    let ended_busy = follow(fleet, || callers.is_finished()).await;
    let (burst, stream) = callers.await.expect("no panics");
    fleet.count(burst.len() + stream.len());
    fleet.drained().await;
    let last = fleet.ends(&burst).await.into_iter().map(|ended| ended.at).max().expect("jobs");
    let streamed = fleet.ends(&stream).await.len();
    fleet.scale(0).await;
    println!(
        "the burst was done after {:.1} s, and {streamed} jobs of the stream beside and after it; workers were ended \
         with {ended_busy} jobs in hand; none was lost",
        seconds(began, last)
    );
}

/// Looks and scales, until everybody has posted and one worker is left. Answers how many jobs were in the hands of
/// workers when they were told to end.
async fn follow(fleet: &mut Fleet, is_over: impl Fn() -> bool) -> f64 {
    let (mut autoscaler, began) = (Autoscaler::new(SCALING), Instant::now());
    let mut tick = interval(SYNC);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ended_busy = 0.0;
    loop {
        tick.tick().await;
        // Where there is no figure, KEDA leaves everything as it is.
        let Ok(messages) = fleet.queues.messages().await else { continue };
        let (now, running) = (began.elapsed(), fleet.running());
        let decided = autoscaler.decide(now, running as u64, messages);
        println!("{:>7.0}  {messages:>8}  {running} -> {decided}", now.as_secs_f64());
        ended_busy += fleet.scale(usize::try_from(decided).expect("few workers")).await;
        if is_over() && decided == SCALING.min {
            return ended_busy;
        }
    }
}

/// A steady stream of jobs.
async fn stream(caller: Caller) -> Vec<String> {
    let (length, rate) = STREAM;
    let mut tick = interval(Duration::from_secs(1));
    let mut posting = Vec::new();
    for second in 0..length {
        tick.tick().await;
        let caller = caller.clone();
        posting.push(tokio::spawn(async move { post(&caller, &format!("stream-{second}"), rate).await }));
    }
    let mut ids = Vec::new();
    for posted in posting {
        ids.extend(posted.await.expect("no panics"));
    }
    ids
}
