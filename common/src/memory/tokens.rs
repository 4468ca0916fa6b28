//! The port `TokenCache` in memory.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use crate::account::{AccountId, Generation};
use crate::port::{AccessToken, RefreshTurn, TokenCache};
use crate::swept::Swept;

/// The access tokens of this process.
#[derive(Default)]
pub struct MemoryTokens {
    tokens: Mutex<Swept<AccountId, Kept>>,
    turns: Mutex<Swept<AccountId, Weak<tokio::sync::Mutex<()>>>>,
}

struct Kept {
    token: AccessToken,
    good_until: Timestamp,
}

impl MemoryTokens {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn turn(&self, account: &AccountId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.entries.get(account).and_then(Weak::upgrade) {
            return turn;
        }
        turns.make_room(|turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.entries.insert(account.clone(), Arc::downgrade(&turn));
        turn
    }
}

#[async_trait]
impl TokenCache for MemoryTokens {
    async fn get(&self, account: &AccountId, generation: Generation, now: Timestamp) -> Option<AccessToken> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = tokens.entries.get(account)?;
        let good = kept.token.generation == generation && now < kept.good_until;
        good.then(|| kept.token.clone())
    }

    async fn put(&self, account: &AccountId, token: &AccessToken, now: Timestamp) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.entries.get(account).is_some_and(|kept| kept.token.generation > token.generation) {
            return;
        }
        tokens.make_room(|kept| now < kept.good_until);
        let good_until = token.good_until(now);
        tokens.entries.insert(account.clone(), Kept { token: token.clone(), good_until });
    }

    async fn forget(&self, account: &AccountId, refused: &AccessToken) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = refused.secret.expose_secret();
        if tokens.entries.get(account).is_some_and(|kept| kept.token.secret.expose_secret() == secret) {
            tokens.entries.remove(account);
        }
    }

    async fn refresh_turn(&self, account: &AccountId) -> RefreshTurn {
        RefreshTurn::holding(self.turn(account).lock_owned().await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_that_ended_leave_nothing_behind() {
        let tokens = MemoryTokens::new();
        let waiting = AccountId::default_account();
        let held = tokens.refresh_turn(&waiting).await;
        for number in 0..10_000 {
            let account = AccountId::parse(&format!("a{number}")).unwrap();
            drop(tokens.refresh_turn(&account).await);
        }
        assert!(tokens.turns.lock().unwrap().entries.len() <= 64);
        assert!(tokens.turn(&waiting).try_lock().is_err(), "the sweep left the turn that is held");
        drop(held);
    }
}
