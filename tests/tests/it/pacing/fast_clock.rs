//! Time that runs many times as fast as the machine's.
//!
//! It moves in small steps. While the machine is too busy to take them, time stands still instead of jumping: otherwise
//! a pause of a tenth of a second would look like seconds in which nobody worked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use common::port::Clock;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use super::under_way::{LONGEST, UnderWay};

/// Between two steps, of real time.
const STEP: Duration = Duration::from_millis(1);
/// No step is larger than so many times what it should be.
const LATE: u32 = 3;

/// The clock. It stays beside [`testing::ManualClock`] because real requests are under way while it runs, and beside
/// [`testing::ScaledClock`] because it waits for them. Drop the handle from [`FastClock::start`]'s runtime and time stops.
pub struct FastClock {
    base: Timestamp,
    /// Nanoseconds since `base`.
    passed: AtomicU64,
    speed: AtomicU32,
    sleepers: Mutex<BinaryHeap<Reverse<Sleeper>>>,
    order: AtomicU64,
    under_way: Arc<UnderWay>,
}

struct Sleeper {
    until: u64,
    order: u64,
    wake: oneshot::Sender<()>,
}

impl FastClock {
    /// A clock that runs as fast as the machine's until told otherwise.
    pub fn start() -> Arc<Self> {
        let clock = Arc::new(Self {
            base: Timestamp::now(),
            passed: AtomicU64::new(0),
            speed: AtomicU32::new(1),
            sleepers: Mutex::default(),
            order: AtomicU64::new(0),
            under_way: Arc::default(),
        });
        let ticking = Arc::downgrade(&clock);
        tokio::spawn(async move {
            let mut last = Instant::now();
            let mut waited = Duration::ZERO;
            loop {
                tokio::time::sleep(STEP).await;
                let Some(clock) = ticking.upgrade() else {
                    return;
                };
                let real = last.elapsed().min(STEP * LATE);
                last = Instant::now();
                let step = real * clock.speed.load(Ordering::Relaxed);
                waited = if clock.under_way.any() { waited + step } else { Duration::ZERO };
                if waited <= LONGEST {
                    clock.advance(step);
                }
            }
        });
        clock
    }

    /// The requests that it waits for.
    pub fn under_way(&self) -> Arc<UnderWay> {
        Arc::clone(&self.under_way)
    }

    /// From now on it runs `times` as fast as the machine's.
    pub fn run_at(&self, times: u32) {
        self.speed.store(times, Ordering::Relaxed);
    }

    /// So much time passes at once.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).expect("short enough");
        let now = self.passed.fetch_add(by, Ordering::SeqCst) + by;
        let mut sleepers = self.sleepers.lock().expect("nothing panics holding it");
        while sleepers.peek().is_some_and(|Reverse(first)| first.until <= now) {
            let Reverse(first) = sleepers.pop().expect("it was just seen");
            // Whoever slept may have been dropped.
            let _ = first.wake.send(());
        }
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.passed.load(Ordering::SeqCst)).expect("short enough");
        self.base.checked_add(SignedDuration::from_nanos(passed)).expect("within all time")
    }

    async fn sleep(&self, span: Duration) {
        let woken = {
            let mut sleepers = self.sleepers.lock().expect("nothing panics holding it");
            let until = self
                .passed
                .load(Ordering::SeqCst)
                .saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
            let (wake, woken) = oneshot::channel();
            let order = self.order.fetch_add(1, Ordering::Relaxed);
            sleepers.push(Reverse(Sleeper { until, order, wake }));
            woken
        };
        // Ends with an error when the clock is gone, and nobody waits for time any more.
        let _ = woken.await;
    }
}

impl Sleeper {
    fn key(&self) -> (u64, u64) {
        (self.until, self.order)
    }
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Sleeper {}

impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sleeper {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
