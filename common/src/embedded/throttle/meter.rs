//! What was taken from one limit, and how long until more may be.

use std::time::Duration;

use super::flow::Instant;
use super::slots::Slots;
use crate::pace;
use crate::port::{Limit, Window};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meter {
    /// The line's next free instant.
    free: Instant,
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

    /// How long until `limit` lets its cost through; zero when it does.
    pub(super) fn wait(&self, limit: &Limit, now: Instant) -> Duration {
        match limit.window {
            Window::Second | Window::Minute => self.wait_for_pace(limit, now),
            Window::Day => self.wait_for_day(limit, now),
        }
    }

    fn wait_for_pace(&self, limit: &Limit, now: Instant) -> Duration {
        if limit.cost == 0 {
            return Duration::ZERO;
        }
        if limit.allowed == 0 {
            return limit.window.span();
        }
        let ahead = pace::charge(limit).saturating_sub(pace::charge_of_one(limit));
        self.free.after(ahead).since(now.after(pace::slack(limit.window)))
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

    /// The meter once `limit` has let its cost through.
    pub(super) fn taken(self, limit: &Limit, now: Instant) -> Self {
        let free = match limit.window {
            Window::Second | Window::Minute => self.free.max(now).after(pace::charge(limit)),
            Window::Day => self.free,
        };
        // Two windows cover the slots and whatever the line is ahead, and one more what a large
        // cost needs the line to have been idle for.
        let idle_at = free.max(now).after(limit.window.span() * 2);
        let slots = self.slots.added(limit.window, now, limit.cost);
        Self { free, slots, allowed: limit.allowed, idle_at }
    }

    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.idle_at <= now
    }

    /// The share of the limit that was taken within its window.
    pub(super) fn used(&self, window: Window, now: Instant) -> f64 {
        (self.slots.estimate(window, now) / f64::from(self.allowed.max(1))).min(1.0)
    }
}
