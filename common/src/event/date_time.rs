//! One date, or one date and time, as RFC 3339 writes it.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::{Offset, TimeZone};

use super::limits;

/// A date and time, which an offset may have fixed to an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// As RFC 3339 writes it: `T` between, seconds present.
    pub(super) text: String,
    /// What the clock on the wall shows.
    pub(super) local: civil::DateTime,
    /// How far that clock is from UTC, if that was said.
    pub(super) offset: Option<Offset>,
}

/// What is expected, for the sentence.
const EXPECTED: &str = "must be a date and time that exist, such as 2027-03-14T09:30:00, \
    or with an offset: 2027-03-14T09:30:00+05:30";

impl Moment {
    /// Parses `2027-03-14T09:30`, with or without seconds, their fraction, and an offset.
    ///
    /// The error ends a sentence that begins with the field's name.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if parse_date(text).is_ok() {
            return Err("is a date without a time; for an all-day event send `start` and `end` \
                 with a `date` in each"
                .to_owned());
        }
        let (date, time) = text
            .char_indices()
            .find(|(_, c)| matches!(c, 'T' | 't' | ' '))
            .map(|(at, _)| (&text[..at], &text[at + 1..]))
            .ok_or(EXPECTED)?;
        let date = in_our_years(civil_date(date).ok_or(EXPECTED)?)?;
        let (clock, zone) = match time.find(['Z', 'z', '+', '-']) {
            Some(at) => time.split_at(at),
            None => (time, ""),
        };
        let (clock, time) = parse_clock(clock).ok_or(EXPECTED)?;
        let offset = match zone {
            "" => None,
            "Z" | "z" => Some(Offset::UTC),
            other => Some(parse_offset(other).ok_or(EXPECTED)?),
        };
        Ok(Self {
            text: format!("{date}T{clock}{}", zone.to_ascii_uppercase()),
            local: date.to_datetime(time),
            offset,
        })
    }

    /// The instant: the offset's if there is one, else the zone's.
    ///
    /// A time that a clock skips is read with the offset before the gap, one that it shows twice
    /// is the first of the two (RFC 5545 §3.3.5, and what Google does).
    pub(super) fn instant(&self, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
        match self.offset {
            Some(offset) => offset.to_timestamp(self.local),
            None => zone.to_timestamp(self.local),
        }
    }

    /// The instant, if an offset fixes it.
    pub(super) fn fixed(&self) -> Option<Timestamp> {
        self.offset?.to_timestamp(self.local).ok()
    }
}

/// Parses `2027-03-14`. The error ends a sentence that begins with the field's name.
pub(super) fn parse_date(text: &str) -> Result<civil::Date, String> {
    in_our_years(civil_date(text).ok_or("must be a date that exists, such as 2027-03-14")?)
}

/// Parses the first day after an event, which may be the first one after our years.
pub(super) fn parse_day_after(text: &str) -> Result<civil::Date, String> {
    match civil_date(text) {
        Some(date) if date == civil::date(limits::YEARS.end() + 1, 1, 1) => Ok(date),
        Some(_) | None => parse_date(text),
    }
}

fn in_our_years(date: civil::Date) -> Result<civil::Date, String> {
    if limits::YEARS.contains(&date.year()) {
        Ok(date)
    } else {
        Err(format!("must be in the years {} to {}", limits::YEARS.start(), limits::YEARS.end()))
    }
}

fn civil_date(text: &str) -> Option<civil::Date> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *text.as_bytes() else {
        return None;
    };
    let year = i16::try_from(digits(&[y0, y1, y2, y3])?).ok()?;
    let month = i8::try_from(digits(&[m0, m1])?).ok()?;
    let day = i8::try_from(digits(&[d0, d1])?).ok()?;
    civil::Date::new(year, month, day).ok()
}

/// `09:30`, `09:30:15` or `09:30:15.123`, completed with its seconds.
fn parse_clock(text: &str) -> Option<(String, civil::Time)> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let part = |range: std::ops::Range<usize>| {
        digits(whole.as_bytes().get(range)?).and_then(|number| i8::try_from(number).ok())
    };
    let colon = |at: usize| whole.as_bytes().get(at) == Some(&b':');
    let second = match (whole.len(), fraction) {
        (5, None) => 0,
        (8, _) if colon(5) => part(6..8)?,
        _ => return None,
    };
    let nanosecond = match fraction {
        None => 0,
        Some(fraction) if (1..=9).contains(&fraction.len()) => {
            let scale = 10_i32.pow(9 - u32::try_from(fraction.len()).ok()?);
            i32::try_from(digits(fraction.as_bytes())?).ok()? * scale
        }
        Some(_) => return None,
    };
    if !colon(2) {
        return None;
    }
    let time = civil::Time::new(part(0..2)?, part(3..5)?, second, nanosecond).ok()?;
    let complete = if whole.len() == 5 { format!("{text}:00") } else { text.to_owned() };
    Some((complete, time))
}

/// `+05:30`, at most 18 hours.
fn parse_offset(text: &str) -> Option<Offset> {
    let [sign, h0, h1, b':', m0, m1] = text.as_bytes() else {
        return None;
    };
    let hours = digits(&[*h0, *h1])?;
    let minutes = digits(&[*m0, *m1])?;
    if minutes > 59 || hours * 60 + minutes > 18 * 60 {
        return None;
    }
    let seconds = i32::try_from((hours * 60 + minutes) * 60).ok()?;
    Offset::from_seconds(if *sign == b'-' { -seconds } else { seconds }).ok()
}

fn digits(text: &[u8]) -> Option<u32> {
    let digit = |sum: u32, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'));
    text.iter().try_fold(0, digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::zone;

    #[test]
    fn dates_and_times_are_completed_to_rfc_3339() {
        for (given, text) in [
            ("2026-12-30T14:00", "2026-12-30T14:00:00"),
            ("2026-12-30T14:00:05", "2026-12-30T14:00:05"),
            ("2026-12-30 14:00", "2026-12-30T14:00:00"),
            ("2026-12-30t14:00z", "2026-12-30T14:00:00Z"),
            ("2026-12-30T14:00:00.5", "2026-12-30T14:00:00.5"),
            ("2026-12-30T14:00:00.123456789Z", "2026-12-30T14:00:00.123456789Z"),
            ("2026-12-30T14:00+05:30", "2026-12-30T14:00:00+05:30"),
            ("2026-12-30T14:00:00-00:00", "2026-12-30T14:00:00-00:00"),
            ("2028-02-29T00:00:00-18:00", "2028-02-29T00:00:00-18:00"),
        ] {
            let moment = Moment::parse(given).unwrap_or_else(|error| panic!("{given}: {error}"));
            assert_eq!(moment.text, text);
        }
    }

    #[test]
    fn an_offset_fixes_the_instant_and_fractions_count() {
        for (given, instant) in [
            ("2026-12-30T14:00:00+05:30", "2026-12-30T08:30:00Z"),
            ("2026-12-30T14:00:00-08:00", "2026-12-30T22:00:00Z"),
            ("2026-12-30T14:00:00.25Z", "2026-12-30T14:00:00.25Z"),
        ] {
            let fixed = Moment::parse(given).unwrap().fixed();
            assert_eq!(fixed, Some(instant.parse().unwrap()), "{given}");
        }
        assert_eq!(Moment::parse("2026-12-30T14:00").unwrap().fixed(), None);
    }

    #[test]
    fn what_is_no_date_and_time_is_refused() {
        for bad in [
            "",
            "T",
            "now",
            "2026-12-30",
            "14:00",
            "2026-12-30T",
            "2026-12-30T14",
            "2026-12-30T14:0",
            "2026-12-30T14:00:",
            "2026-12-30T14:00:0",
            "2026-12-30T14:00:00.",
            "2026-12-30T14:00.5",
            "2026-12-30T14:00:00,5",
            "2026-12-30T14:00:00.1234567890",
            "2026-12-30T24:00:00",
            "2026-12-30T14:60:00",
            "2026-12-30T14:00:60",
            "2026-02-29T14:00:00",
            "2026-13-01T14:00:00",
            "2026-00-10T14:00:00",
            "26-12-30T14:00:00",
            "+2026-12-30T14:00:00",
            "20261230T140000",
            "2026-12-30T14:00:00+0530",
            "2026-12-30T14:00:00+05",
            "2026-12-30T14:00:00+05:60",
            "2026-12-30T14:00:00+19:00",
            "2026-12-30T14:00:00ZZ",
            "2026-12-30T14:00:00 Z",
            "2026-12-30T14:00:00[Europe/Berlin]",
            "2026-12-30T١٤:00:00",
            "30/12/2026 14:00",
            "Wed, 30 Dec 2026 14:00:00 GMT",
            "1798639200",
            "1600-12-31T23:59:59Z",
            "2201-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "0000-00-00T00:00:00Z",
        ] {
            assert!(Moment::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn dates_exist_and_are_in_our_years() {
        for good in ["1601-01-01", "1948-03-02", "1969-12-31", "2028-02-29", "2200-12-31"] {
            assert_eq!(parse_date(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "2027-02-29",
            "2027-2-1",
            "27-02-01",
            "20270201",
            "2027-02-01T00:00:00",
            "1600-12-31",
            "2201-01-01",
            "2027-02-0x",
            " 2027-02-01",
            "２０２７-02",
        ] {
            assert!(parse_date(bad).is_err(), "{bad:?}");
        }
        let sentence = parse_date("1600-12-31").unwrap_err();
        assert_eq!(sentence, "must be in the years 1601 to 2200");
    }

    #[test]
    fn the_day_after_the_last_day_of_our_years_is_an_end() {
        for good in ["1601-01-01", "2200-12-31", "2201-01-01"] {
            assert_eq!(parse_day_after(good).unwrap().to_string(), good);
        }
        for bad in ["1600-12-31", "2201-01-02", "2201-02-29", ""] {
            assert!(parse_day_after(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn gaps_are_read_with_the_offset_before_and_folds_as_the_first() {
        for (zone, local, instant) in [
            // New York skips 02:00–03:00 on 14 March 2027 …
            ("America/New_York", "2027-03-14T01:59:59", "2027-03-14T06:59:59Z"),
            ("America/New_York", "2027-03-14T02:30:00", "2027-03-14T07:30:00Z"),
            ("America/New_York", "2027-03-14T03:00:00", "2027-03-14T07:00:00Z"),
            // … and shows 01:00–02:00 twice on 7 November.
            ("America/New_York", "2027-11-07T01:30:00", "2027-11-07T05:30:00Z"),
            ("America/New_York", "2027-11-07T02:00:00", "2027-11-07T07:00:00Z"),
            // Lord Howe moves by half an hour.
            ("Australia/Lord_Howe", "2027-10-03T02:15:00", "2027-10-02T15:45:00Z"),
            ("Australia/Lord_Howe", "2027-04-04T01:45:00", "2027-04-03T14:45:00Z"),
            // Fourteen hours ahead; five and a half; none.
            ("Pacific/Kiritimati", "2027-01-01T00:00:00", "2026-12-31T10:00:00Z"),
            ("Asia/Kolkata", "2026-12-30T14:00:00", "2026-12-30T08:30:00Z"),
            // Local mean time, before there were zones: its offsets have seconds.
            ("Europe/Berlin", "1890-06-01T12:00:00", "1890-06-01T11:06:32Z"),
            ("America/New_York", "1601-01-01T00:00:00", "1601-01-01T04:56:02Z"),
            ("Europe/Berlin", "2200-07-01T00:00:00", "2200-06-30T22:00:00Z"),
            ("UTC", "2026-12-30T14:00:00", "2026-12-30T14:00:00Z"),
        ] {
            let rules = zone::find(zone).unwrap().rules;
            let moment = Moment::parse(local).unwrap();
            assert_eq!(moment.instant(&rules).unwrap(), instant.parse().unwrap(), "{local} in {zone}");
        }
    }
}
