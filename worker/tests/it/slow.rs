//! An account for which Google is slow, beside others.

use std::time::Duration;

use common::account::AccountId;
use common::job::{JobId, Tally};
use testing::Gate;
use testing::google::Behaviour::Hold;

use crate::bench::{Bench, accounts};
use crate::order::{Order, order};
use crate::wait::eventually;

/// A worker with so many slots, for whose `slow` accounts Google answers once the gate is open; and an account
/// for which it answers at once.
async fn beside(slots: usize, slow: usize) -> (Bench, Vec<AccountId>, AccountId, Gate) {
    let mut bench = Bench::new().await;
    bench.settings.concurrency = slots;
    let mut slow = accounts(slow + 1);
    for id in &slow {
        bench.connect(id).await;
    }
    let fast = slow.pop().expect("there is one more");
    let (gate, users) = (Gate::new(), slow.clone());
    let held = gate.clone();
    bench
        .google
        .rule(move |call| users.iter().any(|user| user.as_str() == call.user).then(|| Hold(held.clone())));
    (bench, slow, fast, gate)
}

async fn submit(bench: &Bench, slow: &[AccountId], jobs: usize, order: impl Fn() -> Order) -> Vec<JobId> {
    let mut ids = Vec::new();
    for number in 0..jobs {
        ids.push(bench.submit(order().of(&slow[number % slow.len()])).await);
    }
    ids
}

/// Starts the worker; once slow accounts hold so many slots a job of `fast` is done.
async fn another_is_done_beside(bench: &mut Bench, held: usize, fast: &AccountId) {
    bench.start();
    bench.under_way(held).await;
    let other = bench.submit(order().of(fast)).await;
    bench.succeeded(&other).await;
}

/// Opens the gate and lets time pass until every job is done; none was charged for having waited.
async fn all_are_done(bench: &Bench, gate: &Gate, ids: &[JobId]) {
    gate.open();
    for id in ids {
        eventually("the end of a job", async || {
            bench.turn(Duration::from_millis(250));
            bench.job(id).await.is_finished().then_some(())
        })
        .await;
        bench.succeeded(id).await;
        assert_eq!(bench.job(id).await.tally, Tally::default());
    }
    assert_eq!(bench.google.count(), ids.len() + 1);
}

#[tokio::test]
async fn new_jobs_of_a_slow_account_leave_a_slot_to_another() {
    for (slots, held) in [(8, 7), (16, 15), (64, 60)] {
        let (mut bench, slow, fast, gate) = beside(slots, 1).await;
        let ids = submit(&bench, &slow, slots * 3, order).await;
        another_is_done_beside(&mut bench, held, &fast).await;
        assert_eq!(bench.google.in_progress(), held, "of {slots}");
        all_are_done(&bench, &gate, &ids).await;
    }
}

#[tokio::test]
async fn jobs_that_come_back_to_a_slow_account_leave_a_slot_to_another() {
    let (mut bench, slow, fast, gate) = beside(16, 1).await;
    let later = || order().not_before(Duration::from_secs(1));
    let ids = submit(&bench, &slow, 100, later).await;
    bench.turn(Duration::from_secs(1));
    another_is_done_beside(&mut bench, 15, &fast).await;
    all_are_done(&bench, &gate, &ids).await;
}

#[tokio::test]
async fn two_slow_accounts_leave_a_slot_to_a_third() {
    let (mut bench, slow, fast, gate) = beside(16, 2).await;
    let ids = submit(&bench, &slow, 60, order).await;
    another_is_done_beside(&mut bench, 15, &fast).await;
    all_are_done(&bench, &gate, &ids).await;
}

#[tokio::test]
async fn what_waits_for_a_slot_is_handed_back_when_the_worker_stops() {
    let (mut bench, slow, _, gate) = beside(16, 1).await;
    let ids = submit(&bench, &slow, 40, order).await;
    bench.start();
    bench.under_way(15).await;
    bench.stop().taking.cancel();
    gate.open();
    assert_eq!(bench.stopped().await, 0);
    bench.start();
    for id in &ids {
        eventually("the end of a job", async || {
            bench.turn(Duration::from_millis(250));
            bench.job(id).await.is_finished().then_some(())
        })
        .await;
        bench.succeeded(id).await;
    }
    assert_eq!(bench.google.count(), ids.len());
    assert_eq!(bench.google.calls().len(), ids.len(), "Google is asked of none that was not begun");
}
