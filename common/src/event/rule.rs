//! One recurrence rule, the part after `RRULE:`. Nothing here expands a rule.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use rrule::{RRuleError, RRuleSet, ValidationError};

use super::times::Times;

/// The parts of a rule (RFC 5545 §3.3.10).
const PARTS: &[&str] = &[
    "FREQ",
    "UNTIL",
    "COUNT",
    "INTERVAL",
    "BYSECOND",
    "BYMINUTE",
    "BYHOUR",
    "BYDAY",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYMONTH",
    "BYSETPOS",
    "WKST",
];
const FREQUENCIES: &[&str] = &["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"];
const DAYS: &[&str] = &["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// Checks a rule, in capitals. The error is a whole sentence without its first word's capital.
pub(super) fn check(rule: &str, times: &Times) -> Result<(), String> {
    let mut parts: Vec<(&str, &str)> = Vec::new();
    for part in rule.split(';') {
        let (name, value) = part
            .split_once('=')
            .filter(|(_, value)| !value.is_empty())
            .ok_or("a rule is a list of NAME=VALUE with `;` between them, such as FREQ=WEEKLY;BYDAY=MO")?;
        if !PARTS.contains(&name) {
            return Err(format!("a rule has no part `{name}`"));
        }
        if parts.iter().any(|(known, _)| *known == name) {
            return Err(format!("{name} appears twice in one rule"));
        }
        parts.push((name, value));
    }
    let value = |name: &str| parts.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let frequency = value("FREQ").ok_or("a rule needs FREQ, such as FREQ=WEEKLY")?;
    if !FREQUENCIES.contains(&frequency) {
        return Err(format!("FREQ must be one of: {}", FREQUENCIES.join(", ")));
    }
    if value("UNTIL").is_some() && value("COUNT").is_some() {
        return Err("a rule has COUNT or UNTIL, not both".to_owned());
    }
    for (name, value) in &parts {
        check_part(name, value, frequency)?;
    }
    if let Some(until) = value("UNTIL") {
        check_until(until, times)?;
    }
    check_by_library(&parts, times)
}

/// What the library reads too generously.
fn check_part(name: &str, value: &str, frequency: &str) -> Result<(), String> {
    match name {
        "COUNT" | "INTERVAL" if !is_count(value) => {
            Err(format!("{name} must be a number from 1 to {}", u16::MAX))
        }
        "WKST" if !DAYS.contains(&value) => Err(format!("WKST is one of: {}", DAYS.join(", "))),
        "BYDAY" => value.split(',').try_for_each(|day| check_day(day, frequency)),
        "BYMONTHDAY" | "BYYEARDAY" | "BYWEEKNO" | "BYSETPOS"
            if value.split(',').any(|number| number.parse() == Ok(0_i32)) =>
        {
            Err(format!("{name} counts from 1, or from -1 backwards; it has no 0"))
        }
        _ => Ok(()),
    }
}

fn is_count(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit()) && value.parse::<u16>().is_ok_and(|number| number > 0)
}

/// `MO`, `2MO`, `-1FR`.
fn check_day(text: &str, frequency: &str) -> Result<(), String> {
    let wrong = || {
        "BYDAY is a list of MO, TU, WE, TH, FR, SA, SU, each with a number in front at most, \
         such as 2MO or -1FR"
            .to_owned()
    };
    let (number, day) =
        text.len().checked_sub(2).and_then(|at| text.split_at_checked(at)).ok_or_else(wrong)?;
    if !DAYS.contains(&day) {
        return Err(wrong());
    }
    if number.is_empty() {
        return Ok(());
    }
    let numbered = number.parse::<i16>().is_ok_and(|number| (1..=53).contains(&number.unsigned_abs()));
    if !numbered {
        return Err(wrong());
    }
    if frequency == "MONTHLY" || frequency == "YEARLY" {
        Ok(())
    } else {
        Err(format!("BYDAY has no numbers with FREQ={frequency}, only with MONTHLY and YEARLY"))
    }
}

/// `UNTIL` is a date, or a time in UTC, and not before the start.
fn check_until(text: &str, times: &Times) -> Result<(), String> {
    let too_early = || "UNTIL is before the event's start, so it would never happen".to_owned();
    match (IcalTime::parse(text), times) {
        (Some(IcalTime::Utc(until)), Times::Timed { start, .. }) if until < *start => Err(too_early()),
        (Some(IcalTime::Day(until)), Times::Timed { day: start, .. })
        | (Some(IcalTime::Day(until)), Times::AllDay { start, .. })
            if until < *start =>
        {
            Err(too_early())
        }
        (Some(IcalTime::Utc(until)), Times::AllDay { start, .. })
            if TimeZone::UTC.to_datetime(until).date() < *start =>
        {
            Err(too_early())
        }
        (Some(IcalTime::Utc(_) | IcalTime::Day(_)), _) => Ok(()),
        (Some(IcalTime::Local), _) => {
            Err("UNTIL must be in UTC, with a Z at its end, or a date: 20271231T235959Z or 20271231"
                .to_owned())
        }
        (None, _) => {
            Err("UNTIL must be a date or a time in UTC that exists: 20271231 or 20271231T235959Z".to_owned())
        }
    }
}

/// The ranges of every part, and which go together.
fn check_by_library(parts: &[(&str, &str)], times: &Times) -> Result<(), String> {
    let start = match times {
        Times::Timed { start, .. } => TimeZone::UTC.to_datetime(*start),
        Times::AllDay { start, .. } => start.at(0, 0, 0, 0),
    };
    let rule: Vec<String> = parts
        .iter()
        .filter(|(name, _)| *name != "UNTIL")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let text = format!("DTSTART:{}\nRRULE:{}", start.strftime("%Y%m%dT%H%M%SZ"), rule.join(";"));
    let Err(error) = text.parse::<RRuleSet>() else {
        return Ok(());
    };
    if let RRuleError::ValidationError(ValidationError::InvalidByRuleAndFrequency { by_rule, freq }) = &error
    {
        return Err(format!("{by_rule} does not go with FREQ={freq}"));
    }
    let culprit = parts.iter().map(|(name, _)| *name).filter(|name| *name != "FREQ").find(|name| {
        error.to_string().contains(&format!("{name} ")) || error.to_string().contains(&format!("`{name}`"))
    });
    Err(match culprit {
        Some(name) => format!("{name} is not a list of values that it can have with this FREQ"),
        None => "this is not a rule that RFC 5545 allows".to_owned(),
    })
}

/// A date or time as iCalendar writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IcalTime {
    /// `20271231`
    Day(Date),
    /// `20271231T235959Z`
    Utc(Timestamp),
    /// `20271231T235959`, in a zone that is named elsewhere.
    Local,
}

impl IcalTime {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| {
            let digits = text.get(range)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i16>().ok()).flatten()
        };
        let small = |range| number(range).and_then(|number| i8::try_from(number).ok());
        let day = Date::new(number(0..4)?, small(4..6)?, small(6..8)?).ok()?;
        let time = || civil::Time::new(small(9..11)?, small(11..13)?, small(13..15)?, 0).ok();
        match (text.len(), text.as_bytes().get(8), text.as_bytes().get(15)) {
            (8, None, None) => Some(Self::Day(day)),
            (15, Some(b'T'), None) => time().map(|_| Self::Local),
            (16, Some(b'T'), Some(b'Z')) => {
                TimeZone::UTC.to_timestamp(day.to_datetime(time()?)).ok().map(Self::Utc)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
