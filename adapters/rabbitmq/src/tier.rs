//! Delays: the queues of fixed length that a message waits in, one after another.
//!
//! Messages leave a queue from its head alone, so one that waits an hour would hold up one that waits
//! a second: hence a queue for each length, and longer waits in several hops.

use std::time::Duration;

/// How long the messages of one delay queue wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tier {
    /// The queue's last part, and the routing key to it. Persisted in the broker.
    pub(super) name: &'static str,
    pub(super) wait: Duration,
}

/// Every tier, shortest first.
pub(super) const TIERS: [Tier; 7] = [
    Tier { name: "1s", wait: Duration::from_secs(1) },
    Tier { name: "5s", wait: Duration::from_secs(5) },
    Tier { name: "30s", wait: Duration::from_secs(30) },
    Tier { name: "2m", wait: Duration::from_secs(120) },
    Tier { name: "10m", wait: Duration::from_secs(600) },
    Tier { name: "1h", wait: Duration::from_secs(3_600) },
    Tier { name: "6h", wait: Duration::from_secs(21_600) },
];

/// The longest tier that ends within `remaining`; `None` when the wait is too short for any.
///
/// Never rounded up: a message that overslept would leave a gap in its account's line.
pub(super) fn longest_within(remaining: Duration) -> Option<Tier> {
    TIERS.into_iter().rev().find(|tier| tier.wait <= remaining)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_never_ends_late() {
        for millis in (0..90_000_000_u64).step_by(977) {
            let remaining = Duration::from_millis(millis);
            match longest_within(remaining) {
                Some(tier) => assert!(tier.wait <= remaining),
                None => assert!(remaining < TIERS[0].wait),
            }
        }
    }

    #[test]
    fn the_longest_that_fits_is_taken() {
        let name = |seconds| longest_within(Duration::from_secs(seconds)).map(|tier| tier.name);
        let chosen = [0, 1, 4, 5, 29, 30, 119, 120, 600, 3_599, 3_600, 21_599, 21_600, u64::MAX].map(name);
        let expected = [
            None,
            Some("1s"),
            Some("1s"),
            Some("5s"),
            Some("5s"),
            Some("30s"),
            Some("30s"),
            Some("2m"),
            Some("10m"),
            Some("10m"),
            Some("1h"),
            Some("1h"),
            Some("6h"),
            Some("6h"),
        ];
        assert_eq!(chosen, expected);
    }

    /// The figures in docs/ARCHITECTURE.md.
    #[test]
    fn waits_cost_so_many_hops_on_average() {
        for (up_to, expected) in [(60, 5), (600, 8), (3_600, 10), (86_400, 14)] {
            let waits = (1..=1_000).map(|part| Duration::from_secs(up_to) * part / 1_000);
            let hops: u32 = waits
                .map(|mut left| {
                    let mut hops = 0;
                    while let Some(tier) = longest_within(left) {
                        left -= tier.wait;
                        hops += 1;
                    }
                    hops
                })
                .sum();
            assert_eq!((f64::from(hops) / 1_000.0).round() as u32, expected, "up to {up_to} s");
        }
    }

    #[test]
    fn a_long_wait_ends_after_a_few_hops() {
        let mut remaining = Duration::from_secs(7 * 24 * 3_600 - 1);
        let mut hops = 0;
        while let Some(tier) = longest_within(remaining) {
            remaining -= tier.wait;
            hops += 1;
        }
        assert!(hops <= 27 + 5 + 5 + 4 + 3 + 5 + 4, "{hops}");
        assert!(remaining < TIERS[0].wait);
    }
}
