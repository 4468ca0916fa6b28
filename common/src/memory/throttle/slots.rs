//! Counts over a sliding window, in slots of a 24th of it.

use std::time::Duration;

use super::flow::Instant;
use crate::port::Window;

/// The window's 24 and the one that it is leaving: together they always cover the whole window.
const SLOTS: u64 = 25;

/// How much was taken in each of the last slots.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slots {
    newest: u64,
    counts: [u32; SLOTS as usize],
}

fn width(window: Window) -> Duration {
    window.span() / 24
}

impl Slots {
    pub(super) fn added(mut self, window: Window, now: Instant, cost: u32) -> Self {
        let slot = now.slot(width(window));
        for passed in (self.newest + 1..=slot).rev().take(SLOTS as usize) {
            self.counts[index(passed)] = 0;
        }
        self.newest = slot;
        self.counts[index(slot)] = self.counts[index(slot)].saturating_add(cost);
        self
    }

    /// With units given back, from the newest slot on.
    pub(super) fn reduced(mut self, units: u32) -> Self {
        let mut left = units;
        for slot in (0..=self.newest).rev().take(SLOTS as usize) {
            let count = &mut self.counts[index(slot)];
            let given = left.min(*count);
            *count -= given;
            left -= given;
        }
        self
    }

    /// The slots that are not past, oldest first, each with its count.
    fn live(&self, window: Window, now: Instant) -> impl Iterator<Item = (u64, u64)> {
        let oldest = (now.slot(width(window)) + 1).saturating_sub(SLOTS);
        let first = oldest.max((self.newest + 1).saturating_sub(SLOTS));
        (first..=self.newest).map(|slot| (slot, u64::from(self.counts[index(slot)])))
    }

    /// What was taken in the window, and up to a 24th longer ago.
    pub(super) fn total(&self, window: Window, now: Instant) -> u64 {
        self.live(window, now).map(|(_, count)| count).sum()
    }

    /// What was taken in the window, as if each slot's units had come evenly.
    pub(super) fn estimate(&self, window: Window, now: Instant) -> f64 {
        let current = now.slot(width(window));
        let into = now.since(start(current, window)).as_secs_f64() / width(window).as_secs_f64();
        let weighed = |(slot, count): (u64, u64)| {
            let leaving = slot + SLOTS == current + 1;
            count as f64 * if leaving { 1.0 - into } else { 1.0 }
        };
        self.live(window, now).map(weighed).sum()
    }

    /// How long until at most `room` of what was taken still counts.
    pub(super) fn wait_for(&self, window: Window, now: Instant, room: u64) -> Duration {
        let mut total = self.total(window, now);
        let mut wait = Duration::ZERO;
        for (slot, count) in self.live(window, now) {
            if total <= room {
                break;
            }
            total -= count;
            wait = start(slot + SLOTS, window).since(now);
        }
        wait
    }
}

fn index(slot: u64) -> usize {
    (slot % SLOTS) as usize
}

fn start(slot: u64, window: Window) -> Instant {
    let width = u64::try_from(width(window).as_nanos()).unwrap_or(u64::MAX);
    Instant::default().after(Duration::from_nanos(slot.saturating_mul(width)))
}
