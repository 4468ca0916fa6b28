//! What this process remembers of lines that all processes take from.

use std::time::Duration;

use jiff::Timestamp;

use common::port::{Limit, ThrottleKey, Window};
use common::swept::Swept;
use common::time;

/// A key, over a window.
pub(super) type Line = (ThrottleKey, Window);

/// What was taken from a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    /// By all, as last seen.
    pub(super) seen: u64,
    /// By this process since then, alone.
    pub(super) alone: u64,
}

impl Spent {
    /// What all have taken from a day.
    pub(super) fn of_all((day, seen): (Limit, u64)) -> (Line, Self) {
        ((day.key, day.window), Self { seen, alone: 0 })
    }
}

/// Per line, how much its window had seen when it was last taken from.
#[derive(Default)]
pub(super) struct Totals(Swept<Line, Total>);

#[derive(Clone, Copy)]
struct Total {
    units: u64,
    allowed: u32,
    at: Timestamp,
    window: Duration,
}

impl Total {
    fn counts(&self, now: Timestamp) -> bool {
        time::until(self.at, now) < self.window
    }

    fn share(&self) -> f64 {
        self.units as f64 / f64::from(self.allowed.max(1))
    }
}

impl Totals {
    /// Notes that `limit`'s window has now seen so many units.
    pub(super) fn note(&mut self, limit: &Limit, units: u64, now: Timestamp) {
        self.0.make_room(|total| total.counts(now));
        let total = Total { units, allowed: limit.allowed, at: now, window: limit.window.span() };
        self.0.entries.insert((limit.key.clone(), limit.window), total);
    }

    /// The days that were taken from, each with its limit and what it had seen.
    pub(super) fn days(&self, now: Timestamp) -> Vec<(Limit, u64)> {
        let days = self.0.entries.iter().filter(|((_, window), _)| *window == Window::Day);
        let counting = days.filter(|(_, total)| total.counts(now));
        counting
            .map(|((key, window), total)| {
                (Limit { key: key.clone(), window: *window, allowed: total.allowed, cost: 0 }, total.units)
            })
            .collect()
    }

    /// Those whose share was the largest: these and how much they are allowed.
    pub(super) fn busiest(&self, window: Window, now: Timestamp, most: usize) -> Vec<(Line, u32)> {
        let entries = self.0.entries.iter().filter(|((_, of), total)| *of == window && total.counts(now));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by(|(_, one), (_, other)| other.share().total_cmp(&one.share()));
        entries.into_iter().take(most).map(|(line, total)| (line.clone(), total.allowed)).collect()
    }
}
