//! A grant that Google no longer takes: one repeat, one notice, and every job waits for its user.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use accounts::AtGoogle;
use common::account::{AccountId, AccountState, Generation, ReauthorizationCause};
use common::job::{BlockReason, Effect, JobId, JobState, Lease, Pause, Step, Tally, WorkerId};
use common::port::{CalendarError, Change, ClientRef, JobQueue as _, JobStore as _, TokenError};
use common::time::minutes;
use futures_util::future::join_all;
use testing::Gate;
use testing::google::Behaviour::{HoldThen, Refuse};
use testing::google::Method::Insert;
use testing::google::{Answering, client, refresh_token};

use crate::bench::{Bench, message};
use crate::logs::Logs;
use crate::order::order;
use crate::wait::eventually;

fn default() -> AccountId {
    AccountId::default_account()
}

fn dead() -> TokenError {
    TokenError::InvalidGrant { description: "Token has been expired or revoked.".to_owned() }
}

async fn cause(bench: &Bench) -> Option<ReauthorizationCause> {
    match bench.account(&default()).await.state {
        AccountState::NeedsReauthorization { cause, .. } => Some(cause),
        AccountState::Connected | AccountState::Disconnected { .. } => None,
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_call_repeated_once() {
    let mut bench = Bench::new().await;
    bench.start();
    let first = bench.submit(order()).await;
    bench.succeeded(&first).await;
    bench.endpoint.refuse_access_tokens();
    let second = bench.submit(order()).await;
    bench.succeeded(&second).await;
    assert_eq!(bench.google.methods(&second), [Insert, Insert]);
    assert_eq!(bench.endpoint.refreshes(), 2);
    assert_eq!(bench.job(&second).await.tally, Tally::default());
}

#[tokio::test]
async fn a_second_refusal_blocks_the_account_with_one_notice_and_no_more_calls() {
    let logs = Logs::listen();
    let mut bench = Bench::new().await;
    bench.google.rule(|_| Some(Refuse(CalendarError::TokenRefused)));
    bench.start();
    let id = bench.submit(order()).await;
    let job = bench.blocked(&id).await;
    assert_eq!(job.state, JobState::Blocked { why: BlockReason::Reauthorization, until: None });
    assert_eq!((job.tally, job.effect), (Tally::default(), Effect::None));
    assert_eq!(bench.google.methods(&id), [Insert, Insert]);
    assert_eq!(cause(&bench).await, Some(ReauthorizationCause::TokenRefused));
    let refreshes = bench.endpoint.refreshes();
    for _ in 0..5 {
        let other = bench.submit(order()).await;
        bench.blocked(&other).await;
        assert_eq!(bench.google.methods(&other), []);
    }
    assert_eq!(bench.endpoint.refreshes(), refreshes);
    assert_eq!(logs.errors().len(), 1, "{}", logs.everything());
}

#[tokio::test]
async fn many_refusals_at_once_are_one_notice() {
    let logs = Logs::listen();
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    let held = gate.clone();
    bench.google.rule(move |_| Some(HoldThen(held.clone(), Box::new(Refuse(CalendarError::ScopeMissing)))));
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(bench.submit(order()).await);
    }
    bench.under_way(10).await;
    gate.open();
    for id in &ids {
        bench.blocked(id).await;
    }
    assert_eq!(logs.errors().len(), 1, "{}", logs.everything());
}

#[tokio::test]
async fn blocked_jobs_run_by_themselves_once_the_account_is_connected_again() {
    let mut bench = Bench::new().await;
    bench.endpoint.end_grant(&refresh_token("default", 1));
    bench.start();
    let (one, two) = (bench.submit(order()).await, bench.submit(order()).await);
    for id in [&one, &two] {
        bench.blocked(id).await;
        assert_eq!(bench.google.methods(id), [], "no token, no call");
    }
    assert_eq!(cause(&bench).await, Some(ReauthorizationCause::GrantEnded));
    let account = bench.connect(&default()).await;
    assert_eq!(bench.resume(&account).await, 2);
    for id in [&one, &two] {
        bench.succeeded(id).await;
        assert_eq!(bench.google.methods(id), [Insert]);
    }
}

#[tokio::test]
async fn the_sweep_wakes_what_nobody_woke() {
    let mut bench = Bench::new().await;
    bench.endpoint.end_grant(&refresh_token("default", 1));
    bench.start();
    let id = bench.submit(order()).await;
    bench.blocked(&id).await;
    bench.connect(&default()).await;
    bench.turn(minutes(1));
    bench.succeeded_soon(&id).await;
    // The copy that was to look after an hour dies out.
    bench.turn(common::time::hours(2));
    assert_eq!(bench.quiet().await.delayed, 0);
    assert_eq!(bench.google.methods(&id), [Insert]);
}

#[tokio::test]
async fn of_many_workers_one_wakes_each_job() {
    let mut bench = Bench::new().await;
    bench.endpoint.end_grant(&refresh_token("default", 1));
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(bench.submit(order()).await);
    }
    for id in &ids {
        bench.blocked(id).await;
    }
    bench.stop().taking.cancel();
    bench.stopped().await;
    let published = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&published);
    bench.queue.refuse(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        None
    });
    let account = bench.connect(&default()).await;
    let ports = lifecycle::Ports::from(&bench.ports());
    let wakers = (0..8).map(|_| lifecycle::wake_account(&ports, &bench.settings.quotas, &account));
    let woken: u64 = join_all(wakers).await.into_iter().map(|resumed| resumed.unwrap().woken).sum();
    assert_eq!((woken, published.load(Ordering::Relaxed)), (60, 60));
    bench.queue.recover();
    bench.start();
    bench.turn(minutes(1));
    for id in &ids {
        bench.succeeded(id).await;
        assert_eq!(bench.google.methods(id), [Insert]);
    }
}

#[tokio::test]
async fn a_woken_job_is_not_blocked_again_by_what_a_worker_remembers() {
    let mut bench = Bench::new().await;
    bench.endpoint.end_grant(&refresh_token("default", 1));
    bench.start();
    let id = bench.submit(order()).await;
    bench.blocked(&id).await;
    bench.turn(Duration::from_secs(5));
    // By another process: this one remembers the account as it was.
    let account = bench.connect_elsewhere(&default()).await;
    assert_eq!(bench.resume(&account).await, 1);
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn a_job_whose_waker_died_is_looked_at_after_an_hour_all_the_same() {
    let mut bench = Bench::new().await;
    bench.endpoint.end_grant(&refresh_token("default", 1));
    bench.start();
    let id = bench.submit(order()).await;
    let job = bench.blocked(&id).await;
    bench.connect(&default()).await;
    // As far as a waker comes before it publishes.
    let step = Step::Unblock { hop: job.hop };
    let change = bench.store.take(&id, &step, bench.now()).await.unwrap();
    assert!(matches!(change, Change::Taken(_)), "{change:?}");
    bench.turn(minutes(2));
    assert_eq!(bench.quiet().await.delayed, 1, "nobody else wakes it");
    bench.turn(common::time::hours(1));
    bench.succeeded(&id).await;
}

#[tokio::test]
async fn a_job_that_was_woken_while_the_queue_was_away_is_published_once_it_is_back() {
    let mut bench = Bench::new().await;
    bench.endpoint.end_grant(&refresh_token("default", 1));
    bench.start();
    let id = bench.submit(order()).await;
    bench.blocked(&id).await;
    bench.connect(&default()).await;
    bench.queue.refuse_all();
    bench.turn(minutes(1));
    bench.until("the job to be woken", &id, |job| job.state == JobState::Queued).await;
    bench.queue.recover();
    bench.succeeded_soon(&id).await;
}

#[tokio::test]
async fn a_job_that_is_blocked_just_after_the_account_was_connected_is_woken_too() {
    let mut bench = Bench::new().await;
    bench.start();
    bench.quiet().await;
    let job = bench.job_for(&order()).await;
    let id = bench.submit_blocked(job).await;
    bench.turn(minutes(1));
    bench.succeeded_soon(&id).await;
}

impl Bench {
    /// Waits for the success of a job that comes back within seconds.
    async fn succeeded_soon(&self, id: &JobId) {
        let ended = async || {
            self.turn(Duration::from_secs(1));
            self.job(id).await.is_finished().then_some(())
        };
        eventually("the end of a woken job", ended).await;
        self.succeeded(id).await;
    }

    /// A job that an attempt has recorded as blocked, having seen the account as it was before.
    async fn submit_blocked(&self, job: common::job::Job) -> JobId {
        let lease = Lease { worker: WorkerId::random(), until: common::time::after(self.now(), minutes(1)) };
        let (tally, effect, hop) = (job.tally, job.effect, 1);
        self.store.restore(&job).await.unwrap();
        let start = Step::Start { lease: lease.clone(), hop, tally, effect };
        let pause = Pause::Blocked { why: BlockReason::Reauthorization, until: None };
        for step in [start, Step::Postpone { lease, pause, tally, effect, hop, turn: None }] {
            let change = self.store.take(&job.id, &step, self.now()).await.unwrap();
            assert!(matches!(change, Change::Taken(_)), "{change:?}");
        }
        let looked_at_again = message(&job);
        let delay = common::time::hours(1);
        self.queue.publish(&looked_at_again, common::port::Lane::Due, delay).await.unwrap();
        job.id.clone()
    }
}

#[tokio::test]
async fn a_late_refusal_of_an_old_grant_does_not_block_the_new_connection() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.endpoint.next(Answering::Hold(gate.clone(), Some(dead())));
    bench.start();
    let id = bench.submit(order()).await;
    bench.until("the request for a token", &id, |_| bench.endpoint.refreshes() == 1).await;
    bench.connect(&default()).await;
    gate.open();
    bench.come_due(&id).await;
    bench.succeeded(&id).await;
    let account = bench.account(&default()).await;
    assert_eq!((account.state, account.generation), (AccountState::Connected, Generation(2)));
    assert_eq!(bench.endpoint.refreshes(), 2, "one for each connection");
}

#[tokio::test]
async fn a_late_refusal_of_an_old_token_does_not_block_the_new_connection() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    let refusal = Box::new(Refuse(CalendarError::ScopeMissing));
    bench.google.next(Insert, HoldThen(gate.clone(), refusal));
    bench.start();
    let id = bench.submit(order()).await;
    bench.under_way(1).await;
    bench.connect(&default()).await;
    gate.open();
    bench.come_due(&id).await;
    bench.succeeded(&id).await;
    assert_eq!(cause(&bench).await, None);
}

#[tokio::test]
async fn every_way_to_lose_a_grant_is_named() {
    let refused = |error| (Some(Refuse(error)), None);
    let denied = TokenError::Denied { description: String::new() };
    for ((insert, grant), expected) in [
        (refused(CalendarError::ScopeMissing), ReauthorizationCause::ScopeMissing),
        (refused(CalendarError::NotACalendarUser), ReauthorizationCause::NotACalendarUser),
        ((None, Some(dead())), ReauthorizationCause::GrantEnded),
        ((None, Some(denied)), ReauthorizationCause::AdminForbids),
    ] {
        let mut bench = Bench::new().await;
        if let Some(behaviour) = insert {
            bench.google.next(Insert, behaviour);
        }
        if let Some(error) = grant {
            bench.endpoint.next(Answering::Refuse(error));
        }
        bench.start();
        let id = bench.submit(order()).await;
        bench.blocked(&id).await;
        assert_eq!(cause(&bench).await, Some(expected));
    }
}

#[tokio::test]
async fn an_account_of_another_client_waits_for_its_user() {
    let mut bench = Bench::new().await;
    let other = ClientRef { client_id: "another".to_owned(), ..client() };
    bench.connect_with(&default(), other).await;
    bench.start();
    let id = bench.submit(order()).await;
    bench.blocked(&id).await;
    assert_eq!(cause(&bench).await, Some(ReauthorizationCause::ClientChanged));
    assert_eq!(bench.google.methods(&id), []);
}

#[tokio::test]
async fn a_disconnected_accounts_jobs_wait_without_a_call() {
    let mut bench = Bench::new().await;
    let id = bench.submit(order()).await;
    bench.accounts.disconnect(&default()).await.unwrap();
    bench.start();
    bench.blocked(&id).await;
    assert_eq!((bench.google.methods(&id).len(), bench.endpoint.refreshes()), (0, 0));
}

#[tokio::test]
async fn google_is_told_of_a_disconnected_account_once_it_answers() {
    let mut bench = Bench::new().await;
    bench.endpoint.next(Answering::Refuse(TokenError::Unavailable { status: 503 }));
    let told = bench.accounts.revoke(&default(), bench.endpoint.as_ref()).await;
    assert!(matches!(told, Ok(AtGoogle::Untold(_))), "{told:?}");
    bench.start();
    let told = async || bench.account(&default()).await.refresh_token.is_none().then_some(());
    eventually("Google to be told", told).await;
    assert_eq!(bench.endpoint.refreshes(), 0, "and it is used for nothing else");
}

#[tokio::test]
async fn jobs_that_were_blocked_together_look_again_within_the_hour_at_times_of_their_own() {
    const JOBS: usize = 40;
    let mut bench = Bench::new().await;
    bench.endpoint.end_grant(&refresh_token("default", 1));
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..JOBS {
        ids.push(bench.submit(order()).await);
    }
    for id in &ids {
        bench.blocked(id).await;
    }
    bench.put_off(JOBS as u64).await;
    let published = bench.queue.publishes();
    bench.turn(minutes(45) - Duration::from_secs(1));
    bench.put_off(JOBS as u64).await;
    assert_eq!(bench.queue.publishes(), published, "none looks earlier");
    // Each that looks leaves one message for its next look.
    let mut looks = Vec::new();
    for _ in 0..16 {
        let before = bench.queue.publishes();
        bench.turn(minutes(1));
        bench.put_off(JOBS as u64).await;
        looks.push(bench.queue.publishes() - before);
    }
    assert_eq!(looks.iter().sum::<usize>(), JOBS, "each looks once within the hour: {looks:?}");
    assert!(looks.iter().filter(|looks| **looks > 0).count() >= 5, "they come apart: {looks:?}");
}
