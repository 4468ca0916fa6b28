//! The suite of the port behind `tokens`.

use std::sync::Arc;

use common::memory::MemoryTokens;
use testing::tokens;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_good_until_shortly_before_it_expires() {
    tokens::a_token_is_good_until_shortly_before_it_expires(Arc::new(MemoryTokens::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_lives_are_cut() {
    tokens::odd_lives_are_cut(Arc::new(MemoryTokens::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_refused_token_is_forgotten() {
    tokens::only_the_refused_token_is_forgotten(Arc::new(MemoryTokens::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_connections_token_replaces_nothing() {
    tokens::an_older_connections_token_replaces_nothing(Arc::new(MemoryTokens::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_refresh_once() {
    tokens::many_refresh_once(Arc::new(MemoryTokens::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turns_are_the_accounts_own() {
    tokens::turns_are_the_accounts_own(Arc::new(MemoryTokens::new())).await;
}
