//! Redis is away, silent, or not the primary any more.

use std::sync::Arc;
use std::time::Duration;

use common::port::{Backlog, JobStore, StoreError};
use common::sample;
use common::time;
use tests::{Durability, Proxy, RedisServer, SentinelServer, eventually, free_port};

use super::{accepted, again, process, server, store};

#[tokio::test(flavor = "multi_thread")]
async fn a_process_starts_without_its_server_and_finds_it_when_it_comes() {
    let server = server().await;
    server.kill();
    let redis = process(&server.url());
    let store = redis.store(time::days(7));
    store.whole_since().await.unwrap_err();
    assert!(!redis.is_up());
    redis.run_id().await.unwrap_err();
    server.start_again().await;
    again("an answer", || store.whole_since()).await;
    assert!(redis.is_up());
    let run_id = redis.run_id().await.unwrap();
    assert!(server.command(&["INFO", "server"]).contains(&run_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_is_used_again_when_it_is_back() {
    let server = RedisServer::start(Durability::Always).await;
    let store = store(&server);
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let job = sample::job("o", "a");
        accepted(&store, &job, Backlog::default()).await;
        jobs.push(job);
        server.kill();
        store.get(&jobs[0].id).await.unwrap_err();
        server.start_again().await;
        for job in &jobs {
            assert_eq!(again("an answer", || store.get(&job.id)).await.as_ref(), Some(job));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_process_notices_by_itself_that_the_server_was_replaced() {
    let server = server().await;
    let redis = process(&server.url());
    let store: Arc<dyn JobStore> = redis.store(time::days(7));
    let first = again("an answer", || redis.run_id()).await;
    server.kill();
    server.start_again().await;
    // Nobody asks for anything meanwhile, and nobody's call fails for it afterwards.
    eventually("the new connection", Duration::from_secs(20), || async {
        let now = if redis.is_up() { redis.run_id().await.ok() } else { None };
        now.filter(|now| *now != first)
    })
    .await;
    accepted(&store, &sample::job("o", "a"), Backlog::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_costs_one_wait_and_then_nobody_anything() {
    let server = server().await;
    let store = store(&server);
    let job = sample::job("o", "a");
    accepted(&store, &job, Backlog::default()).await;
    server.freeze();
    store.get(&job.id).await.unwrap_err();
    // A thousand waits of a second each would take a quarter of an hour; even the trying in between must
    // not hold anybody up.
    let many = async {
        for _ in 0..1_000 {
            store.get(&job.id).await.unwrap_err();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), many).await.expect("they fail at once");
    server.thaw();
    assert_eq!(again("an answer", || store.get(&job.id)).await, Some(job));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_are_made_again() {
    let server = server().await;
    let proxy = Proxy::to(server.port()).await;
    let redis = process(&proxy.in_place_of(server.port(), &server.url()));
    let store: Arc<dyn JobStore> = redis.store(time::days(7));
    let job = sample::job("o", "a");
    accepted(&store, &job, Backlog::default()).await;
    let mut watch = store.watch(&job.id);
    for _ in 0..3 {
        proxy.cut().await;
        store.get(&job.id).await.unwrap_err();
        proxy.heal().await;
        assert_eq!(again("an answer", || store.get(&job.id)).await, Some(job.clone()));
    }
    // Whoever watches is woken once the subscription is back: there may have been a change.
    tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("woken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_became_a_replica_is_not_written_to() {
    let server = server().await;
    let store = store(&server);
    let before = sample::job("o", "a");
    accepted(&store, &before, Backlog::default()).await;
    server.command(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    let job = sample::job("o", "a");
    store.accept(&job, Backlog::default(), &sample::line("a")).await.unwrap_err();
    // Nor is it read from: it may be behind.
    eventually("the refusal of the replica", Duration::from_secs(20), || async {
        let refused = store.get(&before.id).await.err();
        refused.filter(|StoreError(why)| why.contains("replica"))
    })
    .await;
    server.command(&["REPLICAOF", "NO", "ONE"]);
    again("an acceptance", || async { store.accept(&job, Backlog::default(), &sample::line("a")).await })
        .await;
    assert_eq!(store.get(&job.id).await, Ok(Some(job)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_memory_is_away_until_it_has_room() {
    let server = server().await;
    let store = store(&server);
    let job = sample::job("o", "a");
    accepted(&store, &job, Backlog::default()).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = store.accept(&sample::job("o", "a"), Backlog::default(), &sample::line("a")).await;
    assert!(refused.as_ref().is_err_and(|StoreError(why)| why.contains("OOM")), "{refused:?}");
    // Nor is it read: what it says of a job is from before it was full.
    let read = store.get(&job.id).await;
    assert!(read.as_ref().is_err_and(|StoreError(why)| why.contains("its memory is full")), "{read:?}");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(again("an answer", || store.get(&job.id)).await, Some(job));
    accepted(&store, &sample::job("o", "a"), Backlog::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_the_server_forgot_are_sent_again() {
    let server = server().await;
    let store = store(&server);
    accepted(&store, &sample::job("o", "a"), Backlog::default()).await;
    server.command(&["SCRIPT", "FLUSH"]);
    accepted(&store, &sample::job("o", "a"), Backlog::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sentinels_choice_is_followed() {
    let primary = server().await;
    let of = format!("127.0.0.1 {}", primary.port());
    let replica = RedisServer::start_with(Durability::Nothing, &["--replicaof", &of]).await;
    let sentinel = SentinelServer::start(&primary, 1).await;
    let redis = process(&sentinel.url());
    let store: Arc<dyn JobStore> = redis.store(time::days(7));
    let job = sample::job("o", "a");
    accepted(&store, &job, Backlog::default()).await;
    let whole = store.whole_since().await.unwrap();
    assert_eq!(primary.command(&["WAIT", "1", "10000"]), "1");
    let mut watch = store.watch(&job.id);
    primary.kill();
    let late = sample::job("o", "a");
    again("an acceptance by the new primary", || async {
        store.accept(&late, Backlog::default(), &sample::line("a")).await
    })
    .await;
    assert!(replica.command(&["ROLE"]).starts_with("master"), "{}", sentinel.log());
    assert_eq!(store.get(&job.id).await, Ok(Some(job)));
    assert!(store.whole_since().await.unwrap() > whole, "it may lack what came last");
    tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("woken");
}

#[tokio::test(flavor = "multi_thread")]
async fn four_rights_are_enough_and_a_wrong_password_is_said() {
    let server = server().await;
    let rules = ["ACL", "SETUSER", "relay", "on", ">hush", "~calrelay:*", "&calrelay:*"];
    let rights = ["+@read", "+@write", "+@scripting", "+@pubsub", "+@connection", "+time"];
    server.command(&[rules.as_slice(), &rights].concat());
    let url = server.url().replace("//", "//relay:hush@");
    let store: Arc<dyn JobStore> = process(&url).store(time::days(7));
    accepted(&store, &sample::job("o", "a"), Backlog::default()).await;
    assert_eq!(
        store
            .list(&common::port::ListFilter::default(), common::port::Page { after: None, limit: 9 })
            .await
            .unwrap()
            .len(),
        1
    );
    let wrong: Arc<dyn JobStore> = process(&url.replace("hush", "other")).store(time::days(7));
    let error = wrong.whole_since().await.unwrap_err().to_string();
    assert!(!error.contains("hush") && !error.contains("other@"), "{error}");
    assert!(error.to_lowercase().contains("auth") || error.contains("WRONGPASS"), "{error}");
}
