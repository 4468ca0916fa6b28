//! Telling that an account has to be connected again.

use std::time::Duration;

use common::account::{Generation, ReauthorizationCause};
use common::port::{Shelf, Vault as _};
use common::time::{after, minutes};
use serde_json::{Value, json};
use testing::google::refresh_token;

use crate::bench::Bench;
use crate::notices::told;
use crate::order::order;
use crate::receiver::Answer::Status;
use crate::receiver::Call;
use crate::wait::eventually;

/// The account's end is known, whoever noticed it.
async fn end(bench: &Bench, generation: u64) {
    let (id, cause) = (order().account, ReauthorizationCause::GrantEnded);
    assert!(bench.accounts.needs_reauthorization(&id, Generation(generation), cause).await.unwrap());
}

fn about_accounts(calls: &[Call]) -> Vec<&str> {
    calls.iter().filter(|call| call.kind.starts_with("account.")).map(|call| call.id.as_str()).collect()
}

#[tokio::test]
async fn an_account_that_has_to_be_connected_again_is_told_of_once_however_many_notice() {
    let (mut bench, receiver) = told().await;
    bench.start();
    bench.start_second();
    bench.endpoint.end_grant(&refresh_token("default", 1));
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(bench.submit(order()).await);
    }
    for id in &ids {
        bench.blocked(id).await;
    }
    // One for each job, and one for the account.
    receiver.heard(51).await;
    for _ in 0..5 {
        bench.turn(minutes(10));
        bench.quiet().await;
    }
    let calls = receiver.calls();
    assert_eq!(about_accounts(&calls), ["default.1.needs_reauthorization"]);
    assert_eq!(calls.len(), 51);
    let call = calls.iter().find(|call| call.kind == "account.needs_reauthorization").unwrap();
    assert!(call.genuine);
    let data = &call.body["data"];
    assert_eq!((&data["account"], &data["cause"]), (&json!("default"), &json!("grantEnded")));
    assert!(!call.body.to_string().contains("example.com"), "{}", call.body);
}

#[tokio::test]
async fn each_connection_that_ends_is_told_of() {
    let (mut bench, receiver) = told().await;
    end(&bench, 1).await;
    bench.start();
    receiver.heard(1).await;
    bench.connect(&order().account).await;
    end(&bench, 2).await;
    let calls = eventually("a second notice", async || {
        bench.turn(minutes(1));
        let calls = receiver.calls();
        (calls.len() == 2).then_some(calls)
    })
    .await;
    assert_eq!(
        about_accounts(&calls),
        ["default.1.needs_reauthorization", "default.2.needs_reauthorization"]
    );
}

#[tokio::test]
async fn who_was_told_of_an_account_is_remembered_over_a_restart_and_who_was_not_is_told_then() {
    let (mut bench, receiver) = told().await;
    receiver.answer([Status(503)]);
    end(&bench, 1).await;
    bench.start();
    receiver.heard(1).await;
    bench.progress("account.default", |left| left["left"][0]["tries"] == 1).await;
    for _ in 0..2 {
        bench.stop().taking.cancel();
        bench.stopped().await;
        bench = bench.reopen().await;
        bench.settings.notices = receiver.notices();
        bench.turn(minutes(10));
        bench.start();
        bench.progress("account.default", |left| left["left"] == json!([])).await;
    }
    let calls = receiver.calls();
    assert_eq!(about_accounts(&calls), ["default.1.needs_reauthorization"; 2]);
    assert_eq!(calls[0].body, calls[1].body);
}

#[tokio::test]
async fn a_worker_that_dies_while_it_tells_of_an_account_leaves_that_to_another() {
    let (mut bench, receiver) = told().await;
    end(&bench, 1).await;
    // What it leaves behind.
    let leased = json!({
        "generation": 1, "claimedUntil": after(bench.now(), minutes(3)),
        "left": [{ "channel": "webhook", "tries": 0, "due": bench.now() }],
    });
    bench.vault.put(Shelf::Notices, "account.default", &leased, None).await.unwrap();
    bench.start();
    bench.sleeping_for(Duration::from_secs(30)).await;
    assert_eq!(receiver.calls().len(), 0, "it may still be at it");
    bench.turn(minutes(3));
    // Others sleep for as long: it may have looked just before the clock was turned.
    eventually("the notice", async || {
        bench.turn(Duration::from_secs(30));
        (receiver.calls().len() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_was_told_of_an_account_is_forgotten_once_it_is_connected_again() {
    let (mut bench, receiver) = told().await;
    end(&bench, 1).await;
    bench.start();
    receiver.heard(1).await;
    bench.progress("account.default", |left| left["left"] == json!([])).await;
    bench.connect(&order().account).await;
    eventually("an empty shelf", async || {
        bench.turn(minutes(1));
        bench.vault.list(Shelf::Notices).await.unwrap().is_empty().then_some(())
    })
    .await;
    assert_eq!(receiver.calls().len(), 1);
}

impl Bench {
    /// Waits until what is kept of a notice is as `like` says.
    async fn progress(&self, name: &str, like: impl Fn(&Value) -> bool) {
        eventually("a notice's progress", async || {
            let doc = self.vault.get(Shelf::Notices, name).await.unwrap()?;
            like(&doc.value).then_some(())
        })
        .await;
    }
}
