//! What it means that a notice was not taken: one pure decision.

use std::time::Duration;

use common::backoff::Schedule;
use common::time::{days, hours, minutes, until};
use jiff::Timestamp;

use super::webhook::NotTaken;

/// Between two tries of one notice.
const TRIES: Schedule = Schedule { first: Duration::from_secs(5), longest: hours(6) };
/// No notice is tried for longer.
const KEPT: Duration = days(3);
/// No receiver puts a notice off for longer.
const LONGEST_ASKED: Duration = hours(24);
/// What only an operator can mend is tried this often.
const OPERATOR: Duration = minutes(10);

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Try this notice again.
    Again {
        /// After so long.
        delay: Duration,
    },
    /// Try this notice again, and leave the receiver alone meanwhile.
    LeaveAlone {
        /// After so long.
        delay: Duration,
        /// The receiver is left alone for no less.
        at_least: Duration,
    },
    /// Send nothing to this receiver any more.
    Mute,
}

/// Decides, `tries` before this one having failed; `fraction` is the random part of a wait, 0 to 1.
pub(super) fn decide(error: &NotTaken, tries: u32, fraction: f64) -> Next {
    let wait = wait(tries, fraction);
    let asked = |asked: &Option<Duration>| asked.unwrap_or_default().min(LONGEST_ASKED);
    match error {
        NotTaken::Gone => Next::Mute,
        NotTaken::Overloaded { retry_after, .. } => {
            let at_least = asked(retry_after);
            Next::LeaveAlone { delay: wait.max(at_least), at_least }
        }
        NotTaken::Refused { retry_after, .. } => Next::Again { delay: wait.max(asked(retry_after)) },
        NotTaken::NoAnswer(_) => Next::LeaveAlone { delay: wait, at_least: Duration::ZERO },
        NotTaken::Forbidden(_) => Next::LeaveAlone { delay: wait.max(OPERATOR), at_least: OPERATOR },
    }
}

/// How long to wait, `tries` before this one having failed; `fraction` is the random part, 0 to 1. At least half of the schedule's wait: a notice that waited for hours should not hammer.
pub(super) fn wait(tries: u32, fraction: f64) -> Duration {
    let half = TRIES.ceiling(tries.saturating_add(1)) / 2;
    half + half.mul_f64(fraction.clamp(0.0, 1.0))
}

/// Whether it is too late to tell of what happened `at`.
pub(super) fn is_stale(at: Timestamp, now: Timestamp) -> bool {
    until(at, now) > KEPT
}

#[cfg(test)]
mod tests {
    use super::super::guard::Forbidden;
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn waits_grow_from_seconds_to_hours() {
        let refused = NotTaken::Refused { status: 400, retry_after: None };
        for (tries, least, most) in
            [(0, 2.5, 5.0), (1, 5.0, 10.0), (9, 1280.0, 2560.0), (99, 10_800.0, 21_600.0)]
        {
            let delay = |fraction| match decide(&refused, tries, fraction) {
                Next::Again { delay } => delay.as_secs_f64(),
                Next::LeaveAlone { .. } | Next::Mute => panic!("it says nothing about the receiver"),
            };
            assert_eq!((delay(0.0), delay(1.0)), (least, most), "{tries}");
        }
    }

    #[test]
    fn the_receiver_s_own_wish_is_honoured_within_reason() {
        let busy = |retry_after| decide(&NotTaken::Overloaded { status: 429, retry_after }, 0, 1.0);
        assert_eq!(busy(None), Next::LeaveAlone { delay: seconds(5), at_least: Duration::ZERO });
        assert_eq!(busy(Some(seconds(90))), Next::LeaveAlone { delay: seconds(90), at_least: seconds(90) });
        let day = hours(24);
        assert_eq!(busy(Some(days(365))), Next::LeaveAlone { delay: day, at_least: day });
        let refused = NotTaken::Refused { status: 301, retry_after: Some(seconds(60)) };
        assert_eq!(decide(&refused, 0, 1.0), Next::Again { delay: seconds(60) });
    }

    #[test]
    fn nothing_but_410_ends_it_before_its_time() {
        assert_eq!(decide(&NotTaken::Gone, 0, 0.5), Next::Mute);
        for error in [NotTaken::NoAnswer("no connection"), NotTaken::Forbidden(Forbidden)] {
            assert!(matches!(decide(&error, 50, 0.5), Next::LeaveAlone { .. }), "{error:?}");
        }
        let at: Timestamp = "2027-01-01T00:00:00Z".parse().expect("an instant");
        assert!(!is_stale(at, common::time::after(at, days(3))));
        assert!(is_stale(at, common::time::after(at, days(3) + seconds(1))));
    }
}
