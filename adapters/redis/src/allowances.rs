//! The port `Allowances` on Redis: a count for each window, which expires with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use deadpool_redis::redis::Script;

use super::Redis;
use common::port::{Allotment, Allowances, StoreError};
use common::random;

/// An ingress that has asked for nothing for so long is not counted.
const FORGOTTEN: Duration = Duration::from_secs(60);
const INGRESSES: &str = "calrelay:ingresses";

/// What callers may send, shared by every ingress that uses the same Redis.
pub struct RedisAllowances {
    redis: Arc<Redis>,
    script: Script,
    own: String,
    ingresses: AtomicU32,
}

impl RedisAllowances {
    pub(super) fn new(redis: Arc<Redis>) -> Self {
        let script = Script::new(concat!(include_str!("lua/line.lua"), include_str!("lua/allot.lua")));
        let own = HEXLOWER.encode(&random::bytes::<8>());
        Self { redis, script, own, ingresses: AtomicU32::new(1) }
    }
}

#[async_trait]
impl Allowances for RedisAllowances {
    async fn allot(
        &self,
        caller: &str,
        limit: u32,
        per: Duration,
        want: u32,
    ) -> Result<Allotment, StoreError> {
        let mut call = self.script.key(format!("calrelay:rate:{caller}"));
        call.key(INGRESSES)
            .arg(limit)
            .arg(want)
            .arg(millis(per))
            .arg(&self.own)
            .arg(FORGOTTEN.as_micros() as u64);
        let (granted, left, life, ingresses): (u32, u32, u64, u32) = self.redis.link.invoke(&call).await?;
        self.ingresses.store(ingresses, Ordering::Relaxed);
        Ok(Allotment { granted, left, resets_in: Duration::from_millis(life) })
    }

    fn ingresses(&self) -> u32 {
        self.ingresses.load(Ordering::Relaxed).max(1)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1)
}
