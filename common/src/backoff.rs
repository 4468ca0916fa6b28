//! Backoff: how long to wait before trying again, for the retries of jobs and notices.
//!
//! The one place where the crate `backoff` is used; what it computes is the growing ceiling, the
//! random part is passed in, so that every schedule is a pure function.

use std::time::Duration;

use ::backoff::ExponentialBackoffBuilder;
use ::backoff::backoff::Backoff as _;

/// A growing schedule of waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The ceiling of the first wait.
    pub first: Duration,
    /// No wait is longer than this.
    pub longest: Duration,
}

impl Schedule {
    /// The longest wait before try number `failures + 1`: `first`, doubling, up to `longest`.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let mut schedule = ExponentialBackoffBuilder::new()
            .with_initial_interval(self.first)
            .with_multiplier(2.0)
            .with_max_interval(self.longest)
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        // 64 doublings reach any ceiling; the cap keeps a huge count cheap.
        let mut wait = Duration::ZERO;
        for _ in 0..failures.clamp(1, 64) {
            wait = schedule.next_backoff().unwrap_or(self.longest);
        }
        wait.min(self.longest)
    }

    /// Full jitter: `fraction` (0 to 1) of the ceiling, so that many failures do not return together.
    #[must_use]
    pub fn jittered(&self, failures: u32, fraction: f64) -> Duration {
        let fraction = if fraction.is_nan() { 1.0 } else { fraction.clamp(0.0, 1.0) };
        self.ceiling(failures).mul_f64(fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule { first: Duration::from_secs(1), longest: Duration::from_secs(600) };

    #[test]
    fn ceilings_double_up_to_the_longest() {
        let seconds: Vec<u64> = (1..=12).map(|n| SCHEDULE.ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    }

    #[test]
    fn the_schedule_is_total() {
        assert_eq!(SCHEDULE.ceiling(0), SCHEDULE.first);
        assert_eq!(SCHEDULE.ceiling(u32::MAX), SCHEDULE.longest);
    }

    #[test]
    fn jitter_stays_between_zero_and_the_ceiling() {
        for fraction in [-1.0, 0.0, 0.25, 1.0, 7.0, f64::NAN] {
            let wait = SCHEDULE.jittered(5, fraction);
            assert!(wait <= SCHEDULE.ceiling(5), "{fraction}");
        }
        assert_eq!(SCHEDULE.jittered(5, 0.5), Duration::from_secs(8));
    }
}
