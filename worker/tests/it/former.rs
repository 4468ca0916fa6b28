//! Accounts that are erased, or given to another user: what was meant for the one never reaches the other.

use std::time::Duration;

use accounts::Connection;
use common::account::AccountId;
use common::fingerprint::Fingerprint;
use common::job::{Effect, FailureKind, JobState};
use common::message::{Message, Work};
use common::port::{GoogleUser, JobQueue as _, JobStore as _, Lane, Shelf, Vault as _};
use common::time::hours;
use lifecycle::Ports;
use testing::Gate;
use testing::google::Behaviour::Hold;
use testing::google::Method::Insert;
use testing::google::{client, refresh_token};

use crate::bench::Bench;
use crate::order::order;
use crate::wait::eventually;

fn default() -> AccountId {
    AccountId::default_account()
}

impl Bench {
    fn operator(&self) -> Ports {
        Ports::from(&self.ports())
    }

    async fn recall(&self) -> lifecycle::AllCancelled {
        lifecycle::cancel_all(&self.operator(), &self.settings.quotas, &default()).await.unwrap()
    }

    /// The account's name is free, and `user` takes it.
    async fn give_to(&self, user: &str) {
        self.accounts.remove(&default()).await.unwrap();
        let connection = Connection {
            user: GoogleUser { sub: user.to_owned(), email: format!("{user}@example.com") },
            refresh_token: refresh_token(user, 1),
            client: client(),
            scopes: Vec::new(),
        };
        self.accounts.connect(&default(), &connection).await.unwrap();
    }
}

#[tokio::test]
async fn every_unfinished_job_is_taken_back_and_no_other() {
    let mut bench = Bench::new().await;
    bench.start();
    let done = bench.submit(order()).await;
    bench.succeeded(&done).await;
    bench.stop().taking.cancel();
    bench.stopped().await;
    let mut waiting = Vec::new();
    for _ in 0..250 {
        waiting.push(bench.submit(order()).await);
    }
    let recalled = bench.recall().await;
    assert_eq!((recalled.cancelled, recalled.cancelling.len()), (250, 0));
    let mark = bench.vault.get(Shelf::Cancellations, waiting[0].as_str()).await.unwrap().expect("a mark");
    let fingerprint = bench.job(&waiting[0]).await.fingerprint.clone();
    assert_eq!(serde_json::from_value::<Fingerprint>(mark.value).ok(), Some(fingerprint));
    assert_eq!(bench.recall().await, lifecycle::AllCancelled::default(), "doing it again does nothing");
    bench.start();
    for id in &waiting {
        bench.cancelled(id).await;
    }
    bench.quiet().await;
    assert_eq!(bench.google.methods(&waiting[0]), []);
    bench.succeeded(&done).await;
}

#[tokio::test]
async fn a_job_that_may_have_written_is_taken_back_at_google_while_the_account_can_be_used() {
    let mut bench = Bench::new().await;
    let gate = Gate::new();
    bench.google.next(Insert, Hold(gate.clone()));
    bench.start();
    let id = bench.submit(order()).await;
    bench.under_way(1).await;
    let recalled = bench.recall().await;
    assert_eq!((recalled.cancelled, recalled.cancelling), (0, vec![id.clone()]));
    gate.open();
    bench.cancelled(&id).await;
    assert!(bench.google.event(&id).unwrap().cancelled);
}

#[tokio::test]
async fn a_job_of_the_former_user_fails_and_never_reaches_the_next() {
    let mut bench = Bench::new().await;
    // Accepted, and missed by whoever took back the others.
    let id = bench.submit(order()).await;
    bench.give_to("eve").await;
    bench.start();
    let failure = bench.failed(&id).await;
    assert_eq!((failure.kind, failure.effect), (FailureKind::Unreadable, Effect::None));
    assert_eq!(bench.google.calls().len(), 0);
    let next = bench.submit(order()).await;
    bench.succeeded(&next).await;
}

#[tokio::test]
async fn an_attempt_that_began_before_the_account_changed_hands_writes_nothing_for_the_next_user() {
    let mut bench = Bench::new().await;
    bench.start();
    let first = bench.submit(order()).await;
    bench.succeeded(&first).await;
    // Its token has to be asked for, and meanwhile the account changes hands.
    bench.turn(hours(2));
    let gate = Gate::new();
    bench.endpoint.next(testing::google::Answering::Hold(gate.clone(), None));
    let (one, two) = (bench.submit(order()).await, bench.submit(order()).await);
    bench.until("a request for a token", &one, |_| bench.endpoint.refreshes() == 2).await;
    for id in [&one, &two] {
        bench.until("an attempt", id, |job| matches!(job.state, JobState::Running(_))).await;
    }
    bench.endpoint.end_grant(&refresh_token("default", 1));
    bench.give_to("eve").await;
    gate.open();
    for id in [&one, &two] {
        let ended = async || {
            // The one whose token was refused looks again after a second.
            bench.turn(Duration::from_secs(1));
            let job = bench.job(id).await;
            job.is_finished().then_some(job.state.clone())
        };
        let JobState::Failed(failure) = eventually("an end", ended).await else { panic!("{id} is done") };
        assert_eq!(failure.kind, FailureKind::Unreadable);
        assert_eq!(bench.google.methods(id), []);
    }
}

#[tokio::test]
async fn a_dead_letter_of_the_former_user_brings_nothing_to_the_next() {
    let mut bench = Bench::new().await;
    let job = bench.job_for(&order()).await;
    let letter = Message::next_for(&job, Work::Create).unwrap();
    bench.give_to("eve").await;
    bench.queue.publish(&letter, Lane::Due, Duration::ZERO).await.unwrap();
    bench.start();
    let failure = bench.failed(&job.id).await;
    assert_eq!(failure.kind, FailureKind::Unreadable);
    assert_eq!(bench.google.calls().len(), 0);
}

#[tokio::test]
async fn what_was_sealed_for_an_erased_account_is_in_no_record() {
    let mut bench = Bench::new().await;
    bench.start();
    let done = bench.submit(order()).await;
    bench.succeeded(&done).await;
    bench.stop().taking.cancel();
    bench.stopped().await;
    let waiting = bench.submit(order()).await;
    bench.recall().await;
    let operator = bench.operator();
    bench.accounts.remove(&default()).await.unwrap();
    assert_eq!(lifecycle::forget(&operator, &default()).await, Ok(2));
    for id in [&done, &waiting] {
        let job = bench.store.get(id).await.unwrap().unwrap();
        assert!(job.payload.is_none() && job.is_finished(), "{job:?}");
    }
    let again =
        lifecycle::replay(&operator, &bench.settings.quotas, &bench.job(&waiting).await, bench.now()).await;
    assert!(matches!(again, Ok(lifecycle::Replayed::Ended(_))), "{again:?}");
}
