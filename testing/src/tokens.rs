//! The suite of the port `TokenCache`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinSet;

use super::{sample, soon};
use common::account::Generation;
use common::port::{AccessToken, TokenCache};

fn token(secret: &str, expires_at: Timestamp, generation: u64) -> AccessToken {
    AccessToken { secret: SecretString::from(secret), expires_at, generation: Generation(generation) }
}

async fn secret(cache: &Arc<dyn TokenCache>, generation: u64, now: Timestamp) -> Option<String> {
    let token = cache.get(&sample::account("a"), Generation(generation), now).await?;
    Some(token.secret.expose_secret().to_owned())
}

/// A token is there for its own account and connection, until shortly before it expires.
pub async fn a_token_is_good_until_shortly_before_it_expires(cache: Arc<dyn TokenCache>) {
    let (a, now) = (sample::account("a"), Timestamp::now());
    let seconds = |seconds| common::time::after(now, Duration::from_secs(seconds));
    cache.put(&a, &token("t", seconds(3_599), 3), now).await;
    assert_eq!(secret(&cache, 3, now).await.as_deref(), Some("t"));
    let kept = cache.get(&a, Generation(3), now).await.unwrap();
    assert_eq!((kept.expires_at, kept.generation), (seconds(3_599), Generation(3)));
    assert_eq!(secret(&cache, 2, now).await, None);
    assert_eq!(secret(&cache, 4, now).await, None);
    assert!(cache.get(&sample::account("b"), Generation(3), now).await.is_none());
    assert_eq!(secret(&cache, 3, seconds(3_300)).await.as_deref(), Some("t"));
    assert_eq!(secret(&cache, 3, seconds(3_599 - 200)).await, None);
}

/// No token is kept longer than an hour, and a short-lived one for half its life.
pub async fn odd_lives_are_cut(cache: Arc<dyn TokenCache>) {
    let (a, now) = (sample::account("a"), Timestamp::now());
    let seconds = |seconds| common::time::after(now, Duration::from_secs(seconds));
    cache.put(&a, &token("day", seconds(86_400), 1), now).await;
    assert_eq!(secret(&cache, 1, seconds(3_500)).await.as_deref(), Some("day"));
    assert_eq!(secret(&cache, 1, seconds(3_601)).await, None);
    cache.put(&a, &token("short", seconds(60), 1), now).await;
    assert_eq!(secret(&cache, 1, seconds(25)).await.as_deref(), Some("short"));
    assert_eq!(secret(&cache, 1, seconds(35)).await, None);
}

/// Only the token that was refused is forgotten.
pub async fn only_the_refused_token_is_forgotten(cache: Arc<dyn TokenCache>) {
    let (a, now) = (sample::account("a"), Timestamp::now());
    let expires = common::time::after(now, common::time::hours(1));
    let (old, new) = (token("old", expires, 1), token("new", expires, 1));
    cache.put(&a, &old, now).await;
    cache.put(&a, &new, now).await;
    cache.forget(&a, &old).await;
    assert_eq!(secret(&cache, 1, now).await.as_deref(), Some("new"));
    cache.forget(&a, &new).await;
    assert_eq!(secret(&cache, 1, now).await, None);
}

/// A late token of an older connection does not replace one of a newer.
pub async fn an_older_connections_token_replaces_nothing(cache: Arc<dyn TokenCache>) {
    let (a, now) = (sample::account("a"), Timestamp::now());
    let expires = common::time::after(now, common::time::hours(1));
    cache.put(&a, &token("newer", expires, 2), now).await;
    cache.put(&a, &token("late", expires, 1), now).await;
    assert_eq!(secret(&cache, 2, now).await.as_deref(), Some("newer"));
}

/// Fifty that need a token at once refresh it once.
pub async fn many_refresh_once(cache: Arc<dyn TokenCache>) {
    let refreshes = Arc::new(AtomicU32::new(0));
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let (cache, refreshes) = (cache.clone(), refreshes.clone());
        asking.spawn(async move {
            let (a, now) = (sample::account("a"), Timestamp::now());
            let _turn = soon("a turn", cache.refresh_turn(&a)).await;
            if secret(&cache, 1, now).await.is_none() {
                refreshes.fetch_add(1, Ordering::SeqCst);
                // As a refresh would: others get a chance to run into it.
                tokio::time::sleep(Duration::from_millis(20)).await;
                let expires = common::time::after(now, common::time::hours(1));
                cache.put(&a, &token("t", expires, 1), now).await;
            }
        });
    }
    asking.join_all().await;
    assert_eq!(refreshes.load(Ordering::SeqCst), 1);
}

/// One account's turn is no other's, and who gives up waiting is skipped.
pub async fn turns_are_the_accounts_own(cache: Arc<dyn TokenCache>) {
    let (a, b) = (sample::account("a"), sample::account("b"));
    let held = soon("a's turn", cache.refresh_turn(&a)).await;
    let other = soon("b's turn", cache.refresh_turn(&b)).await;
    let brief = Duration::from_millis(50);
    assert!(tokio::time::timeout(brief, cache.refresh_turn(&a)).await.is_err(), "a's turn is held");
    drop(held);
    soon("a's turn again", cache.refresh_turn(&a)).await;
    drop(other);
}
