//! Dates and times as iCalendar writes them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// `YYYYMMDD`.
pub(super) fn basic_date(text: &str) -> Option<Date> {
    let is_number = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// `YYYYMMDDTHHMMSS`, in UTC with a final `Z`, else in `source`; on the wall clock of `zone`.
pub(super) fn moment(text: &str, source: &TimeZone, zone: &TimeZone) -> Option<DateTime> {
    let (clock, source) = match text.strip_suffix('Z') {
        Some(clock) => (clock, &TimeZone::UTC),
        None => (text, source),
    };
    let shaped = clock.len() == 15
        && clock.bytes().enumerate().all(|(at, b)| match at {
            8 => b == b'T',
            _ => b.is_ascii_digit(),
        });
    let clock: DateTime = shaped.then(|| clock.parse().ok()).flatten()?;
    // The last hours of the year 9999, which mean "for ever", are no instant in every zone.
    let at = clock.to_zoned(source.clone()).map(|at| at.with_time_zone(zone.clone()).datetime());
    Some(at.unwrap_or(clock))
}
