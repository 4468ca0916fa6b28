//! The port `TokenCache` on Redis: one refresh an account, however many processes need it.
//!
//! Tokens are sealed at rest. Each process also remembers those that it put, for when Redis is away.

mod turn;

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_redis::redis::{Script, cmd};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use super::link::LinkError;
use super::{Redis, name};
use common::account::{AccountId, Generation};
use common::memory::MemoryTokens;
use common::port::{AccessToken, RefreshTurn, TokenCache};
use common::seal::{Keyring, Sealed};
use common::time;
use turn::Turns;

/// The access tokens that many processes share.
pub struct RedisTokens {
    redis: Arc<Redis>,
    ring: Keyring,
    /// What this process put.
    own: MemoryTokens,
    turns: Turns,
    put: Script,
    forget: Script,
}

/// A token at rest, sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    secret: String,
    expires_at: Timestamp,
    generation: Generation,
    good_until: Timestamp,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl Redis {
    /// The access tokens that all processes on this Redis share, sealed with `ring`.
    #[must_use]
    pub fn tokens(self: &Arc<Self>, ring: Keyring) -> Arc<RedisTokens> {
        Arc::new(RedisTokens {
            redis: self.clone(),
            ring,
            own: MemoryTokens::new(),
            turns: Turns::new(self.clone()),
            put: Script::new(include_str!("lua/put_token.lua")),
            forget: Script::new(include_str!("lua/forget_token.lua")),
        })
    }
}

impl RedisTokens {
    async fn sealed(&self, account: &AccountId) -> Result<Option<String>, LinkError> {
        self.redis.link.ask(cmd("HGET").arg(name::token(account)).arg("sealed")).await
    }

    /// What is cached. A token that cannot be opened is none: it costs a refresh.
    fn open(&self, account: &AccountId, sealed: String) -> Option<Kept> {
        let sealed = Sealed::try_from(sealed).ok()?;
        self.ring.open(&context(account), &sealed).ok()
    }

    async fn put_for_all(
        &self,
        account: &AccountId,
        token: &AccessToken,
        now: Timestamp,
    ) -> Result<(), LinkError> {
        let good_until = token.good_until(now);
        let kept = Kept {
            secret: token.secret.expose_secret().to_owned(),
            expires_at: token.expires_at,
            generation: token.generation,
            good_until,
        };
        let sealed = String::from(self.ring.seal(&context(account), &kept));
        let life = u64::try_from(time::until(now, good_until).as_millis()).unwrap_or(u64::MAX);
        let mut put = self.put.key(name::token(account));
        put.arg(token.generation.0).arg(sealed).arg(life);
        self.redis.link.invoke(&put).await
    }

    async fn forget_for_all(&self, account: &AccountId, refused: &AccessToken) -> Result<(), LinkError> {
        let Some(sealed) = self.sealed(account).await? else {
            return Ok(());
        };
        let Some(kept) = self.open(account, sealed.clone()) else {
            return Ok(());
        };
        if kept.secret != refused.secret.expose_secret() {
            return Ok(());
        }
        self.redis.link.invoke(self.forget.key(name::token(account)).arg(sealed)).await
    }
}

/// What a token is sealed for: it cannot be moved to another account.
fn context(account: &AccountId) -> String {
    format!("token:{account}")
}

#[async_trait]
impl TokenCache for RedisTokens {
    async fn get(&self, account: &AccountId, generation: Generation, now: Timestamp) -> Option<AccessToken> {
        let Ok(sealed) = self.sealed(account).await else {
            return self.own.get(account, generation, now).await;
        };
        let mut kept = self.open(account, sealed?)?;
        let good = kept.generation == generation && now < kept.good_until;
        good.then(|| AccessToken {
            secret: SecretString::from(std::mem::take(&mut kept.secret)),
            expires_at: kept.expires_at,
            generation: kept.generation,
        })
    }

    async fn put(&self, account: &AccountId, token: &AccessToken, now: Timestamp) {
        self.own.put(account, token, now).await;
        // With Redis away the other processes refresh theirs.
        let _ = self.put_for_all(account, token, now).await;
    }

    async fn forget(&self, account: &AccountId, refused: &AccessToken) {
        self.own.forget(account, refused).await;
        // With Redis away it is met again, refused again, and forgotten then.
        let _ = self.forget_for_all(account, refused).await;
    }

    async fn refresh_turn(&self, account: &AccountId) -> RefreshTurn {
        let seen = self.sealed(account).await.ok().flatten();
        let here = self.own.refresh_turn(account).await;
        RefreshTurn::holding(self.turns.take(account, seen.as_deref().unwrap_or_default(), here).await)
    }
}

#[cfg(test)]
mod golden;
