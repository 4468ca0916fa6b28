//! Whose turn it is: jobs join their account's line when they can be done, and leave it with what they took.

use std::time::Duration;

use common::account::{AccountId, ReauthorizationCause};
use common::event::Priority;
use common::job::{Job, JobId, JobState, Place, Step, WaitReason};
use common::port::{Backlog, Change, JobStore as _, Line};
use common::time::{hours, minutes, until};
use testing::google::Method::Insert;

use crate::bench::Bench;
use crate::order::order;
use crate::wait::eventually;

/// A job's turn at 60 requests a minute, of which 98 % are used.
const TURN: Duration = Duration::from_micros(1_020_409);

/// A bench whose account may make so many requests a minute.
async fn paced(per_minute: u32) -> Bench {
    let mut bench = Bench::new().await;
    bench.settings.quotas.account_per_minute = per_minute;
    bench
}

impl Bench {
    async fn line(&self, priority: Priority) -> Line {
        let account = self.account(&AccountId::default_account()).await;
        self.settings.quotas.line(&account, priority, 1)
    }

    /// How long a job would wait in this line.
    async fn wait_in(&self, priority: Priority) -> Duration {
        self.ports().throttle.place(&self.line(priority).await.only_looked_at()).await
    }

    /// Makes the line of normal jobs longer by so much.
    async fn fill(&self, charge: Duration) {
        let line = self.line(Priority::Normal).await;
        self.ports().throttle.place(&Line { charge, ..line }).await;
    }

    async fn place_of(&self, id: &JobId) -> Place {
        self.job(id).await.turn.unwrap().place
    }

    /// Waits until so many of these jobs wait for their turn.
    async fn in_line(&self, ids: &[JobId], count: usize) {
        eventually("places in line", async || {
            let mut waiting = 0;
            for id in ids {
                let state = self.job(id).await.state.clone();
                waiting += usize::from(matches!(state, JobState::Waiting { why: WaitReason::Quota, .. }));
            }
            (waiting == count).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn scheduled_jobs_join_the_line_at_their_instant_and_not_before() {
    let mut bench = paced(60).await;
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(bench.submit(order().not_before(hours(1))).await);
    }
    assert_eq!(bench.wait_in(Priority::Normal).await, Duration::ZERO);
    let now = bench.submit(order()).await;
    bench.succeeded(&now).await;
    bench.turn(hours(1));
    // Of the first two the turn is near enough to wait for it in hand.
    bench.in_line(&ids, 18).await;
    assert_eq!(bench.wait_in(Priority::Normal).await, TURN * 20);
    let mut turns = Vec::new();
    for id in &ids {
        let job = bench.job(id).await;
        if let JobState::Waiting { until: then, .. } = job.state {
            assert_eq!(job.turn.unwrap().place, Place::InLine { micros: 1_020_409 });
            turns.push(until(bench.now(), then));
        }
    }
    turns.sort();
    let gaps: Vec<_> = turns.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap == TURN), "one after the other: {gaps:?}");
    bench.pass_until_ended(Duration::from_millis(500), &ids).await;
    assert!(ids.iter().all(|id| bench.google.methods(id) == [Insert]));
}

#[tokio::test]
async fn blocked_jobs_stand_in_no_line_and_join_it_once_when_they_are_woken() {
    let mut bench = paced(60).await;
    let id = AccountId::default_account();
    let generation = bench.account(&id).await.generation;
    let cause = ReauthorizationCause::GrantEnded;
    assert!(bench.accounts.needs_reauthorization(&id, generation, cause).await.unwrap());
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..20 {
        let job = bench.job_for(&order()).await;
        ids.push(job.id.clone());
        // Accepted while its account was blocked already.
        bench.submit_outside(job).await;
    }
    for id in &ids {
        bench.blocked(id).await;
    }
    assert_eq!(bench.wait_in(Priority::Bulk).await, Duration::ZERO);
    let account = bench.connect(&id).await;
    assert_eq!(bench.resume(&account).await, 20);
    let line = bench.wait_in(Priority::Normal).await + Duration::from_secs(1);
    assert_eq!(line, TURN * 20, "each once");
    let in_line = Place::InLine { micros: 1_020_409 };
    let mut placed = 0;
    for id in &ids {
        placed += usize::from(bench.job(id).await.turn.is_some_and(|turn| turn.place == in_line));
    }
    assert!((15..=20).contains(&placed), "{placed}: all but those whose turn has come already");
    bench.pass_until_ended(Duration::from_millis(500), &ids).await;
    assert!(ids.iter().all(|id| bench.google.methods(id) == [Insert]));
    // The last of them has had its turn, and nobody else took one.
    bench.turn(TURN);
    assert_eq!(bench.wait_in(Priority::Normal).await, Duration::ZERO);
}

#[tokio::test]
async fn jobs_that_are_recalled_give_back_exactly_what_they_took() {
    let bench = paced(60).await;
    bench.fill(minutes(10)).await;
    let (normal, bulk) = (bench.wait_in(Priority::Normal).await, bench.wait_in(Priority::Bulk).await);
    for _ in 0..10 {
        bench.submit(order()).await;
        bench.submit(order().conference()).await;
        bench.submit(order().bulk().conference()).await;
        bench.submit(order().not_before(hours(1))).await;
    }
    let conference = Duration::from_micros(2_040_817);
    assert_eq!(bench.wait_in(Priority::Normal).await, normal + (TURN + conference) * 10);
    let account = bench.account(&AccountId::default_account()).await;
    let recalled =
        lifecycle::cancel_all(&(&bench.ports()).into(), &bench.settings.quotas, &account.id).await.unwrap();
    assert_eq!(recalled.cancelled, 40);
    assert_eq!(bench.wait_in(Priority::Normal).await, normal);
    assert_eq!(bench.wait_in(Priority::Bulk).await, bulk);
}

#[tokio::test]
async fn a_replayed_job_that_is_cancelled_gives_its_new_turn_back() {
    let mut bench = paced(60).await;
    bench.start();
    let id = bench.submit(order().not_after(minutes(1)).not_before(Duration::from_secs(59))).await;
    bench.waiting(&id).await;
    bench.turn(minutes(2));
    bench.failed(&id).await;
    bench.fill(minutes(10)).await;
    let before = bench.wait_in(Priority::Normal).await;
    let job = bench.job(&id).await;
    let operator = (&bench.ports()).into();
    lifecycle::replay(&operator, &bench.settings.quotas, &job, bench.now()).await.unwrap();
    assert_eq!(bench.wait_in(Priority::Normal).await, before + TURN);
    assert_eq!(bench.place_of(&id).await, Place::InLine { micros: 1_020_409 });
    let account = bench.account(&AccountId::default_account()).await;
    lifecycle::cancel_all(&operator, &bench.settings.quotas, &account.id).await.unwrap();
    assert_eq!(bench.wait_in(Priority::Normal).await, before);
}

#[tokio::test]
async fn a_record_of_an_older_build_gives_back_one_normal_request_and_runs_as_before() {
    let mut bench = paced(60).await;
    bench.fill(minutes(10)).await;
    let before = bench.wait_in(Priority::Normal).await;
    bench.submit_job(bench.job_for(&order()).await.with(|fields| fields.turn = None)).await;
    assert_eq!(bench.wait_in(Priority::Normal).await, before + TURN);
    let account = bench.account(&AccountId::default_account()).await;
    lifecycle::cancel_all(&(&bench.ports()).into(), &bench.settings.quotas, &account.id).await.unwrap();
    assert_eq!(bench.wait_in(Priority::Normal).await, before);
    // And one whose message comes: the build that accepted it has placed it.
    let job = bench.job_for(&order()).await.with(|fields| fields.turn = None);
    bench.publish_only(&job).await;
    bench.start();
    // Without a record it asks Google first, so that it makes two calls.
    let began = bench.now();
    bench.pass_until_ended(Duration::from_millis(500), std::slice::from_ref(&job.id)).await;
    assert_eq!(bench.wait_in(Priority::Normal).await, before - until(began, bench.now()));
}

#[tokio::test]
async fn a_bulk_job_lets_normal_jobs_go_first_but_not_for_ever() {
    let mut bench = paced(60).await;
    bench.start();
    let id = bench.submit(order().bulk().not_before(minutes(5))).await;
    bench.waiting(&id).await;
    bench.fill(minutes(10)).await;
    bench.turn(minutes(5));
    for yields in 0..=3 {
        let in_line = |job: &Job| {
            matches!(job.state, JobState::Waiting { why: WaitReason::Quota, .. })
                && job.turn.unwrap().yields == yields
        };
        let job = bench.until("its place", &id, in_line).await;
        assert_eq!(bench.google.methods(&id), []);
        let then = job.next_attempt_at().unwrap();
        assert!(until(bench.now(), then) >= minutes(5), "it is behind the normal jobs in line");
        // More of them come before its turn does.
        bench.fill(minutes(10)).await;
        bench.clock.turn_to(then);
    }
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn a_bulk_job_whose_turn_comes_when_no_normal_job_waits_goes_at_once() {
    let mut bench = paced(60).await;
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(bench.submit(order().bulk()).await);
    }
    bench.pass_until_ended(Duration::from_millis(500), &ids).await;
    for id in &ids {
        assert_eq!(bench.job(id).await.tally.deferrals, 0, "its first place was its turn");
    }
}

#[tokio::test]
async fn a_job_whose_turn_would_come_after_its_deadline_is_tried_before_it_and_holds_nobody_up() {
    let mut bench = paced(60).await;
    bench.start();
    // Due in a minute, to be done within another; by then the line is an hour long.
    let id = bench.submit(order().not_before(minutes(1)).not_after(minutes(2))).await;
    bench.waiting(&id).await;
    bench.fill(hours(2)).await;
    bench.turn(minutes(1));
    let job = bench
        .until("its wait", &id, |job| matches!(job.state, JobState::Waiting { why: WaitReason::Quota, .. }))
        .await;
    assert_eq!(job.turn.unwrap().place, Place::Past);
    assert_eq!(bench.wait_in(Priority::Normal).await, hours(2) - minutes(1), "it left the line");
    let left = until(job.next_attempt_at().unwrap(), job.not_after);
    assert_eq!(left, Duration::from_secs(5));
    bench.come_due(&id).await;
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn a_users_address_is_the_same_calendar_as_primary() {
    for (second, held_back) in [("DEFAULT@example.com", true), ("team@example.com", false), ("primary", true)]
    {
        let mut bench = Bench::new().await;
        bench.settings.quotas.calendar_per_second = 1;
        bench.start();
        let first = bench.submit(order()).await;
        bench.succeeded(&first).await;
        let id = bench.submit(order().calendar(second)).await;
        // The clock stands still: what is held back is so until it is turned.
        let other = bench.submit(order().calendar("other@example.com")).await;
        bench.succeeded(&other).await;
        if held_back {
            bench.until("running", &id, |job| matches!(job.state, JobState::Running(_))).await;
            assert_eq!(bench.google.methods(&id), [], "{second}");
            bench.turn(Duration::from_secs(3));
        }
        bench.succeeded(&id).await;
    }
}

impl Bench {
    /// Accepts a job whose account cannot write now.
    async fn submit_outside(&self, job: Job) {
        let line = self.line(Priority::Normal).await.only_looked_at();
        self.store.accept(&job, Backlog::default(), &line).await.unwrap();
        self.publish_only(&job).await;
        let change = self.store.take(&job.id, &Step::Enqueued, self.now()).await.unwrap();
        assert!(matches!(change, Change::Taken(_) | Change::Refused(_)));
    }
}
