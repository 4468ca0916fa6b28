//! The line in front of a receiver: only so many at a time, and none while it is left alone.
//!
//! A receiver that is slow or down must not take the worker's places from jobs.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use common::backoff::Schedule;
use common::time::{after, until};
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

/// At a time, at most.
pub(super) const PLACES: usize = 32;
/// One place for so many slots of the worker, and one at least: a slow receiver holds a place, and so a slot, for as
/// long as a request may take.
const SLOTS_A_PLACE: usize = 4;
/// A receiver that has failed is left alone for so long.
const ALONE: Schedule = Schedule { first: Duration::from_secs(2), longest: common::time::minutes(5) };
/// No notice that finds all places taken comes back earlier.
const SOONEST: Duration = Duration::from_secs(1);
/// Or later.
const LATEST: Duration = common::time::minutes(10);

/// How many may send at a time in a worker with so many slots.
#[must_use]
pub fn places(slots: usize) -> usize {
    (slots / SLOTS_A_PLACE).clamp(1, PLACES)
}

/// Why there is no place now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The receiver is left alone for so long.
    LeftAlone(Duration),
    /// All are taken; there is one after about so long.
    Full(Duration),
}

impl NoPlace {
    /// For how long at least.
    pub(super) fn pause(self) -> Duration {
        match self {
            Self::LeftAlone(pause) | Self::Full(pause) => pause,
        }
    }
}

/// Who may send now.
pub(super) struct Line {
    places: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Failures in a row, of those that say something about the receiver.
    failures: u32,
    /// It is left alone until then.
    alone_until: Option<Timestamp>,
    /// When the last of those who found no place comes back.
    last_place: Option<Timestamp>,
    /// How long the last sending took.
    took: Duration,
}

impl Default for Line {
    fn default() -> Self {
        Self { places: Semaphore::new(PLACES), state: Mutex::default() }
    }
}

impl Line {
    /// One of so many places, or why there is none.
    pub(super) fn enter(&self, places: usize, now: Timestamp) -> Result<SemaphorePermit<'_>, NoPlace> {
        let mut state = self.state();
        if let Some(then) = state.alone_until.filter(|then| *then > now) {
            return Err(NoPlace::LeftAlone(until(now, then)));
        }
        let places = places.min(PLACES);
        if PLACES - self.places.available_permits() >= places {
            return Err(NoPlace::Full(state.place(places, now)));
        }
        self.places.try_acquire().map_err(|_all_taken| NoPlace::Full(state.place(places, now)))
    }

    /// The receiver answers.
    pub(super) fn answered(&self, took: Duration) -> bool {
        let mut state = self.state();
        let was_down = state.failures > 0;
        *state = State { failures: 0, alone_until: None, took, ..*state };
        was_down
    }

    /// The receiver does not, and is left alone. Calls that were under way meanwhile say it once; answers
    /// for how long, to the first.
    pub(super) fn failed(&self, at_least: Duration, now: Timestamp) -> Option<Duration> {
        let mut state = self.state();
        let known = state.alone_until.is_some_and(|then| then > now);
        if !known {
            state.failures = state.failures.saturating_add(1);
        }
        let alone = ALONE.ceiling(state.failures).max(at_least);
        state.alone_until = state.alone_until.max(Some(after(now, alone)));
        (!known).then_some(alone)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics holding it")
    }
}

impl State {
    /// One place after the other, as fast as the receiver was last seen to take them.
    fn place(&mut self, places: usize, now: Timestamp) -> Duration {
        let earliest = after(now, SOONEST);
        let next = self.last_place.map_or(earliest, |last| after(last, self.took / places as u32));
        let place = next.clamp(earliest, after(now, LATEST));
        self.last_place = Some(place);
        until(now, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2027-01-01T00:00:00Z".parse().expect("an instant")
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_receiver_that_fails_is_left_alone_for_longer_each_time() {
        let line = Line::default();
        let mut at = now();
        for pause in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert!(line.enter(PLACES, at).is_ok());
            assert_eq!(line.failed(Duration::ZERO, at), Some(seconds(pause)));
            assert_eq!(line.failed(Duration::ZERO, at), None, "the same failure, seen by another call");
            assert_eq!(line.enter(PLACES, at).err(), Some(NoPlace::LeftAlone(seconds(pause))));
            at = after(at, seconds(pause));
        }
        assert!(line.answered(seconds(1)), "it was down");
        assert!(!line.answered(seconds(1)));
        assert_eq!(line.failed(Duration::ZERO, at), Some(seconds(2)));
    }

    #[test]
    fn the_receiver_may_ask_for_more_time() {
        let line = Line::default();
        assert_eq!(line.failed(seconds(90), now()), Some(seconds(90)));
        assert_eq!(line.enter(PLACES, now()).err(), Some(NoPlace::LeftAlone(seconds(90))));
    }

    #[test]
    fn who_finds_no_place_comes_back_one_after_the_other() {
        let line = Line::default();
        line.answered(seconds(32));
        let _taken: Vec<_> = (0..PLACES).map(|_| line.enter(PLACES, now()).expect("a place")).collect();
        let back: Vec<NoPlace> = (0..3).map(|_| line.enter(PLACES, now()).expect_err("no place")).collect();
        assert_eq!(back, [1, 2, 3].map(|count| NoPlace::Full(seconds(count))));
        let much_later = (0..10_000).map(|_| line.enter(PLACES, now()).expect_err("no place")).last();
        assert_eq!(much_later, Some(NoPlace::Full(LATEST)));
    }

    #[test]
    fn places_are_a_quarter_of_the_slots() {
        for (slots, expected) in
            [(1, 1), (4, 1), (8, 2), (16, 4), (64, 16), (128, 32), (256, 32), (2_000, 32)]
        {
            assert_eq!(places(slots), expected, "{slots}");
            let line = Line::default();
            let taken: Vec<_> = std::iter::from_fn(|| line.enter(places(slots), now()).ok()).collect();
            assert_eq!(taken.len(), expected, "{slots}");
        }
    }
}
