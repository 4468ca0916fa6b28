//! What was taken from one limit, and how long until more may be.

use std::time::Duration;

use super::flow::Instant;
use super::slots::Slots;
use crate::pace;
use crate::port::{Limit, Turn, Window};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meter {
    /// The line's next free instant.
    free: Instant,
    /// Up to when turns are booked; past when none is.
    booked: Instant,
    slots: Slots,
    /// Of the limit that was last taken from.
    allowed: u32,
    /// After this nothing of it counts any more.
    idle_at: Instant,
}

impl Meter {
    /// Of a line that was as full as it can be at `then`; its days had seen nothing.
    pub(super) fn full_at(limit: &Limit, then: Instant) -> Self {
        Self { free: then.after(pace::full(limit)), ..Self::default() }
    }

    /// How long until `limit` lets the cost of a call with this turn through; zero when it does.
    pub(super) fn wait(&self, limit: &Limit, turn: Turn, now: Instant) -> Duration {
        match limit.window {
            Window::Second | Window::Minute => self.wait_for_pace(limit, turn, now),
            Window::Day => self.wait_for_day(limit, now),
        }
    }

    fn wait_for_pace(&self, limit: &Limit, turn: Turn, now: Instant) -> Duration {
        if limit.cost == 0 {
            return Duration::ZERO;
        }
        if limit.allowed == 0 {
            return limit.window.span();
        }
        let from = match turn {
            Turn::New { .. } => self.last_booked(limit, now),
            Turn::Booked | Turn::Further | Turn::Now => self.free,
        };
        let ahead = pace::charge(limit).saturating_sub(pace::charge_of_one(limit));
        from.after(ahead).since(now.after(pace::slack(limit.window)))
    }

    /// Behind whom a call without a turn goes. A line that has fallen half its slack behind is not kept busy by those
    /// who booked: then they bind nobody.
    fn last_booked(&self, limit: &Limit, now: Instant) -> Instant {
        if self.free > now.after(pace::slack(limit.window) / 2) {
            self.free.max(self.booked)
        } else {
            self.free
        }
    }

    /// Whether turns are booked that have not come.
    pub(super) fn has_turns(&self, limit: &Limit, now: Instant) -> bool {
        self.last_booked(limit, now) > self.free
    }

    /// How long the line would stand idle for a call at `at`.
    pub(super) fn gap(&self, at: Instant, now: Instant) -> Duration {
        at.since(self.free.max(now))
    }

    /// The meter with a turn of `calls` booked at `at`, or when those before it have had theirs.
    pub(super) fn with_turn(self, limit: &Limit, calls: u32, at: Instant) -> Self {
        let booked = self.free.max(self.booked).max(at).after(pace::booking(limit, calls));
        let idle_at = self.idle_at.max(booked.after(limit.window.span() * 2));
        Self { booked, allowed: limit.allowed, idle_at, ..self }
    }

    fn wait_for_day(&self, limit: &Limit, now: Instant) -> Duration {
        if limit.cost == 0 {
            return Duration::ZERO;
        }
        if limit.allowed == 0 {
            return limit.window.span();
        }
        self.slots.wait_for(limit.window, now, pace::room_of_day(limit))
    }

    /// The meter once `limit` has let its cost through, for a call with this turn at `at`.
    pub(super) fn taken(self, limit: &Limit, turn: Turn, at: Instant, now: Instant) -> Self {
        let charge = pace::charge(limit);
        let (free, booked) = match limit.window {
            Window::Second | Window::Minute => (
                self.free.max(at).after(charge),
                match turn {
                    Turn::New { .. } | Turn::Further => self.free.max(self.booked).max(at).after(charge),
                    Turn::Booked | Turn::Now => self.booked,
                },
            ),
            Window::Day => (self.free, self.booked),
        };
        // Two windows cover the slots and whatever the line is ahead, and one more what a large
        // cost needs the line to have been idle for.
        let idle_at = free.max(booked).max(now).after(limit.window.span() * 2);
        let slots = self.slots.added(limit.window, now, limit.cost);
        Self { free, booked, slots, allowed: limit.allowed, idle_at }
    }

    /// The meter with one call less booked.
    pub(super) fn unbooked(self, limit: &Limit) -> Self {
        Self { booked: self.booked.before(pace::booking(limit, 1)), ..self }
    }

    /// The meter with units of its window given back.
    pub(super) fn given_back(self, units: u32) -> Self {
        Self { slots: self.slots.reduced(units), ..self }
    }

    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.idle_at <= now
    }

    /// The share of the limit that was taken within its window.
    pub(super) fn used(&self, window: Window, now: Instant) -> f64 {
        (self.slots.estimate(window, now) / f64::from(self.allowed.max(1))).min(1.0)
    }
}
