//! No request goes past the quotas: a job waits a moment in hand, and longer in the queue.

use std::time::Duration;

use common::job::{JobState, Tally, WaitReason};
use common::port::Take;

use crate::bench::{Bench, accounts};
use crate::order::order;

#[tokio::test]
async fn a_moment_without_room_is_waited_out_in_hand() {
    let mut bench = Bench::new().await;
    bench.settings.quotas.calendar_per_second = 1;
    bench.start();
    let (first, second) = (bench.submit(order()).await, bench.submit(order()).await);
    bench.until("one of them", &first, |_| bench.google.calls().len() == 1).await;
    bench.until("both at work or done", &second, |job| job.state != JobState::Queued).await;
    assert_eq!(bench.google.calls().len(), 1, "one write a second");
    bench.turn(Duration::from_millis(1_100));
    for id in [&first, &second] {
        let job = bench.ended(id).await;
        assert_eq!(job.tally, Tally::default(), "nothing is counted for it");
    }
}

#[tokio::test]
async fn a_job_without_room_takes_a_new_place_in_line() {
    let mut bench = Bench::new().await;
    bench.settings.quotas.account_per_minute = 6;
    let other = &accounts(1)[0];
    bench.connect(other).await;
    bench.start();
    let account = bench.account(&common::account::AccountId::default_account()).await;
    let throttle = bench.ports().throttle;
    assert_eq!(throttle.try_take(&[bench.settings.quotas.per_minute(&account, 1)]).await, Take::Granted);
    let id = bench.submit(order()).await;
    let job = bench.waiting(&id).await;
    let JobState::Waiting { why: WaitReason::Quota, until } = job.state else { panic!("{:?}", job.state) };
    assert_eq!(job.tally, Tally { deferrals: 1, ..Tally::default() });
    assert!(common::time::until(bench.now(), until) > Duration::from_secs(2));
    assert_eq!(bench.google.methods(&id), []);
    let free = bench.submit(order().of(other)).await;
    bench.succeeded(&free).await;
    bench.come_due(&id).await;
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn guests_count_against_the_day() {
    let mut bench = Bench::new().await;
    bench.settings.quotas.invites_per_day = 10;
    bench.start();
    let first = bench.submit(order().guests(9)).await;
    bench.succeeded(&first).await;
    let second = bench.submit(order().guests(9)).await;
    let waiting = bench.waiting(&second).await;
    assert!(common::time::until(bench.now(), waiting.next_attempt_at().unwrap()) > common::time::hours(1));
    let alone = bench.submit(order()).await;
    bench.succeeded(&alone).await;
}
