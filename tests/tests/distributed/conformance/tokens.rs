//! The suite of the port `TokenCache`, on Redis.

use std::sync::Arc;

use adapter_redis::{Redis, RedisTokens};
use common::port::SystemClock;
use common::seal::{Key, Keyring};
use testing::tokens;
use tests::{Durability, RedisServer};

/// A cache on a server of its own.
async fn of_its_own() -> (RedisServer, Arc<RedisTokens>) {
    let server = RedisServer::start(Durability::Nothing).await;
    let redis = Redis::start(&server.url(), Arc::new(SystemClock)).unwrap();
    (server, redis.tokens(Keyring::new(Key::random(), Vec::new())))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_until_shortly_before_it_expires() {
    let (_server, tokens) = of_its_own().await;
    tokens::a_token_is_good_until_shortly_before_it_expires(tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_lives_are_cut() {
    let (_server, tokens) = of_its_own().await;
    tokens::odd_lives_are_cut(tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_refused_token_is_forgotten() {
    let (_server, tokens) = of_its_own().await;
    tokens::only_the_refused_token_is_forgotten(tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_connections_token_replaces_nothing() {
    let (_server, tokens) = of_its_own().await;
    tokens::an_older_connections_token_replaces_nothing(tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_refresh_once() {
    let (_server, tokens) = of_its_own().await;
    tokens::many_refresh_once(tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_are_the_accounts_own() {
    let (_server, tokens) = of_its_own().await;
    tokens::turns_are_the_accounts_own(tokens).await;
}
