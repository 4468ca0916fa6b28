//! Which lane a job takes, and how long it stays there.

use std::time::Duration;

use common::port::Lane;
use common::time;
use jiff::Timestamp;

/// A place in line that is further away than this is not worth a fresh delivery.
const SOON: Duration = Duration::from_secs(2);

/// Where a job goes and when it comes out: `notBefore` never starts early, and a long line waits
/// where it is in nobody's way.
pub(super) fn lane(place: Duration, not_before: Option<Timestamp>, now: Timestamp) -> (Lane, Duration) {
    let start = not_before.map_or(Duration::ZERO, |not_before| time::until(now, not_before));
    if start.is_zero() && place <= SOON {
        (Lane::Fresh, Duration::ZERO)
    } else {
        (Lane::Due, place.max(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_jobs_whose_turn_is_near_are_fresh() {
        let now = Timestamp::UNIX_EPOCH;
        let seconds = Duration::from_secs;
        let at = |after: u64| Some(time::after(now, seconds(after)));
        for (place, not_before, expected) in [
            (seconds(0), None, (Lane::Fresh, Duration::ZERO)),
            (SOON, None, (Lane::Fresh, Duration::ZERO)),
            (SOON, at(0), (Lane::Fresh, Duration::ZERO)),
            (seconds(3), None, (Lane::Due, seconds(3))),
            (seconds(0), at(1), (Lane::Due, seconds(1))),
            (seconds(30), at(10), (Lane::Due, seconds(30))),
            (seconds(10), at(30), (Lane::Due, seconds(30))),
        ] {
            assert_eq!(lane(place, not_before, now), expected, "{place:?} {not_before:?}");
        }
    }
}
