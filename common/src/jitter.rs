//! Jitter: what many jobs wait for alike they do not all come back from together. The random part (0 to 1) is passed in.

use std::time::Duration;

use crate::time::minutes;

/// Waits for the same instant are spread over so long at most.
const WIDEST_SPREAD: Duration = minutes(5);

/// A wait that everybody was told, plus up to a quarter but no more than minutes, so that they do not
/// all come back together.
#[must_use]
pub fn spread_by(wait: Duration, fraction: f64) -> Duration {
    wait.saturating_add((wait / 4).min(WIDEST_SPREAD).mul_f64(fraction.clamp(0.0, 1.0)))
}

/// A wait that nobody was told, less up to a quarter: looks that many jobs begin together soon come apart.
#[must_use]
pub fn shortened_by(wait: Duration, fraction: f64) -> Duration {
    wait.saturating_sub((wait / 4).mul_f64(fraction.clamp(0.0, 1.0)))
}

/// A wait until an instant that many jobs were told, plus up to a quarter.
#[must_use]
pub fn lengthened_by(wait: Duration, fraction: f64) -> Duration {
    wait.saturating_add((wait / 4).mul_f64(fraction.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::hours;

    #[test]
    fn waits_for_the_same_instant_are_spread_but_not_over_hours() {
        let seconds = Duration::from_secs;
        assert_eq!(spread_by(seconds(8), 0.0), seconds(8));
        assert_eq!(spread_by(seconds(8), 1.0), seconds(10));
        assert_eq!(spread_by(hours(20), 1.0), hours(20) + minutes(5));
        assert_eq!(spread_by(hours(20), 7.0), hours(20) + minutes(5));
    }
}
