//! What it means that a job is not recorded: a pure function of when records were last lost.

use std::time::Duration;

use common::time;
use jiff::Timestamp;

/// What a missing record says of its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// There is no such job, or it ended so long ago that it is forgotten.
    Never,
    /// There may be: records were lost, or not written, less than `retention` ago.
    Uncertain,
}

/// Decides by since when the store has lost nothing, and by when it last failed this process: what
/// others accepted meanwhile may not be recorded yet.
pub(super) fn absence(
    whole_since: Timestamp,
    failed_at: Option<Timestamp>,
    retention: Duration,
    now: Timestamp,
) -> Absence {
    let since = failed_at.map_or(whole_since, |failed| failed.max(whole_since));
    if time::after(since, retention) <= now { Absence::Never } else { Absence::Uncertain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_from_records_that_are_older_than_the_retention_never_was() {
        let week = time::days(7);
        let day = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        let now = day(100);
        for (whole_since, failed_at, expected, what) in [
            (Timestamp::MIN, None, Absence::Never, "records that cannot be lost alone"),
            (day(93), None, Absence::Never, "exactly the retention"),
            (day(94), None, Absence::Uncertain, "wiped six days ago"),
            (now, None, Absence::Uncertain, "wiped just now"),
            (day(101), None, Absence::Uncertain, "a clock ahead of ours"),
            (Timestamp::MIN, Some(day(99)), Absence::Uncertain, "away yesterday"),
            (Timestamp::MIN, Some(day(93)), Absence::Never, "away a week ago"),
            (day(99), Some(day(10)), Absence::Uncertain, "away long ago, and wiped since"),
            (day(10), Some(day(99)), Absence::Uncertain, "wiped long ago, and away since"),
        ] {
            assert_eq!(absence(whole_since, failed_at, week, now), expected, "{what}");
        }
    }
}
