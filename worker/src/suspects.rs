//! Jobs whose worker died while it ran them: which of them killed it?
//!
//! A death charges every job that was running. Those are run again beside all other work, but in groups of an
//! eighth of the worker's slots, after the next death in groups of an eighth of that, and then one at a time:
//! of 256, 32, 4, 1. A death charges the group that was running, so that the job that kills is among ever
//! fewer, and the fifth death of a job is one that it died alone.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use common::port::Clock;
use common::time::{after, minutes, until};
use jiff::Timestamp;

/// Each group is so many times smaller than the one before.
const CUT: usize = 8;
/// No suspect that finds no seat comes back earlier.
const SOONEST: Duration = Duration::from_secs(1);
/// Or later.
const LATEST: Duration = minutes(2);
/// Suspects come back so many times as fast as others were last seen to leave their seats.
const AHEAD: u32 = 2;

/// The seats of suspects in one worker.
pub(crate) struct Suspects {
    /// So many jobs that were charged once may run at a time.
    seats: usize,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    /// How long suspects have lately kept their seats.
    took: Duration,
    /// When the last of those that found no seat comes back.
    last_place: Option<Timestamp>,
}

/// A suspect's seats; free again when dropped.
pub(crate) struct Seat<'a> {
    suspects: &'a Suspects,
    weight: usize,
    began: Timestamp,
}

impl Suspects {
    /// For a worker with so many slots.
    pub(crate) fn of(slots: usize, clock: Arc<dyn Clock>) -> Self {
        Self { seats: slots.div_ceil(CUT), clock, state: Mutex::default() }
    }

    /// Lets a job run that was charged with so many deaths, or says when to come back. One that was charged with
    /// none needs no seat.
    pub(crate) fn enter(&self, crashes: u32) -> Result<Option<Seat<'_>>, Duration> {
        let weight = self.weight(crashes);
        if weight == 0 {
            return Ok(None);
        }
        let now = self.clock.now();
        let mut state = self.state();
        if state.taken + weight > self.seats {
            return Err(state.place(weight, self.seats, now));
        }
        state.taken += weight;
        Ok(Some(Seat { suspects: self, weight, began: now }))
    }

    /// How many seats a job takes: all of them once it may only run alone.
    fn weight(&self, crashes: u32) -> usize {
        match crashes {
            0 => 0,
            1 => 1,
            2 => CUT.min(self.seats),
            3.. => self.seats,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics holding it")
    }
}

impl State {
    /// One place after the other, as fast as seats are seen to become free.
    fn place(&mut self, weight: usize, seats: usize, now: Timestamp) -> Duration {
        let turn = self.took.max(SOONEST).mul_f64(weight as f64 / seats as f64) / AHEAD;
        let next = self.last_place.map_or(now, |last| after(last, turn));
        let place = next.clamp(after(now, SOONEST), after(now, LATEST));
        self.last_place = Some(place);
        until(now, place)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let took = until(self.began, self.suspects.clock.now());
        let mut state = self.suspects.state();
        state.taken -= self.weight;
        state.took = (state.took * 3 + took) / 4;
    }
}

#[cfg(test)]
mod tests {
    use common::port::SystemClock;

    use super::*;

    fn suspects(slots: usize) -> Suspects {
        Suspects::of(slots, Arc::new(SystemClock))
    }

    /// How many jobs that were charged with so many deaths run at a time.
    fn group(suspects: &Suspects, crashes: u32) -> usize {
        std::iter::from_fn(|| suspects.enter(crashes).ok()).take(10_000).collect::<Vec<_>>().len()
    }

    #[test]
    fn groups_are_cut_in_eight_until_a_job_runs_alone() {
        for (slots, groups) in [
            (256, [32, 4, 1, 1, 1]),
            (1_024, [128, 16, 1, 1, 1]),
            (64, [8, 1, 1, 1, 1]),
            (16, [2, 1, 1, 1, 1]),
            (1, [1; 5]),
        ] {
            let suspects = suspects(slots);
            let found: Vec<usize> = (1..=5).map(|crashes| group(&suspects, crashes)).collect();
            assert_eq!(found, groups, "{slots}");
            assert_eq!(group(&suspects, 0), 10_000, "the innocent run freely");
        }
    }

    #[test]
    fn no_other_suspect_runs_beside_one_that_runs_alone() {
        let suspects = suspects(256);
        let alone = suspects.enter(3).unwrap();
        for crashes in 1..5 {
            assert!(suspects.enter(crashes).is_err(), "{crashes}");
        }
        assert!(suspects.enter(0).is_ok(), "and all other work goes on");
        drop(alone);
        let _one = suspects.enter(1).unwrap();
        assert!(suspects.enter(3).is_err());
    }

    #[test]
    fn who_finds_no_seat_comes_back_one_after_the_other() {
        let suspects = suspects(256);
        let _alone = suspects.enter(3).unwrap();
        let places: Vec<Duration> = (0..300).filter_map(|_| suspects.enter(1).err()).collect();
        assert_eq!(places.len(), 300);
        assert!(places.iter().all(|place| *place >= Duration::from_millis(900) && *place <= LATEST));
        assert!(places[299] > places[0] + Duration::from_secs(2), "{:?}", places[299]);
    }
}
