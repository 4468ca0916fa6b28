//! How long to wait before connecting again.

use std::time::Duration;

use tokio::time::Instant;

use common::backoff::Schedule;
use common::port::pause;
use common::random;

const SCHEDULE: Schedule = Schedule { first: Duration::from_millis(250), longest: Duration::from_secs(5) };

/// What lasted this long was no failed attempt.
const STABLE: Duration = Duration::from_secs(10);

/// Even the luckiest draw leaves the broker in peace for so long.
const SHORTEST: Duration = Duration::from_millis(50);

/// Pauses that grow while attempts fail one after another.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    failures: u32,
}

impl Pauses {
    /// Waits before the attempt after one that began then and has now failed.
    pub(super) async fn after(&mut self, began: Instant) {
        self.failures = if began.elapsed() > STABLE { 1 } else { self.failures.saturating_add(1) };
        pause(SCHEDULE.jittered(self.failures, random::fraction()).max(SHORTEST)).await;
    }
}
