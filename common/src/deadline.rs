//! When a job gives up.

use std::time::Duration;

use jiff::Timestamp;

use crate::time;

/// How long a job is tried when its caller does not say.
const USUAL: Duration = time::days(7);

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
/// of the event itself where that is ahead and earlier.
#[must_use]
pub fn usual(not_before: Option<Timestamp>, event_ends: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let start = not_before.map_or(now, |not_before| not_before.max(now));
    let week = time::after(start, USUAL);
    event_ends.filter(|end| *end > start).map_or(week, |end| end.min(week))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(day * 86_400).unwrap()
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
