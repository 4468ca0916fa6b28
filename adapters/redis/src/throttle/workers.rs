//! How many workers there are: each says every few seconds that it is there. While Redis is away, whoever else can tell
//! is asked.
//!
//! The number is never too low for long: a higher one counts at once, a lower one once it has been told for a while. A
//! worker that has just come takes nothing before all others know of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::RedisThrottle;
use common::port::{WorkerCount, pause};
use common::random;
use common::time::{after, minutes, until};

/// So often a worker says that it is there,
const BEAT: Duration = Duration::from_secs(5);
/// and so long after it last did it is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(15);
/// A worker that knows of no number asks again after this.
const UNKNOWN: Duration = Duration::from_secs(1);
/// All others have heard of a worker so long after Redis has counted it: they ask once a beat,
const COUNTED: Duration = Duration::from_secs(6);
/// and so long after it was told of elsewhere, where answers take longer.
const NOTICED: Duration = Duration::from_secs(10);
/// A worker that takes no more jobs may be at those that it has for so long.
const FINISHING: Duration = minutes(1);

/// The count, this process' worker included.
#[derive(Debug, Default)]
pub(super) struct Workers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// This process has a worker. Otherwise it is as if it were the only one.
    joined: bool,
    count: Option<Count>,
    /// From when on all others know of this worker.
    noticed: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    workers: u32,
    /// When there were last known to be so many.
    at: Timestamp,
}

impl Workers {
    /// As last counted; at least one.
    pub(super) fn count(&self) -> u32 {
        self.known().count.map_or(1, |count| count.workers)
    }

    /// Among how many the limits are shared without Redis.
    ///
    /// # Errors
    /// How long nothing is to be taken yet.
    pub(super) fn sharing(&self, now: Timestamp) -> Result<u32, Duration> {
        let known = self.known();
        match (known.joined, known.count, known.noticed) {
            (false, ..) => Ok(1),
            (true, Some(count), Some(noticed)) => match until(now, noticed) {
                Duration::ZERO => Ok(count.workers),
                left => Err(left),
            },
            (true, ..) => Err(UNKNOWN),
        }
    }

    fn join(&self) {
        self.known().joined = true;
    }

    /// Redis has counted them.
    fn counted(&self, workers: u32, now: Timestamp) {
        self.note(workers, (COUNTED, FORGOTTEN), now);
    }

    /// Somebody else has, while Redis is away.
    fn told(&self, workers: Option<u32>, now: Timestamp) {
        match workers {
            Some(workers @ 1..) => self.note(workers, (NOTICED, FINISHING), now),
            // Nobody knows better.
            Some(0) | None => {
                if let Some(count) = &mut self.known().count {
                    count.at = now;
                }
            }
        }
    }

    fn note(&self, workers: u32, (noticed, lasting): (Duration, Duration), now: Timestamp) {
        let mut known = self.known();
        let before = known.count;
        let count = counted(before, workers.max(1), lasting, now);
        known.count = Some(count);
        known.noticed.get_or_insert(after(now, noticed));
        if before.is_some_and(|before| before.workers != count.workers) {
            info!("There are {} workers now, before there were others", count.workers);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The count once `workers` were counted. Fewer than before are believed once that has been said for as long as is
/// `lasting`.
fn counted(before: Option<Count>, workers: u32, lasting: Duration, now: Timestamp) -> Count {
    match before {
        Some(before) if workers < before.workers && until(before.at, now) < lasting => before,
        Some(_) | None => Count { workers, at: now },
    }
}

/// A worker that is counted, until this is dropped.
#[must_use = "the worker is counted until this is dropped"]
pub struct CountedWorker {
    _beating: AbortOnDropHandle<()>,
}

impl RedisThrottle {
    /// Counts this process among the workers. With Redis away each takes its share of the limits by the
    /// number that was last counted, or that `elsewhere` tells. To be called within a runtime.
    pub fn join_as_worker(self: &Arc<Self>, elsewhere: Arc<dyn WorkerCount>) -> CountedWorker {
        self.workers.join();
        let throttle = self.clone();
        let beating = tokio::spawn(async move {
            let own = HEXLOWER.encode(&random::bytes::<8>());
            loop {
                throttle.beat(&own, elsewhere.as_ref()).await;
                let is_known = throttle.workers.known().count.is_some();
                pause(if is_known { BEAT } else { UNKNOWN }).await;
            }
        });
        CountedWorker { _beating: AbortOnDropHandle::new(beating) }
    }

    async fn beat(&self, own: &str, elsewhere: &dyn WorkerCount) {
        let counted = async {
            let live = self.redis.link.live().await?;
            self.scripts.workers(&live, own, FORGOTTEN).await
        };
        match counted.await {
            Ok(workers) => self.workers.counted(workers, self.clock.now()),
            Err(_) => {
                let workers = elsewhere.workers().await;
                self.workers.told(workers, self.clock.now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::time;

    fn at(second: u64) -> Timestamp {
        let noon: Timestamp = "2027-01-01T12:00:00Z".parse().unwrap();
        time::after(noon, Duration::from_secs(second))
    }

    fn joined() -> Workers {
        let workers = Workers::default();
        workers.join();
        workers
    }

    #[test]
    fn more_workers_count_at_once_and_fewer_after_a_while() {
        let workers = joined();
        for (second, told, count) in [
            (0, Some(2), 2),
            (5, Some(5), 5),
            (10, Some(1), 5),
            (64, Some(3), 5),
            (65, Some(3), 3),
            (70, Some(2), 3),
            (71, Some(3), 3),
            (130, Some(2), 3),
            (131, Some(2), 2),
        ] {
            workers.told(told, at(second));
            assert_eq!(workers.count(), count, "{second} s");
        }
    }

    #[test]
    fn while_nobody_can_tell_the_number_stays() {
        let workers = joined();
        workers.told(None, at(0));
        assert_eq!(workers.sharing(at(100)), Err(UNKNOWN));
        workers.told(Some(3), at(100));
        for second in (105..1_000).step_by(5) {
            // An alarm ends every consumer.
            workers.told(if second % 2 == 0 { None } else { Some(0) }, at(second));
        }
        // The others are not back yet.
        workers.told(Some(1), at(1_000));
        assert_eq!(workers.count(), 3);
    }

    #[test]
    fn what_redis_counts_is_believed_sooner() {
        let workers = joined();
        workers.counted(3, at(0));
        // It was emptied, and the others have not said yet that they are there.
        workers.counted(1, at(14));
        assert_eq!(workers.count(), 3);
        workers.counted(1, at(15));
        assert_eq!(workers.count(), 1);
    }

    #[test]
    fn who_has_just_come_takes_nothing_before_the_others_know_of_it() {
        let workers = joined();
        assert_eq!(workers.sharing(at(0)), Err(UNKNOWN));
        workers.told(Some(2), at(20));
        assert_eq!(workers.sharing(at(20)), Err(NOTICED));
        workers.told(Some(4), at(25));
        assert_eq!(workers.sharing(at(29)), Err(Duration::from_secs(1)));
        assert_eq!(workers.sharing(at(30)), Ok(4));
        let counted = joined();
        counted.counted(7, at(0));
        assert_eq!(counted.sharing(at(5)), Err(Duration::from_secs(1)));
        assert_eq!(counted.sharing(at(6)), Ok(7), "the others know of it when Redis goes");
    }

    #[test]
    fn a_process_without_a_worker_has_nobody_to_share_with() {
        assert_eq!(Workers::default().sharing(at(0)), Ok(1));
    }
}
