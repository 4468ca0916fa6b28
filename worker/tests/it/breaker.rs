//! While Google is down it is asked by one job at a time, and no job pays for it.

use std::time::Duration;

use common::job::{JobId, JobState};
use common::port::CalendarError;
use testing::google::Behaviour::Refuse;

use crate::bench::{Bench, accounts};
use crate::order::order;

const FAILING: CalendarError = CalendarError::Unavailable { status: 503, retry_after: None };

/// Google fails for everybody until the circuit has opened.
async fn opened(bench: &mut Bench) -> Vec<JobId> {
    let accounts = accounts(6);
    for account in &accounts {
        bench.connect(account).await;
    }
    bench.google.rule(|_| Some(Refuse(FAILING)));
    bench.start();
    let mut ids = Vec::new();
    for account in &accounts[..5] {
        assert!(bench.google_answers());
        let id = bench.submit(order().of(account)).await;
        bench.waiting(&id).await;
        ids.push(id);
    }
    assert!(!bench.google_answers(), "five accounts have failed");
    ids
}

#[tokio::test]
async fn an_open_circuit_lets_one_job_at_a_time_through_and_counts_no_attempt() {
    let mut bench = Bench::new().await;
    let early = opened(&mut bench).await;
    let before = bench.google.calls().len();
    let mut late = Vec::new();
    for account in &accounts(6) {
        late.push(bench.submit(order().of(account)).await);
        late.push(bench.submit(order().of(account)).await);
    }
    bench
        .pass_until("a few probes", Duration::from_secs(1), || bench.google.calls().len() >= before + 6)
        .await;
    let calls = bench.google.calls();
    let probes = &calls[before..];
    assert!(probes.iter().all(|probe| !probe.overlapped), "{probes:#?}");
    for pair in probes.windows(2) {
        assert!(pair[0].at < pair[1].at, "there is a pause between probes");
    }
    for id in &late {
        assert_eq!(bench.job(id).await.tally.attempts, 0, "no attempt counts while it is open");
    }
    for id in &early {
        assert!(bench.job(id).await.tally.attempts <= 1);
    }

    bench.google.recover();
    let all: Vec<JobId> = early.into_iter().chain(late).collect();
    bench.pass_until("the first success", Duration::from_secs(1), || bench.google_answers()).await;
    bench.pass_until_ended(Duration::from_secs(1), &all).await;
    for id in &all {
        let job = bench.job(id).await;
        assert!(matches!(job.state, JobState::Succeeded { .. }), "{:?}", job.state);
    }
}

#[tokio::test]
async fn probes_come_less_and_less_often() {
    let mut bench = Bench::new().await;
    opened(&mut bench).await;
    let before = bench.google.calls().len();
    for _ in 0..4 {
        bench.submit(order().of(&accounts(6)[5])).await;
    }
    bench
        .pass_until("five probes", Duration::from_secs(1), || bench.google.calls().len() >= before + 5)
        .await;
    let calls = bench.google.calls();
    let probes = &calls[before..];
    let pauses: Vec<Duration> =
        probes.windows(2).map(|pair| common::time::until(pair[0].at, pair[1].at)).collect();
    for (pause, least) in pauses.iter().zip([2, 4, 8, 16]) {
        assert!(*pause >= Duration::from_secs(least), "{pauses:?}");
    }
}

#[tokio::test]
async fn one_bad_account_among_many_good_ones_does_not_open_it() {
    let mut bench = Bench::new().await;
    let accounts = accounts(9);
    for account in &accounts {
        bench.connect(account).await;
    }
    bench.google.rule(|call| (call.user == "team-0").then_some(Refuse(FAILING)));
    bench.start();
    for good in &accounts[1..] {
        let id = bench.submit(order().of(good)).await;
        bench.succeeded(&id).await;
    }
    for _ in 0..12 {
        let bad = bench.submit(order().of(&accounts[0])).await;
        bench.waiting(&bad).await;
        assert!(bench.google_answers());
    }
    let good = bench.submit(order().of(&accounts[1])).await;
    bench.succeeded(&good).await;
}
