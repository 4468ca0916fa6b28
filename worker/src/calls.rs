//! The calls of one attempt, as its quotas and its end see them: whose turn it is, what was paid for, and whether Google
//! Calendar has been asked something that it has not answered.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use common::message::Progress;
use common::port::Turn;
use common::time::{after, days, until};
use jiff::Timestamp;

/// A job that comes later than this after its turn has lost it: it books another one instead of asking all the time.
const MISSED: Duration = Duration::from_secs(15);

/// What an attempt has asked, and what it has to show for it.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<State>);

#[derive(Debug)]
struct State {
    progress: Progress,
    /// How many calls the attempt is about to make, as far as it knows.
    ahead: u32,
    /// Whether a call of this attempt has passed.
    passed: bool,
    /// How many more calls the turn was booked for.
    booked_for: u32,
    /// Whether Google Calendar has a request and has not answered.
    asking: bool,
    /// After this no call is made any more.
    not_after: Timestamp,
}

impl Default for State {
    fn default() -> Self {
        let not_after = Timestamp::MAX;
        Self {
            progress: Progress::default(),
            ahead: 1,
            passed: false,
            booked_for: 0,
            asking: false,
            not_after,
        }
    }
}

impl Calls {
    /// Those of the attempt that goes on from `progress`, for a job that has until `not_after`.
    pub(crate) fn after(progress: Progress, not_after: Timestamp) -> Self {
        Self(Mutex::new(State { progress, not_after, ..State::default() }))
    }

    /// Those of a job whose first calls were made long ago.
    pub(crate) fn further() -> Self {
        Self(Mutex::new(State { passed: true, ..State::default() }))
    }

    /// The attempt is about to make so many.
    pub(crate) fn expect(&self, calls: u32) {
        self.state().ahead = calls;
    }

    /// What the attempt leaves to the next.
    pub(crate) fn progress(&self) -> Progress {
        self.state().progress
    }

    /// The turn that was booked and not used, unless it is long past.
    pub(crate) fn turn(&self, now: Timestamp) -> Option<Timestamp> {
        self.state().progress.turn.filter(|turn| now < after(*turn, MISSED))
    }

    /// How the next call comes.
    pub(crate) fn comes(&self, now: Timestamp) -> Turn {
        let turn = self.turn(now);
        let state = self.state();
        match (turn, state.passed, state.booked_for) {
            (Some(_), ..) | (None, true, 1..) => Turn::Booked,
            (None, true, 0) => Turn::Further,
            (None, false, _) => Turn::New { calls: state.ahead },
        }
    }

    /// How many calls a turn that was booked for then is no use for: it would come beyond the deadline.
    pub(crate) fn too_late(&self, turn: Timestamp) -> u32 {
        let state = self.state();
        if turn >= state.not_after { state.ahead } else { 0 }
    }

    /// A turn was booked, for all the calls that were expected.
    pub(crate) fn booked(&self, turn: Timestamp) {
        self.state().progress.turn = Some(turn);
    }

    /// A call may be made: it has used its turn.
    pub(crate) fn pass(&self) {
        let mut state = self.state();
        state.booked_for = match state.progress.turn.take() {
            Some(_) => state.ahead.saturating_sub(1),
            None => state.booked_for.saturating_sub(1),
        };
        state.ahead = state.ahead.saturating_sub(1);
        state.passed = true;
    }

    /// Whether the turn was booked for a call that will not be made after all.
    pub(crate) fn drop_further(&self) -> bool {
        let mut state = self.state();
        let booked = state.booked_for > 0;
        state.booked_for = state.booked_for.saturating_sub(1);
        booked
    }

    /// So many of these guests count against today.
    pub(crate) fn uncounted(&self, guests: u32, now: Timestamp) -> u32 {
        let counted = self.state().progress.invited.is_some_and(|then| until(then, now) < days(1));
        if counted { 0 } else { guests }
    }

    /// The guests have been counted now; `None` takes that back.
    pub(crate) fn invited(&self, then: Option<Timestamp>) {
        self.state().progress.invited = then;
    }

    /// Google has nothing under the job's id.
    pub(crate) fn found_nothing(&self, now: Timestamp) {
        self.state().progress.looked = Some(now);
    }

    /// Whether an attempt has found nothing, and none has begun to write since.
    pub(crate) fn has_found_nothing(&self) -> bool {
        self.state().progress.looked.is_some()
    }

    /// A write begins.
    pub(crate) fn writes(&self) {
        self.state().progress.looked = None;
    }

    /// Google Calendar is asked; answered, when false.
    pub(crate) fn asks(&self, asking: bool) {
        self.state().asking = asking;
    }

    /// Whether Google Calendar has been asked something that it has not answered.
    pub(crate) fn is_asking(&self) -> bool {
        self.state().asking
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics holding it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("an instant")
    }

    #[test]
    fn a_booked_turn_is_used_once_and_covers_the_calls_it_was_booked_for() {
        let calls = Calls::default();
        calls.expect(2);
        assert_eq!(calls.comes(at(0)), Turn::New { calls: 2 });
        calls.booked(at(10));
        assert_eq!(calls.progress().turn, Some(at(10)));
        assert_eq!(calls.comes(at(10)), Turn::Booked);
        calls.pass();
        assert_eq!(calls.progress().turn, None);
        assert_eq!(calls.comes(at(11)), Turn::Booked, "it was booked for two");
        calls.pass();
        assert_eq!(calls.comes(at(12)), Turn::Further);
    }

    #[test]
    fn a_call_that_is_not_made_is_given_up_once() {
        let calls = Calls::default();
        calls.expect(2);
        calls.booked(at(10));
        calls.pass();
        assert!(calls.drop_further());
        assert!(!calls.drop_further());
        let without_a_turn = Calls::default();
        without_a_turn.expect(2);
        without_a_turn.pass();
        assert!(!without_a_turn.drop_further());
    }

    #[test]
    fn a_turn_goes_along_until_it_is_long_past() {
        let calls = Calls::after(Progress { turn: Some(at(10)), ..Progress::default() }, at(60));
        for (now, comes) in [(0, Turn::Booked), (24, Turn::Booked), (25, Turn::New { calls: 1 })] {
            assert_eq!(calls.comes(at(now)), comes, "{now}");
        }
    }

    #[test]
    fn a_turn_beyond_the_deadline_is_no_use() {
        let calls = Calls::after(Progress::default(), at(60));
        calls.expect(2);
        assert_eq!([59, 60, 61].map(|turn| calls.too_late(at(turn))), [0, 2, 2]);
        assert_eq!(Calls::default().too_late(at(1_000_000)), 0);
    }

    #[test]
    fn guests_are_counted_once_a_day() {
        let calls = Calls::default();
        assert_eq!(calls.uncounted(200, at(0)), 200);
        calls.invited(Some(at(0)));
        let next = Calls::after(calls.progress(), at(60));
        assert_eq!(next.uncounted(200, at(86_399)), 0);
        assert_eq!(next.uncounted(200, at(86_400)), 200);
    }

    #[test]
    fn what_was_seen_is_worth_nothing_once_a_write_has_begun() {
        let calls = Calls::default();
        calls.found_nothing(at(0));
        let next = Calls::after(calls.progress(), at(60));
        assert!(next.has_found_nothing());
        next.writes();
        assert!(!next.has_found_nothing());
    }
}
