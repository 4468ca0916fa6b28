//! Time for tests.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use common::port::Clock;
use common::time;
use jiff::Timestamp;

/// A clock that runs faster than the machine's, so that seconds of patience are not seconds of test.
pub struct FastClock {
    began: (Timestamp, Instant),
    speed: u32,
}

impl FastClock {
    pub fn new(speed: u32) -> Self {
        Self { began: (Timestamp::now(), Instant::now()), speed }
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        time::after(self.began.0, self.began.1.elapsed() * self.speed)
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span / self.speed).await;
    }
}
