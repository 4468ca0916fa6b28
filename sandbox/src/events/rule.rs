//! One recurrence rule, the part after `RRULE:`: what Google takes and what it calls invalid.
//!
//! Empty parts are taken (`FREQ=DAILY;COUNT=5;`). An UNTIL in local time is not (googleapis.dart#223), nor UNTIL beside
//! COUNT (GAS-ICS-Sync#466; uncertain, as that rule's COUNT is -1 and its UNTIL before the start). What RFC 5545 forbids
//! besides is refused here too; whether Google does is uncertain.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rrule::RRuleSet;

use super::moment::{basic_date, moment};

const DAYS: &[&str] = &["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const COUNTED_FROM_ONE: &[&str] = &["BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"];

/// The parts of a rule, in capitals, none of them empty and none twice.
struct Parts(Vec<(String, String)>);

impl Parts {
    fn read(rule: &str) -> Option<Self> {
        // The rule engine counts in bytes.
        if !rule.is_ascii() || rule.contains(char::is_whitespace) {
            return None;
        }
        let mut parts: Vec<(String, String)> = Vec::new();
        for part in rule.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').filter(|(_, value)| !value.is_empty())?;
            let name = name.to_ascii_uppercase();
            if parts.iter().any(|(known, _)| *known == name) {
                return None;
            }
            parts.push((name, value.to_ascii_uppercase()));
        }
        Some(Self(parts))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// When a rule begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start<'a> {
    /// On the wall clock of the zone.
    pub(super) at: DateTime,
    pub(super) zone: &'a TimeZone,
    pub(super) all_day: bool,
}

/// The rule as the engine wants it, with `UNTIL` on the wall clock of the event; nothing where Google sees no rule.
pub(super) fn read(rule: &str, start: Start<'_>) -> Option<String> {
    let parts = Parts::read(rule)?;
    let frequency = parts.get("FREQ")?;
    if parts.get("UNTIL").is_some() && parts.get("COUNT").is_some() {
        return None;
    }
    let mut written = Vec::new();
    for (name, value) in &parts.0 {
        if name == "UNTIL" {
            written.push(format!("UNTIL={}", until(value, start)?.strftime("%Y%m%dT%H%M%SZ")));
        } else if is_part(name, value, frequency) {
            written.push(format!("{name}={value}"));
        } else {
            return None;
        }
    }
    let written = written.join(";");
    set(&written, start.at).map(|_| written)
}

/// What the engine reads too generously.
fn is_part(name: &str, value: &str, frequency: &str) -> bool {
    match name {
        "COUNT" | "INTERVAL" => value.parse::<u32>().is_ok_and(|number| number > 0),
        "WKST" => DAYS.contains(&value),
        "BYDAY" => value.split(',').all(|day| is_day(day, frequency)),
        name if COUNTED_FROM_ONE.contains(&name) => {
            value.split(',').all(|number| number.parse::<i32>().is_ok_and(|number| number != 0))
        }
        _ => true,
    }
}

/// `MO`; in a month or a year also `2MO`, `-1FR`.
fn is_day(text: &str, frequency: &str) -> bool {
    let Some((number, day)) = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    let numbered = || {
        ["MONTHLY", "YEARLY"].contains(&frequency)
            && number.parse::<i16>().is_ok_and(|number| (1..=53).contains(&number.unsigned_abs()))
    };
    DAYS.contains(&day) && (number.is_empty() || numbered())
}

/// The last moment: a date, or a time in UTC, whatever the start is.
fn until(value: &str, start: Start<'_>) -> Option<DateTime> {
    let last = match value.len() {
        8 => basic_date(value)?.at(23, 59, 59, 0),
        _ if start.all_day => utc_day(value)?.at(23, 59, 59, 0),
        _ if value.ends_with('Z') => moment(value, start.zone, start.zone)?,
        _ => return None,
    };
    (last >= start.at).then_some(last)
}

fn utc_day(value: &str) -> Option<Date> {
    value.ends_with('Z').then(|| moment(value, &TimeZone::UTC, &TimeZone::UTC)).flatten().map(DateTime::date)
}

pub(super) fn set(rule: &str, first: DateTime) -> Option<RRuleSet> {
    let start = first.strftime("DTSTART:%Y%m%dT%H%M%SZ");
    format!("{start}\nRRULE:{rule}").parse().ok()
}

/// Whether the lines say "once a year, for ever" and nothing more. The 29th of February may be said as the guide says it.
pub(super) fn is_yearly<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    let lines: Vec<&str> = lines.collect();
    let [line] = lines.as_slice() else {
        return false;
    };
    let rule = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("RRULE"));
    rule.and_then(|(_, rule)| Parts::read(rule)).is_some_and(|parts| {
        parts.0.iter().all(|(name, value)| match name.as_str() {
            "FREQ" => value == "YEARLY",
            "INTERVAL" => value == "1",
            "BYMONTH" | "BYMONTHDAY" | "WKST" => true,
            _ => false,
        })
    })
}
