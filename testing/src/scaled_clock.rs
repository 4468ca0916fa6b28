//! A clock that runs faster than the machine's.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use common::port::Clock;
use common::time;
use jiff::Timestamp;

/// The clock. It stays beside [`ManualClock`](crate::ManualClock) for tests that talk to what they test from outside,
/// and cannot say at which moment time is to pass: seconds of patience are not seconds of test.
#[derive(Debug)]
pub struct ScaledClock {
    began: (Timestamp, Instant),
    speed: u32,
}

impl ScaledClock {
    /// A clock that begins now and runs `speed` times as fast as the machine's.
    #[must_use]
    pub fn new(speed: u32) -> Self {
        Self { began: (Timestamp::now(), Instant::now()), speed }
    }
}

#[async_trait]
impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        time::after(self.began.0, self.began.1.elapsed() * self.speed)
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span / self.speed).await;
    }
}
