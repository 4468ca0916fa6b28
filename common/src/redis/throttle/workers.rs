//! How many workers there are: each says every few seconds that it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use data_encoding::HEXLOWER;
use tokio_util::task::AbortOnDropHandle;

use super::RedisThrottle;

/// So often a worker says that it is there,
const BEAT: Duration = Duration::from_secs(5);
/// and so long after it last did it is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(15);

/// The count, this process' worker included.
#[derive(Default)]
pub(super) struct Workers(AtomicU32);

impl Workers {
    /// As last counted; at least one.
    pub(super) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed).max(1)
    }
}

/// A worker that is counted, until this is dropped.
#[must_use = "the worker is counted until this is dropped"]
pub struct CountedWorker {
    _beating: AbortOnDropHandle<()>,
}

impl RedisThrottle {
    /// Counts this process among the workers. With Redis away each takes its share of the limits by the
    /// number of them that was last known. To be called within a runtime.
    pub fn join_as_worker(self: &Arc<Self>) -> CountedWorker {
        let throttle = self.clone();
        let beating = tokio::spawn(async move {
            let own = HEXLOWER.encode(&rand::random::<[u8; 8]>());
            loop {
                throttle.beat(&own).await;
                tokio::time::sleep(BEAT).await;
            }
        });
        CountedWorker { _beating: AbortOnDropHandle::new(beating) }
    }

    async fn beat(&self, own: &str) {
        let Ok(live) = self.redis.link.live().await else {
            return;
        };
        if let Ok(count) = self.scripts.workers(&live, own, FORGOTTEN).await {
            self.workers.0.store(count, Ordering::Relaxed);
        }
    }
}
