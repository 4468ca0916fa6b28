//! Instants and spans: arithmetic that saturates instead of failing.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The instant `span` after `now`; the last representable one where that overflows.
#[must_use]
pub fn after(now: Timestamp, span: Duration) -> Timestamp {
    SignedDuration::try_from(span).ok().and_then(|span| now.checked_add(span).ok()).unwrap_or(Timestamp::MAX)
}

/// How long from `now` until `then`; zero when `then` is past.
#[must_use]
pub fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// `minutes` as a span.
#[must_use]
pub const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// `hours` as a span.
#[must_use]
pub const fn hours(hours: u64) -> Duration {
    minutes(hours * 60)
}

/// `days` as a span.
#[must_use]
pub const fn days(days: u64) -> Duration {
    hours(days * 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_saturate_at_both_ends() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(after(now, Duration::MAX), Timestamp::MAX);
        assert_eq!(until(after(now, minutes(2)), now), Duration::ZERO);
        assert_eq!(until(now, after(now, days(1))), hours(24));
    }
}
