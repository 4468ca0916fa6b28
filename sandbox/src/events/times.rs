//! Starts and ends: Google's rules for `date`, `dateTime` and `timeZone`.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::objections::Objections;
use super::refusal::{Refusal, time};
use super::zone;
use crate::api_error::ApiError;
use crate::event::When;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Start,
    End,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
        }
    }

    fn of(self, start: Refusal, end: Refusal) -> ApiError {
        match self {
            Self::Start => start.into(),
            Self::End => end.into(),
        }
    }
}

/// Both ends, of one kind and in order; nothing where there is an objection. `zone` is the calendar's, for what names
/// no zone of its own. An end that is the start is held, by the clock and by the day (gcal_sync#225).
pub(super) fn read(
    body: &Map<String, Value>,
    zone: &TimeZone,
    is_recurring: bool,
    objections: &mut Objections,
) -> Option<(When, When)> {
    let mut read = |which: Side| {
        let when = objections.take(side(body, which, zone))?;
        if is_recurring && matches!(when, When::At(_, None)) {
            objections.add(which.of(time::MISSING_START_ZONE, time::MISSING_END_ZONE));
        }
        Some(when)
    };
    let (start, end) = (read(Side::Start), read(Side::End));
    let (start, end) = (start?, end?);
    if start.is_date() != end.is_date() {
        objections.add(time::MIXED);
        return None;
    }
    if end.instant(zone) < start.instant(zone) {
        objections.add(ApiError::of("timeRangeEmpty"));
        return None;
    }
    Some((start, end))
}

fn side(body: &Map<String, Value>, side: Side, calendar: &TimeZone) -> Result<When, ApiError> {
    let missing = || side.of(time::MISSING_START, time::MISSING_END);
    let value = match body.get(side.name()) {
        None | Some(Value::Null) => return Err(missing()),
        Some(Value::Object(value)) => value,
        Some(_) => return Err(ApiError::of("badRequest")),
    };
    let date = text(value, "date")?;
    let date_time = text(value, "dateTime")?;
    let named = text(value, "timeZone")?;
    // Beside a date it means nothing. Uncertain: that it must be a zone all the same.
    let zone = match named {
        None => None,
        Some(name) => {
            let known = zone::known(name);
            Some(known.ok_or_else(|| side.of(time::INVALID_START_ZONE, time::INVALID_END_ZONE))?)
        }
    };
    match (date, date_time) {
        (None, None) => Err(missing()),
        (Some(_), Some(_)) => Err(side.of(time::INVALID_START, time::INVALID_END)),
        (Some(date), None) => Ok(When::Date(whole_day(date)?)),
        (None, Some(date_time)) => {
            let at = instant(date_time, zone.as_ref().unwrap_or(calendar))?;
            Ok(When::At(at, named.map(str::to_owned)))
        }
    }
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, ApiError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ApiError::of("badRequest")),
    }
}

/// `YYYY-MM-DD` and nothing more.
fn whole_day(text: &str) -> Result<Date, ApiError> {
    let shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    shaped.then(|| text.parse().ok()).flatten().ok_or_else(|| ApiError::of("badRequest"))
}

/// RFC 3339, where the offset may be missing: then `zone` decides, and in its gaps and folds RFC 5545 does (the offset
/// before the gap, the first of two).
fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, ApiError> {
    let bad = || ApiError::of("badRequest");
    let (clock, offset) = split_offset(text).ok_or_else(bad)?;
    // Uncertain: a leap second, which the parser takes for the second before.
    if clock.get(17..19) == Some("60") {
        return Err(bad());
    }
    let at = match offset {
        Some(_) => text.parse::<Timestamp>().map_err(|_| bad())?,
        None => {
            let clock: DateTime = clock.parse().map_err(|_| bad())?;
            let zoned = clock.to_zoned(zone.clone()).map_err(|_| bad())?;
            zoned.timestamp()
        }
    };
    // Google keeps whole seconds.
    let fraction = i64::from(at.subsec_nanosecond());
    at.checked_sub(SignedDuration::from_nanos(fraction)).map_err(|_| bad())
}

/// `YYYY-MM-DDTHH:MM:SS[.f…]` and what follows it: nothing, `Z`, or `±HH:MM`.
fn split_offset(text: &str) -> Option<(&str, Option<&str>)> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let shaped = text.len() >= SHAPE.len()
        && text.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            b'T' => byte == b'T' || byte == b't',
            other => byte == *other,
        });
    if !shaped {
        return None;
    }
    let rest = &text[SHAPE.len()..];
    let fraction = match rest.strip_prefix('.') {
        Some(digits) => {
            let count = digits.bytes().take_while(u8::is_ascii_digit).count();
            if count == 0 {
                return None;
            }
            count + 1
        }
        None => 0,
    };
    let (clock, offset) = text.split_at(SHAPE.len() + fraction);
    let offset_shaped = match offset.as_bytes() {
        [] => return Some((clock, None)),
        [b'Z' | b'z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    offset_shaped.then_some((clock, Some(offset)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str, zone: &str) -> String {
        instant(text, &TimeZone::get(zone).unwrap()).unwrap().to_string()
    }

    #[test]
    fn an_offset_fixes_the_instant_and_a_zone_fixes_the_rest() {
        assert_eq!(at("2026-12-30T14:00:00", "Asia/Kolkata"), "2026-12-30T08:30:00Z");
        assert_eq!(at("2026-12-30T14:00:00+01:00", "Asia/Kolkata"), "2026-12-30T13:00:00Z");
        assert_eq!(at("2026-12-30T14:00:00.999z", "Asia/Kolkata"), "2026-12-30T14:00:00Z");
    }

    #[test]
    fn a_gap_moves_forward_and_a_fold_takes_the_first() {
        assert_eq!(at("2026-03-29T02:30:00", "Europe/Berlin"), "2026-03-29T01:30:00Z");
        assert_eq!(at("2026-10-25T02:30:00", "Europe/Berlin"), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn anything_but_rfc_3339_is_a_bad_request() {
        for bad in [
            "",
            "2026-12-30",
            "2026-12-30 14:00:00Z",
            "2026-12-30T14:00Z",
            "2026-12-30T14:00:00.Z",
            "2026-12-30T14:00:00+0100",
            "2026-12-30T14:00:00[Asia/Kolkata]",
            "2026-02-30T14:00:00Z",
            "tomorrow",
            "2026-12-30T25:00:00Z",
            "２026-12-30T14:00:00Z",
        ] {
            assert!(instant(bad, &TimeZone::UTC).is_err(), "{bad}");
        }
        for bad in ["2026-02-30", "2026-2-3", "2026-12-30T14:00:00Z", "20261230"] {
            assert!(whole_day(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refusals_use_googles_words() {
        let timed = |at: &str| json!({"dateTime": at});
        let cases = [
            (json!({}), false, "Missing start time."),
            (json!({"start": timed("2026-01-01T00:00:00Z")}), false, "Missing end time."),
            (json!({"start": {}, "end": {}}), false, "Missing start time."),
            (
                json!({"start": {"date": "2026-01-01"}, "end": timed("2026-01-01T00:00:00Z")}),
                false,
                "Start and end times must either both be date or both be dateTime.",
            ),
            (
                json!({"start": {"dateTime": "2026-01-01T00:00:00", "timeZone": "India Standard Time"}, "end": {}}),
                false,
                "Invalid time zone definition for start time.",
            ),
            (
                json!({"start": timed("2026-01-01T00:00:00Z"), "end": timed("2026-01-01T01:00:00Z")}),
                true,
                "Missing time zone definition for start time.",
            ),
            (
                json!({"start": timed("2026-01-01T01:00:00Z"), "end": timed("2026-01-01T00:00:00Z")}),
                false,
                "The specified time range is empty.",
            ),
            (json!({"start": "x"}), false, "Bad Request"),
        ];
        for (body, recurring, message) in cases {
            let mut objections = Objections::default();
            let times = read(body.as_object().unwrap(), &TimeZone::UTC, recurring, &mut objections);
            assert_eq!(objections.settle(times).unwrap_err().message(), message, "{body}");
        }
    }

    #[test]
    fn an_empty_span_is_accepted() {
        let body = json!({"start": {"dateTime": "2026-01-01T00:00:00Z"}, "end": {"dateTime": "2026-01-01T00:00:00Z"}});
        let mut objections = Objections::default();
        assert!(read(body.as_object().unwrap(), &TimeZone::UTC, false, &mut objections).is_some());
        assert!(objections.settle(Some(())).is_ok());
    }
}
