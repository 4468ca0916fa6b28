//! Records, tokens and the throttle on Redis, and the vault on a second one.
//!
//! [`Redis`] is one process's way to the server in `REDIS_URL`: one primary, Redis 6.2 or newer, plain, with
//! TLS, or found through Sentinel. What is kept there can be rebuilt; losing it loses no job.

mod address;
mod allowances;
mod changes;
mod checkup;
mod link;
mod name;
mod store;
mod throttle;
mod tokens;
mod vault;

use std::sync::Arc;
use std::time::Duration;

use address::Address;
pub use address::InvalidUrl;
pub use allowances::RedisAllowances;
pub use checkup::{Checkup, Memory};
use link::Link;
pub use link::LinkError;
pub use store::RedisStore;
pub use throttle::{CountedWorker, RedisThrottle};
pub use tokens::RedisTokens;
pub use vault::RedisVault;

use common::port::Clock;

/// One process's connections to Redis. Whoever loses them finds them again by itself.
pub struct Redis {
    link: Link,
    clock: Arc<dyn Clock>,
}

impl Redis {
    /// Begins to connect, and connects again whenever the connection is lost: starting does not need the
    /// server. To be called within a runtime.
    ///
    /// `url` is `redis://[user:password@]host[:port][/database]`, the same with `rediss://` for TLS, or
    /// `redis+sentinel://[user:password@]host[:port][,host[:port]…]/master[/database]` (`rediss+sentinel://`
    /// for TLS) with the addresses of the Sentinels.
    ///
    /// # Errors
    /// [`InvalidUrl`] says what the URL has to look like, and never repeats it.
    pub fn start(url: &str, clock: Arc<dyn Clock>) -> Result<Arc<Self>, InvalidUrl> {
        let address = Address::parse(url)?;
        Ok(Arc::new(Self { link: Link::start(address, clock.clone()), clock }))
    }

    /// The records, kept for `retention` after a job's end.
    #[must_use]
    pub fn store(self: &Arc<Self>, retention: Duration) -> Arc<RedisStore> {
        Arc::new(RedisStore::new(self.clone(), retention))
    }

    /// What callers may send, shared among ingresses.
    #[must_use]
    pub fn allowances(self: &Arc<Self>) -> Arc<RedisAllowances> {
        Arc::new(RedisAllowances::new(self.clone()))
    }

    /// Whether the server answered when it was last asked, at most about a second ago.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// The name that the server gave itself when it started: the same for every address it is reached by.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not tell.
    pub async fn run_id(&self) -> Result<String, LinkError> {
        let live = self.link.live().await?;
        match live.run_id() {
            "" => Err(LinkError::Refused("INFO server names no run_id".to_owned())),
            run_id => Ok(run_id.to_owned()),
        }
    }
}
