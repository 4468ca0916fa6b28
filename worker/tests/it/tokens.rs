//! Access tokens: made once for everybody who needs one, and dead grants are not worn out.

use std::time::Duration;

use common::job::Tally;
use common::port::TokenError;
use common::refused_client::RefusedClient;
use common::time::hours;
use testing::Gate;
use testing::google::{Answering, refresh_token};

use crate::bench::{Bench, accounts};
use crate::logs::Logs;
use crate::order::order;

/// Jobs of one account that all need a token which is being asked for.
async fn crowd(bench: &mut Bench, granting: Answering, gate: Gate) -> Vec<common::job::JobId> {
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(bench.submit(order()).await);
    }
    let before = bench.endpoint.refreshes();
    bench.endpoint.next(granting);
    bench.start();
    for id in &ids {
        bench.until("everybody to be at it", id, |job| job.state.name().as_str() == "running").await;
    }
    assert_eq!(bench.endpoint.refreshes(), before + 1);
    gate.open();
    ids
}

#[tokio::test]
async fn fifty_jobs_on_an_expired_token_make_one_refresh() {
    let mut bench = Bench::new().await;
    bench.start();
    let first = bench.submit(order()).await;
    bench.succeeded(&first).await;
    bench.stop().taking.cancel();
    bench.stopped().await;
    bench.turn(hours(2));
    let gate = Gate::new();
    let ids = crowd(&mut bench, Answering::Hold(gate.clone(), None), gate).await;
    for id in &ids {
        bench.succeeded(id).await;
    }
    assert_eq!(bench.endpoint.refreshes(), 2, "one for the first job, one for all the others");
}

#[tokio::test]
async fn fifty_jobs_on_a_dead_grant_try_it_once() {
    let logs = Logs::listen();
    let mut bench = Bench::new().await;
    bench.endpoint.end_grant(&refresh_token("default", 1));
    let gate = Gate::new();
    let ids = crowd(&mut bench, Answering::Hold(gate.clone(), None), gate).await;
    for id in &ids {
        bench.blocked(id).await;
    }
    assert_eq!(bench.endpoint.refreshes(), 1, "a dead grant is not worn out");
    assert_eq!(logs.errors().len(), 1, "{}", logs.everything());
    assert_eq!(bench.google.calls().len(), 0);
}

#[tokio::test]
async fn fifty_jobs_of_a_client_that_google_refuses_ask_once_and_again_once_it_may_have_been_mended() {
    let logs = Logs::listen();
    let mut bench = Bench::new().await;
    let (gate, words) = (Gate::new(), String::new);
    let refused = TokenError::InvalidClient { error: "invalid_client".to_owned(), description: words() };
    let ids = crowd(&mut bench, Answering::Hold(gate.clone(), Some(refused)), gate).await;
    for id in &ids {
        let job = bench.waiting(id).await;
        assert_eq!(job.tally, Tally { deferrals: 1, ..Tally::default() });
    }
    assert_eq!((bench.endpoint.refreshes(), logs.errors().len()), (1, 1), "{}", logs.everything());
    let noted = RefusedClient::noted(bench.vault.as_ref(), bench.now()).await.unwrap();
    assert_eq!(noted.map(|noted| noted.error).as_deref(), Some("invalid_client"));
    bench.turn(Duration::from_secs(20));
    for id in &ids {
        bench.succeeded(id).await;
    }
    assert_eq!(bench.endpoint.refreshes(), 2);
    assert_eq!(RefusedClient::noted(bench.vault.as_ref(), bench.now()).await.unwrap(), None);
}

#[tokio::test]
async fn what_google_refuses_one_account_is_asked_for_another() {
    let mut bench = Bench::new().await;
    let other = &accounts(1)[0];
    bench.connect(other).await;
    let unauthorized = "unauthorized_client".to_owned();
    let refused = TokenError::InvalidClient { error: unauthorized, description: String::new() };
    bench.endpoint.next(Answering::Refuse(refused));
    bench.start();
    let one = bench.submit(order()).await;
    bench.waiting(&one).await;
    let two = bench.submit(order().of(other)).await;
    bench.succeeded(&two).await;
    assert_eq!(bench.endpoint.refreshes(), 2);
}

#[tokio::test]
async fn trouble_at_the_token_endpoint_is_nobodys_fault() {
    let words = String::new;
    for error in [
        TokenError::Unavailable { status: 503 },
        TokenError::Transport(words()),
        TokenError::Throttled { retry_after: None },
        TokenError::InvalidClient { error: "invalid_client".to_owned(), description: words() },
        TokenError::Refused { error: "invalid_request".to_owned(), description: words() },
    ] {
        let mut bench = Bench::new().await;
        bench.endpoint.next(Answering::Refuse(error.clone()));
        bench.start();
        let id = bench.submit(order()).await;
        let job = bench.waiting(&id).await;
        assert_eq!(job.tally, Tally { deferrals: 1, ..Tally::default() }, "{error:?}");
        assert_eq!(bench.google.methods(&id), [], "{error:?}");
        bench.come_due(&id).await;
        bench.succeeded(&id).await;
    }
}

#[tokio::test]
async fn a_token_endpoint_that_hangs_for_twenty_minutes_costs_no_attempt() {
    let mut bench = Bench::new().await;
    bench.endpoint.hang(true);
    bench.start();
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(bench.submit(order()).await);
    }
    let second = Duration::from_secs(1);
    for _ in 0..1_200 {
        bench.turn(second);
        bench.all_taken().await;
    }
    bench.endpoint.hang(false);
    for _ in 0..60 {
        bench.turn(second);
        bench.all_taken().await;
    }
    for id in &ids {
        let job = bench.ended(id).await;
        assert_eq!((job.state.name().as_str(), job.tally.attempts), ("succeeded", 0), "{:?}", job.tally);
    }
}
