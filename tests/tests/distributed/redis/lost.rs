//! Redis loses what it held, wholly or in part.

use std::time::Duration;

use common::job::{Effect, JobState, Refusal, Step, Tally};
use common::port::{Accepted, Backlog, Change};
use common::sample;
use tests::{Durability, RedisServer};

use super::{accepted, again, server, store, taken};

#[tokio::test(flavor = "multi_thread")]
async fn data_that_nothing_has_happened_to_are_whole_since_the_first_use() {
    let server = server().await;
    let one = store(&server);
    let since = one.whole_since().await.unwrap();
    accepted(&one, &sample::job("o", "a"), Backlog::default()).await;
    assert_eq!(one.whole_since().await, Ok(since));
    assert_eq!(store(&server).whole_since().await, Ok(since), "in another process too");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_wipe_the_data_are_whole_since_then() {
    let server = server().await;
    let store = store(&server);
    let job = sample::job("o", "a");
    accepted(&store, &job, Backlog::default()).await;
    let before = store.whole_since().await.unwrap();
    server.wipe();
    // Whoever comes first notes it: here somebody who accepts another job, and is told.
    let (other, line) = (sample::job("o", "a"), sample::line("a"));
    let outcome = store.accept(&other, Backlog::default(), &line).await;
    assert_eq!(store.get(&job.id).await, Ok(None));
    let after = store.whole_since().await.unwrap();
    assert!(after > before, "{before} {after}");
    assert!(matches!(outcome, Ok(Accepted::New { whole_since, .. }) if whole_since == after), "{outcome:?}");
    server.wipe();
    store.restore(&job).await.unwrap();
    let again = store.whole_since().await.unwrap();
    assert!(again > after, "{after} {again}");
    server.wipe();
    assert!(store.whole_since().await.unwrap() > again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_started_again_may_have_lost_what_came_last() {
    let server = RedisServer::start(Durability::EverySecond).await;
    let store = store(&server);
    let before = store.whole_since().await.unwrap();
    server.kill();
    server.start_again().await;
    let after = again("an answer", || store.whole_since()).await;
    assert!(after > before, "its epoch came back with it, its last second may not have: {before} {after}");
    assert_eq!(store.whole_since().await, Ok(after));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_wiped_is_not_brought_back_by_who_remembers_it() {
    let server = server().await;
    let store = store(&server);
    let job = sample::job("o", "a");
    accepted(&store, &job, Backlog::default()).await;
    let lease = sample::lease(sample::at(60));
    let start = Step::Start { lease: lease.clone(), hop: 1, tally: Tally::default(), effect: Effect::None };
    taken(&store, &job.id, start).await;
    server.wipe();
    let begun = store.take(&job.id, &Step::BeginWrite(lease.clone()), sample::at(2)).await;
    assert_eq!(begun, Ok(Change::Refused(Refusal::Unknown)));
    assert_eq!(store.get(&job.id).await, Ok(None));
    // Rebuilt by somebody else it is another record, though it looks the same.
    let held = job.with(|fields| {
        fields.state = JobState::Running(lease.clone());
        fields.effect = Effect::Unknown;
    });
    assert_eq!(store.restore(&held).await, Ok(held.clone()));
    let begun = taken(&store, &held.id, Step::BeginWrite(lease)).await;
    assert_eq!(begun.effect, Effect::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wipe_empties_the_backlog() {
    let server = server().await;
    let store = store(&server);
    let one = Backlog { per_account: 1, per_owner: 1 };
    accepted(&store, &sample::job("o", "a"), one).await;
    server.wipe();
    accepted(&store, &sample::job("o", "a"), one).await;
}

/// Waits until all records are gone.
async fn all_records_expired(server: &RedisServer) {
    tests::eventually("the end of every record", Duration::from_secs(20), || async {
        server.command(&["--scan", "--pattern", "calrelay:job:*"]).is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlived_its_record_is_cleared_away() {
    let server = server().await;
    let store: std::sync::Arc<dyn common::port::JobStore> =
        super::process(&server.url()).store(Duration::from_millis(20));
    // Four that nobody ended, in two states, and three that ended; their deadline is now.
    for number in 0..7 {
        let job =
            sample::job("o", &format!("a{}", number % 2)).with(|fields| fields.not_after = sample::noon());
        accepted(&store, &job, Backlog::default()).await;
        match number {
            0 => {
                let blocked = JobState::Blocked { why: common::job::BlockReason::Paused, until: None };
                let job = job.with(|fields| {
                    fields.id = common::job::JobId::random();
                    fields.state = blocked;
                });
                store.restore(&job).await.unwrap();
            }
            4.. => {
                // It may have gone already: its life is short.
                let _ = store.take(&job.id, &Step::Cancel, sample::noon()).await.unwrap();
            }
            _ => {}
        }
    }
    all_records_expired(&server).await;
    assert_eq!(store.oldest_due(sample::at(9_000)).await, Ok(None), "what is gone is not due");
    // Each acceptance clears away a few.
    let mut last = sample::job("o", "a0");
    for _ in 0..10 {
        let not_after = sample::at(90_000);
        last = sample::job("o", "a0").with(|fields| {
            fields.submitted_at = sample::at(80_000);
            fields.not_after = not_after;
        });
        accepted(&store, &last, Backlog::default()).await;
    }
    assert_eq!(server.command(&["ZCARD", "calrelay:jobs:open"]), "10");
    assert_eq!(server.command(&["ZCARD", "calrelay:owner:o"]), "10");
    assert_eq!(server.command(&["ZCARD", "calrelay:backlog:o"]), "10");
    assert_eq!(server.command(&["ZCARD", "calrelay:due"]), "10");
    for gone in ["jobs:blocked", "jobs:cancelled", "ended", "backlog:o:a1"] {
        assert_eq!(server.command(&["ZCARD", &format!("calrelay:{gone}")]), "0", "{gone}");
    }
    assert_eq!(store.get(&last.id).await, Ok(Some(last)));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_expires_by_itself_but_the_note_since_when_it_is_whole() {
    let server = server().await;
    let store = store(&server);
    let line = sample::line("a");
    for number in 0..12 {
        let job = sample::job("o", "a");
        store.accept(&job, Backlog::default(), &line).await.unwrap();
        match number % 4 {
            0 => drop(taken(&store, &job.id, Step::Succeed(sample::sealed())).await),
            1 => drop(taken(&store, &job.id, Step::Cancel).await),
            2 => {
                let lease = sample::lease(sample::at(60));
                let (tally, effect) = (Tally::default(), Effect::None);
                let start = Step::Start { lease: lease.clone(), hop: 1, tally, effect };
                taken(&store, &job.id, start).await;
                match number {
                    2 => drop(taken(&store, &job.id, Step::Fail(lease, sample::failure())).await),
                    _ => {
                        let pause = common::job::Pause::Blocked {
                            why: common::job::BlockReason::Reauthorization,
                            until: None,
                        };
                        let postpone = Step::Postpone { lease, pause, tally, effect, hop: 2, turn: None };
                        taken(&store, &job.id, postpone).await;
                    }
                }
            }
            _ => {}
        }
    }
    let keys = server.command(&["--scan"]);
    assert!(keys.lines().count() > 20, "{keys}");
    for key in keys.lines() {
        let left: i64 = server.command(&["PTTL", key]).parse().unwrap();
        assert_eq!(left > 0, key != "calrelay:epoch", "{key} lives for {left} ms");
    }
}
