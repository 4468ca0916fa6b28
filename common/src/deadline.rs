//! When a job gives up.

use std::time::Duration;

use jiff::Timestamp;

use crate::time;

/// How long a job is tried when its caller does not say.
const USUAL: Duration = time::days(7);
/// How long it is tried at least, even where the event ends sooner: Google's throttles and short outages
/// last for minutes, and callers' clocks differ by seconds.
const FLOOR: Duration = time::hours(2);

/// A job whose turn comes later than its deadline is tried so long before the deadline.
const LAST_TRY: Duration = Duration::from_secs(5);

/// The caller's `notAfter` is over already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlreadyPast;

/// The instant at which a job expires: the caller's, or else the [`usual`] one.
///
/// # Errors
/// [`AlreadyPast`] when the caller's is no instant to come.
pub fn deadline(
    asked: Option<Timestamp>,
    not_before: Option<Timestamp>,
    event_ends: Option<Timestamp>,
    now: Timestamp,
) -> Result<Timestamp, AlreadyPast> {
    match asked {
        Some(asked) if asked > now => Ok(asked),
        Some(_) => Err(AlreadyPast),
        None => Ok(usual(not_before, event_ends, now)),
    }
}

/// The instant at which a job expires whose caller did not say: a week after it may start, or the end
/// of the event itself where that is ahead and earlier, but never less than two hours after it may start.
#[must_use]
pub fn usual(not_before: Option<Timestamp>, event_ends: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let start = not_before.map_or(now, |not_before| not_before.max(now));
    let (floor, week) = (time::after(start, FLOOR), time::after(start, USUAL));
    event_ends.filter(|end| *end > start).map_or(week, |end| end.clamp(floor, week))
}

/// How long a job may wait for its turn that is so far away: where the deadline comes first it is tried a little
/// before that, and when there is next to no time left, in half of what there is.
#[must_use]
pub fn in_time(wait: Duration, not_after: Timestamp, now: Timestamp) -> Duration {
    let left = time::until(now, not_after);
    wait.min(left.saturating_sub(LAST_TRY.min(left / 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(day * 86_400).unwrap()
    }

    fn later(instant: Timestamp, seconds: i64) -> Timestamp {
        instant + jiff::SignedDuration::from_secs(seconds)
    }

    #[test]
    fn an_event_that_is_about_to_end_is_tried_for_two_hours_all_the_same() {
        let (now, hour) = (day(100), 3_600);
        let floor = later(now, 2 * hour);
        let start = later(now, 24 * hour);
        let after_start = later(start, 2 * hour);
        for (not_before, ends, expected, what) in [
            (None, later(now, 1), floor, "it ends in a second"),
            (None, later(now, hour), floor, "it ends in an hour"),
            (None, floor, floor, "it ends just then"),
            (None, later(floor, 1), later(floor, 1), "it ends a second after that"),
            (Some(start), later(start, 1), after_start, "it ends a second after its start is allowed"),
            (Some(start), later(start, 3 * hour), later(start, 3 * hour), "hours after that"),
            (Some(later(now, -hour)), later(now, 1), floor, "a start that is past does not count"),
            // Clocks seconds apart must not make the difference between a week and nothing.
            (None, later(now, -1), day(107), "it ended a second ago"),
            (None, now, day(107), "it ends now"),
        ] {
            assert_eq!(deadline(None, not_before, Some(ends), now), Ok(expected), "{what}");
        }
    }

    #[test]
    fn an_all_day_event_is_tried_until_its_day_is_over_everywhere_and_two_hours_at_least() {
        let body = br#"{"start":{"date":"2027-01-05"},"end":{"date":"2027-01-06"}}"#;
        let ends = crate::event::Submission::parse(body).unwrap().event.ends_at();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (now, expected) in [
            ("2027-01-05T09:00:00Z", "2027-01-06T12:00:00Z"),
            ("2027-01-06T10:00:00Z", "2027-01-06T12:00:00Z"),
            ("2027-01-06T11:59:59Z", "2027-01-06T13:59:59Z"),
            ("2027-01-06T12:00:00Z", "2027-01-13T12:00:00Z"),
        ] {
            assert_eq!(deadline(None, None, ends, at(now)), Ok(at(expected)), "{now}");
        }
    }

    #[test]
    fn a_job_waits_for_its_turn_and_never_until_its_deadline() {
        let now = day(100);
        for (wait, left, expected) in [
            (0, 0, 0),
            (0, 60, 0),
            (30, 60, 30),
            (55, 60, 55),
            (56, 60, 55),
            (3_600, 60, 55),
            (3_600, 10, 5),
            (3_600, 8, 4),
            (1, 8, 1),
            (3_600, 2, 1),
            (3_600, 0, 0),
            (3_600, -60, 0),
        ] {
            let wait = in_time(Duration::from_secs(wait), later(now, left), now);
            assert_eq!(wait, Duration::from_secs(expected), "{wait:?} with {left} s left");
        }
    }

    #[test]
    fn what_the_caller_says_has_no_floor() {
        let now = day(100);
        for seconds in [1, 60, 7_199] {
            let asked = later(now, seconds);
            assert_eq!(deadline(Some(asked), None, Some(later(now, 1)), now), Ok(asked));
            assert_eq!(deadline(Some(asked), Some(later(now, -5)), None, now), Ok(asked));
        }
    }

    #[test]
    fn the_deadline_is_the_callers_or_a_week_or_the_events_end() {
        let now = day(100);
        for (asked, not_before, ends, expected, what) in [
            (Some(day(101)), None, None, Ok(day(101)), "the caller's"),
            (Some(day(400)), None, Some(day(101)), Ok(day(400)), "the caller's, past the event's end"),
            (Some(day(100)), None, None, Err(AlreadyPast), "now is past"),
            (Some(day(99)), None, None, Err(AlreadyPast), "past"),
            (None, None, None, Ok(day(107)), "a week"),
            (None, Some(day(110)), None, Ok(day(117)), "a week after the start"),
            (None, Some(day(90)), None, Ok(day(107)), "a start that is past does not count"),
            (None, None, Some(day(103)), Ok(day(103)), "the event's end"),
            (None, None, Some(day(200)), Ok(day(107)), "an end that is later than the week"),
            (None, None, Some(day(50)), Ok(day(107)), "an event of the past"),
            (None, Some(day(110)), Some(day(105)), Ok(day(117)), "an end before the start"),
            (None, Some(day(110)), Some(day(112)), Ok(day(112)), "an end within the week after it"),
        ] {
            assert_eq!(deadline(asked, not_before, ends, now), expected, "{what}");
        }
    }
}
