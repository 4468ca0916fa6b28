//! Which lane a job takes, how long it stays there, and what its caller has to know of that.

use std::time::Duration;

use common::deadline::in_time;
use common::job::{Job, Place, Step, Turn};
use common::port::Lane;
use common::time;
use common::warning::{Warning, WarningCode};
use jiff::Timestamp;

/// A place in line that is further away than this is not worth a fresh delivery.
const SOON: Duration = Duration::from_secs(2);

/// Where a job goes and when it comes out, whose turn comes after `place`: `notBefore` never starts early, and a
/// long line waits where it is in no job's way, but never past the job's deadline.
pub(super) fn lane(job: &Job, place: Duration, now: Timestamp) -> (Lane, Duration) {
    let start = job.not_before.map_or(Duration::ZERO, |not_before| time::until(now, not_before));
    if start.is_zero() && place <= SOON {
        (Lane::Fresh, Duration::ZERO)
    } else {
        (Lane::Due, in_time(place, job.not_after, now).max(start))
    }
}

/// What is to be recorded and told of a job in line whose turn, after `place`, comes too late: beyond its deadline,
/// or after the event. Beyond its deadline it leaves the line, so that no job waits for a turn that is not used.
pub(super) fn late(
    job: &Job,
    place: Duration,
    event_ends: Option<Timestamp>,
    now: Timestamp,
) -> Option<Step> {
    let turn = job.turn.filter(Turn::is_in_line)?;
    let comes = time::after(now, place);
    let warning = |field: &str| Some(Warning { field: field.to_owned(), code: WarningCode::Late });
    if comes >= job.not_after {
        return Some(Step::Placed { turn: turn.at(Place::Past), warning: warning("notAfter") });
    }
    let over = event_ends.is_some_and(|end| end > now && comes >= end);
    over.then(|| Step::Placed { turn, warning: warning("end") })
}

#[cfg(test)]
mod tests {
    use common::event::Priority;
    use common::job::JobState;

    use super::*;
    use common::sample::states as sample;

    const IN_LINE: Place = Place::InLine { micros: 7 };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Accepted at 0, to be done by 1000.
    fn job(place: Place, not_before: Option<i64>) -> Job {
        let turn = Turn { priority: Priority::Normal, cost: 1, place, yields: 0 };
        sample::job(JobState::Queued).with(|fields| {
            fields.turn = Some(turn);
            fields.not_before = not_before.map(sample::at);
        })
    }

    #[test]
    fn only_jobs_whose_turn_is_near_are_fresh_and_none_waits_past_its_deadline() {
        for (place, not_before, expected) in [
            (0, None, (Lane::Fresh, 0)),
            (2, None, (Lane::Fresh, 0)),
            (2, Some(0), (Lane::Fresh, 0)),
            (3, None, (Lane::Due, 3)),
            (0, Some(1), (Lane::Due, 1)),
            (30, Some(10), (Lane::Due, 30)),
            (10, Some(30), (Lane::Due, 30)),
            (995, None, (Lane::Due, 995)),
            (996, None, (Lane::Due, 995)),
            (100_000, None, (Lane::Due, 995)),
            (100_000, Some(999), (Lane::Due, 999)),
        ] {
            let (kind, delay) = lane(&job(IN_LINE, not_before), seconds(place), sample::at(0));
            assert_eq!((kind, delay), (expected.0, seconds(expected.1)), "{place} {not_before:?}");
        }
    }

    #[test]
    fn a_turn_beyond_the_deadline_or_the_event_is_told_and_beyond_the_deadline_given_up() {
        let told = |place, after, event_ends: Option<i64>| {
            late(&job(place, None), seconds(after), event_ends.map(sample::at), sample::at(0))
        };
        let step = |place, field: &str| {
            let warning = Some(Warning { field: field.to_owned(), code: WarningCode::Late });
            Some(Step::Placed { turn: job(place, None).turn.unwrap(), warning })
        };
        let (not_after, end) = (step(Place::Past, "notAfter"), step(IN_LINE, "end"));
        assert_eq!(told(IN_LINE, 999, None), None);
        assert_eq!(told(IN_LINE, 1_000, None), not_after);
        assert_eq!(told(IN_LINE, 60, Some(61)), None);
        assert_eq!(told(IN_LINE, 60, Some(60)), end);
        assert_eq!(told(IN_LINE, 1_000, Some(60)), not_after, "the deadline is the more important");
        assert_eq!(told(IN_LINE, 60, Some(-1)), None, "an event of the past is not late for its end");
        for outside in [Place::Outside, Place::Past] {
            assert_eq!(told(outside, 100_000, Some(60)), None, "it is in no line");
        }
    }
}
