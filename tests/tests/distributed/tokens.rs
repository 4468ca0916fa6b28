//! The token cache of many processes, and what it does while Redis is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use adapter_redis::{Redis, RedisTokens};
use common::account::{AccountId, Generation};
use common::port::{AccessToken, SystemClock, TokenCache as _};
use common::sample;
use common::seal::{Key, Keyring};
use common::time;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tests::{Durability, RedisServer, eventually};
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(20);

/// As processes with the same key have it.
fn processes<const COUNT: usize>(server: &RedisServer) -> [Arc<RedisTokens>; COUNT] {
    let ring = Keyring::new(Key::random(), Vec::new());
    [(); COUNT].map(|()| process(server, &ring))
}

fn process(server: &RedisServer, ring: &Keyring) -> Arc<RedisTokens> {
    Redis::start(&server.url(), Arc::new(SystemClock)).unwrap().tokens(ring.clone())
}

fn account() -> AccountId {
    sample::account("a")
}

fn token(secret: &str) -> AccessToken {
    let expires_at = time::after(Timestamp::now(), time::hours(1));
    AccessToken { secret: SecretString::from(secret), expires_at, generation: Generation(1) }
}

async fn secret(tokens: &RedisTokens) -> Option<String> {
    let token = tokens.get(&account(), Generation(1), Timestamp::now()).await?;
    Some(token.secret.expose_secret().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_many_processes_need_at_once_is_refreshed_once() {
    let server = RedisServer::start(Durability::Nothing).await;
    let processes: [_; 3] = processes(&server);
    let refreshes = Arc::new(AtomicU32::new(0));
    let mut asking = JoinSet::new();
    for tokens in processes.iter().flat_map(|tokens| [tokens; 30]) {
        let (tokens, refreshes) = (tokens.clone(), refreshes.clone());
        asking.spawn(async move {
            let _turn = tokens.refresh_turn(&account()).await;
            if secret(&tokens).await.is_none() {
                refreshes.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(200)).await;
                tokens.put(&account(), &token("t"), Timestamp::now()).await;
            }
        });
    }
    tokio::time::timeout(SOON, asking.join_all()).await.expect("everybody has a token");
    assert_eq!(refreshes.load(Ordering::SeqCst), 1);
    for tokens in &processes {
        assert_eq!(secret(tokens).await.as_deref(), Some("t"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_passes_on_when_it_ends_and_when_it_was_given_up() {
    let server = RedisServer::start(Durability::Nothing).await;
    let [one, other] = processes(&server);
    let held = one.refresh_turn(&account()).await;
    let brief = Duration::from_millis(300);
    assert!(tokio::time::timeout(brief, other.refresh_turn(&account())).await.is_err(), "it is taken");
    drop(held);
    for _ in 0..50 {
        // Given up at any moment, even just when it was given.
        let _ = tokio::time::timeout(Duration::from_micros(300), other.refresh_turn(&account())).await;
        let next = tokio::time::timeout(Duration::from_secs(10), one.refresh_turn(&account())).await;
        drop(next.expect("the turn, long before it would end by itself"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_one_process_knows_is_refused_is_gone_for_all() {
    let server = RedisServer::start(Durability::Nothing).await;
    let [one, other] = processes(&server);
    one.put(&account(), &token("old"), Timestamp::now()).await;
    assert_eq!(secret(&other).await.as_deref(), Some("old"));
    other.forget(&account(), &token("old")).await;
    assert_eq!(secret(&one).await, None);
    one.put(&account(), &token("new"), Timestamp::now()).await;
    other.forget(&account(), &token("old")).await;
    assert_eq!(secret(&other).await.as_deref(), Some("new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_rests_sealed_and_not_for_long() {
    let server = RedisServer::start(Durability::Nothing).await;
    let [one] = processes(&server);
    one.put(&account(), &token("ya29.secret"), Timestamp::now()).await;
    let turn = one.refresh_turn(&sample::account("b")).await;
    let keys = server.command(&["KEYS", "*"]);
    assert_eq!(keys.lines().count(), 2, "{keys}");
    for key in keys.lines() {
        let left: i64 = server.command(&["PTTL", key]).parse().unwrap();
        assert!(left > 0 && left <= 3_600_000, "{key} lives for {left} ms");
    }
    let at_rest = server.command(&["HGETALL", "calrelay:token:a"]);
    assert!(!at_rest.contains("secret"), "{at_rest}");
    drop(turn);
    // Moved to another account it is of no use, nor to who has another key.
    server.command(&["COPY", "calrelay:token:a", "calrelay:token:b"]);
    assert!(one.get(&sample::account("b"), Generation(1), Timestamp::now()).await.is_none());
    let [stranger] = processes(&server);
    assert_eq!(secret(&stranger).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_away_a_process_goes_on_with_its_own_tokens_and_turns() {
    let server = RedisServer::start(Durability::Nothing).await;
    let [one, other] = processes(&server);
    one.put(&account(), &token("t"), Timestamp::now()).await;
    let held = one.refresh_turn(&account()).await;
    server.kill();
    let going_on = async {
        assert_eq!(secret(&one).await.as_deref(), Some("t"));
        assert_eq!(secret(&other).await, None);
        drop(other.refresh_turn(&account()).await);
        let brief = Duration::from_millis(100);
        assert!(tokio::time::timeout(brief, one.refresh_turn(&account())).await.is_err(), "one at a time");
        drop(held);
        drop(one.refresh_turn(&account()).await);
        one.forget(&account(), &token("t")).await;
        assert_eq!(secret(&one).await, None);
        one.put(&account(), &token("new"), Timestamp::now()).await;
        assert_eq!(secret(&one).await.as_deref(), Some("new"));
    };
    tokio::time::timeout(SOON, going_on).await.expect("nothing waits for Redis");
    server.start_again().await;
    let back = || async {
        one.put(&account(), &token("shared"), Timestamp::now()).await;
        (secret(&other).await.as_deref() == Some("shared")).then_some(())
    };
    eventually("Redis to be used again", SOON, back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_redis_keeps_nobody_from_refreshing() {
    let server = RedisServer::start(Durability::Nothing).await;
    let [one] = processes(&server);
    one.put(&account(), &token("t"), Timestamp::now()).await;
    server.freeze();
    let asking = async {
        for _ in 0..100 {
            drop(one.refresh_turn(&account()).await);
            assert_eq!(secret(&one).await.as_deref(), Some("t"));
        }
    };
    tokio::time::timeout(SOON, asking).await.expect("turns without Redis");
    server.thaw();
}
