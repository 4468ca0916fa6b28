//! One recurrence rule, the part after `RRULE:`. Nothing here expands a rule.

use std::fmt;

use jiff::civil::{self, Date};
use jiff::tz::TimeZone;
use rrule::{RRuleError, RRuleSet, ValidationError};

use super::limits;
use super::problems::quoted;
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

/// A rule that has been checked, in capitals.
#[derive(Debug)]
pub(super) struct Rule {
    parts: Vec<(String, String)>,
}

impl Rule {
    /// Reads a rule. Blanks around its parts do not count, nor do empty parts: n8n's node for Google
    /// Calendar writes `FREQ=DAILY;COUNT=5;`, which Google takes and has written itself (libical#191).
    ///
    /// The error is a whole sentence without its first word's capital.
    pub(super) fn read(rule: &str, times: &Times) -> Result<Self, String> {
        let mut parts: Vec<(String, String)> = Vec::new();
        for part in rule.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            // The library counts in bytes, and panics inside a character that has several.
            let (name, value) = part.split_once('=').map(|(name, value)| (tidy(name), tidy(value))).unzip();
            let (Some(name), Some(value)) = (name, value.filter(|value| !value.is_empty())) else {
                return Err(FORM.to_owned());
            };
            if !name.is_ascii() || !value.is_ascii() {
                return Err("a rule is written in plain letters, digits and signs".to_owned());
            }
            if !PARTS.contains(&name.as_str()) {
                return Err(format!("a rule has no part `{}`", quoted(&name)));
            }
            if parts.iter().any(|(known, _)| *known == name) {
                return Err(format!("{name} appears twice in one rule"));
            }
            parts.push((name, value));
        }
        if parts.is_empty() {
            return Err(FORM.to_owned());
        }
        let rule = Self { parts };
        rule.check(times)?;
        Ok(rule)
    }

    /// All parts, those that Google does not get among them.
    pub(super) fn said(&self) -> String {
        written(&self.parts, |_| true)
    }

    /// Whether its `UNTIL` means that there is no end. Exchange writes 9999-12-31, Outlook 4000-12-31;
    /// no event may be in any year after ours.
    pub(super) fn is_endless(&self) -> bool {
        self.value("UNTIL")
            .and_then(IcalTime::parse)
            .is_some_and(|until| until.day().year() > *limits::YEARS.end())
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.parts.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn check(&self, times: &Times) -> Result<(), String> {
        let frequency = self.value("FREQ").ok_or("a rule needs FREQ, such as FREQ=WEEKLY")?;
        if !FREQUENCIES.contains(&frequency) {
            return Err(format!("FREQ must be one of: {}", FREQUENCIES.join(", ")));
        }
        if self.value("UNTIL").is_some() && self.value("COUNT").is_some() {
            return Err("a rule has COUNT or UNTIL, not both".to_owned());
        }
        for (name, value) in &self.parts {
            check_part(name, value, frequency)?;
        }
        if let Some(until) = self.value("UNTIL").filter(|_| !self.is_endless()) {
            check_until(until, times)?;
        }
        self.check_by_library(times)
    }

    /// The ranges of every part, and which go together.
    fn check_by_library(&self, times: &Times) -> Result<(), String> {
        let start = match times {
            Times::Timed { start, .. } => TimeZone::UTC.to_datetime(*start),
            Times::AllDay { start, .. } => start.at(0, 0, 0, 0),
        };
        let rule = written(&self.parts, |name| name != "UNTIL");
        let text = format!("DTSTART:{}\nRRULE:{rule}", start.strftime("%Y%m%dT%H%M%SZ"));
        let Err(error) = text.parse::<RRuleSet>() else {
            return Ok(());
        };
        if let RRuleError::ValidationError(ValidationError::InvalidByRuleAndFrequency { by_rule, freq }) =
            &error
        {
            return Err(format!("{by_rule} does not go with FREQ={freq}"));
        }
        let error = error.to_string();
        let culprit = self
            .parts
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| *name != "FREQ")
            .find(|name| error.contains(&format!("{name} ")) || error.contains(&format!("`{name}`")));
        Err(match culprit {
            Some(name) => format!("{name} is not a list of values that it can have with this FREQ"),
            None => "this is not a rule that RFC 5545 allows".to_owned(),
        })
    }
}

/// As Google takes it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endless = self.is_endless();
        f.write_str(&written(&self.parts, |name| !(endless && name == "UNTIL")))
    }
}

const FORM: &str = "a rule is a list of NAME=VALUE with `;` between them, such as FREQ=WEEKLY;BYDAY=MO";

/// A name or a list of values in capitals, without blanks around them.
fn tidy(text: &str) -> String {
    let values: Vec<&str> = text.split(',').map(str::trim).collect();
    values.join(",").to_ascii_uppercase()
}

fn written(parts: &[(String, String)], wanted: impl Fn(&str) -> bool) -> String {
    let parts: Vec<String> = parts
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    parts.join(";")
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
        (Some(IcalTime::Utc(until)), Times::Timed { start, .. })
            if until < TimeZone::UTC.to_datetime(*start) =>
        {
            Err(too_early())
        }
        (Some(IcalTime::Day(until)), Times::Timed { day: start, .. })
        | (Some(IcalTime::Day(until)), Times::AllDay { start, .. })
            if until < *start =>
        {
            Err(too_early())
        }
        (Some(IcalTime::Utc(until)), Times::AllDay { start, .. }) if until.date() < *start => {
            Err(too_early())
        }
        (Some(IcalTime::Utc(_) | IcalTime::Day(_)), _) => Ok(()),
        (Some(IcalTime::Local(_)), _) => {
            Err("UNTIL must be in UTC, with a Z at its end, or a date: 20271231T235959Z or 20271231"
                .to_owned())
        }
        (None, _) => {
            Err("UNTIL must be a date or a time in UTC that exists: 20271231 or 20271231T235959Z".to_owned())
        }
    }
}

/// A date or time as iCalendar writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IcalTime {
    /// `20271231`
    Day(Date),
    /// `20271231T235959Z`: the clock of UTC, as the last day of all years is beyond jiff's instants.
    Utc(civil::DateTime),
    /// `20271231T235959`, in a zone that is named elsewhere.
    Local(civil::DateTime),
}

impl IcalTime {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| {
            let digits = text.get(range)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i16>().ok()).flatten()
        };
        let small = |range| number(range).and_then(|number| i8::try_from(number).ok());
        let day = Date::new(number(0..4)?, small(4..6)?, small(6..8)?).ok()?;
        let time = || {
            let time = civil::Time::new(small(9..11)?, small(11..13)?, small(13..15)?, 0).ok()?;
            Some(day.to_datetime(time))
        };
        match (text.len(), text.as_bytes().get(8), text.as_bytes().get(15)) {
            (8, None, None) => Some(Self::Day(day)),
            (15, Some(b'T'), None) => time().map(Self::Local),
            (16, Some(b'T'), Some(b'Z')) => time().map(Self::Utc),
            _ => None,
        }
    }

    /// The day on the clock that it is written by.
    pub(super) fn day(self) -> Date {
        match self {
            Self::Day(day) => day,
            Self::Utc(time) | Self::Local(time) => time.date(),
        }
    }
}

#[cfg(test)]
mod tests;
