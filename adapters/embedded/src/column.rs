//! Instants as columns: nanoseconds since 1970, exact for the next two centuries.

use jiff::Timestamp;

/// `instant` as a column; what lies beyond the column's range is the end of the range.
pub(super) fn nanos(instant: Timestamp) -> i64 {
    let end = if instant < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX };
    i64::try_from(instant.as_nanosecond()).unwrap_or(end)
}

/// The instant a column holds.
pub(super) fn instant(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).expect("a timestamp reaches further than the column")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_come_back_as_they_went() {
        for text in ["2026-12-30T14:00:00.123456789Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z"] {
            let then: Timestamp = text.parse().unwrap();
            assert_eq!(instant(nanos(then)), then);
        }
    }

    #[test]
    fn the_ends_of_time_stay_in_order() {
        assert_eq!(nanos(Timestamp::MAX), i64::MAX);
        assert_eq!(nanos(Timestamp::MIN), i64::MIN);
        assert!(instant(i64::MIN) < instant(i64::MAX));
    }
}
