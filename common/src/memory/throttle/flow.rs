//! Time that never runs backwards, counted from the clock's forward steps.

use std::time::Duration;

use jiff::Timestamp;

use crate::time;

/// An instant of this process, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant(u64);

impl Instant {
    pub(super) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    pub(super) fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Which of the equal slots that time is cut into this is in.
    pub(super) fn slot(self, width: Duration) -> u64 {
        self.0 / nanos(width).max(1)
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Turns the clock's time into [`Instant`]s. A clock that is set back stands still for a moment:
/// otherwise every line would be closed until the clock has caught up.
#[derive(Debug)]
pub(super) struct Flow {
    now: Instant,
    clock: Option<Timestamp>,
}

impl Default for Flow {
    fn default() -> Self {
        // Far enough from zero that an instant of zero is "long ago" for every window.
        Self { now: Instant(1 << 62), clock: None }
    }
}

impl Flow {
    pub(super) fn at(&mut self, clock: Timestamp) -> Instant {
        let passed = self.clock.map_or(Duration::ZERO, |before| time::until(before, clock));
        self.clock = Some(clock);
        self.now = self.now.after(passed);
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_loses_nothing_but_the_step() {
        let mut flow = Flow::default();
        let noon: Timestamp = "2026-12-30T12:00:00Z".parse().unwrap();
        let start = flow.at(noon);
        assert_eq!(flow.at(time::after(noon, Duration::from_secs(5))).since(start).as_secs(), 5);
        let back = flow.at("2026-12-30T11:00:00Z".parse().unwrap());
        assert_eq!(back.since(start).as_secs(), 5);
        assert_eq!(flow.at("2026-12-30T11:00:03Z".parse().unwrap()).since(start).as_secs(), 8);
    }
}
