//! One process at a time refreshes an account's token.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use deadpool_redis::redis::Script;
use tokio::runtime::Handle;

use crate::link::LinkError;
use crate::{Redis, name};
use common::account::AccountId;
use common::port::{RefreshTurn, pause};
use common::random;

/// A turn whose process died ends after this: longer than any refresh takes.
const LONGEST: Duration = Duration::from_secs(30);
/// Who waits asks again after this long, at least and at most.
const PAUSE: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(100)];

pub(super) struct Turns {
    redis: Arc<Redis>,
    take: Script,
    release: Arc<Script>,
}

impl Turns {
    pub(super) fn new(redis: Arc<Redis>) -> Self {
        Self {
            redis,
            take: Script::new(include_str!("../lua/take_turn.lua")),
            release: Arc::new(Script::new(include_str!("../lua/release_turn.lua"))),
        }
    }

    /// Waits until no other process has the turn, or has put another token than `seen`: then there is
    /// nothing to refresh. `here` is the turn among the tasks of this process; with Redis away it is all
    /// there is.
    pub(super) async fn take(&self, account: &AccountId, seen: &str, here: RefreshTurn) -> Turn {
        // Made before it is asked for: who gives up waiting may have been given it just then.
        let turn = Turn {
            redis: self.redis.clone(),
            release: self.release.clone(),
            key: name::turn(account),
            own: HEXLOWER.encode(&random::bytes::<16>()),
            here: Some(here),
        };
        let mut take = self.take.key(&turn.key);
        take.key(name::token(account)).arg(&turn.own).arg(LONGEST.as_millis().to_string()).arg(seen);
        loop {
            let busy: Result<bool, LinkError> = self.redis.link.invoke(&take).await;
            if !busy.unwrap_or(false) {
                return turn;
            }
            let fraction = random::fraction();
            pause(PAUSE[0] + (PAUSE[1] - PAUSE[0]).mul_f64(fraction)).await;
        }
    }
}

/// A turn, perhaps; ends when dropped.
pub(super) struct Turn {
    redis: Arc<Redis>,
    release: Arc<Script>,
    key: String,
    own: String,
    here: Option<RefreshTurn>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (redis, release, here) = (self.redis.clone(), self.release.clone(), self.here.take());
        let (key, own) = (std::mem::take(&mut self.key), std::mem::take(&mut self.own));
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            // Not its own turn, it is left alone; not reached, it ends by itself.
            let _: Result<(), LinkError> = redis.link.invoke(release.key(key).arg(own)).await;
            // The next in this process begins when the turn is free for it.
            drop(here);
        });
    }
}
