//! Recurrence: checking rules, and the instances they make. Rules run on wall-clock time, which is handed to the rule
//! engine as if it were UTC and given its zone afterwards, so that 09:00 stays 09:00 over a change of clocks.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::moment::{basic_date, moment};
use super::refusal::field::RULE;
use super::rule::{self, Start};
use super::zone;
use crate::api_error::ApiError;
use crate::calendar::Calendar;
use crate::event::{Event, When};

/// Instances looked at before giving up on a rule.
const LOOKED_AT: usize = 5_000;

/// Refuses lines that are no rules, in Google's words.
pub(super) fn check(lines: &[Value], start: &When, calendar: &TimeZone) -> Result<(), ApiError> {
    let (zone, at) = wall_clock(start, calendar);
    let start = Start { at, zone: &zone, all_day: start.is_date() };
    for line in lines {
        let line = line.as_str().ok_or_else(|| ApiError::of("badRequest"))?;
        Line::read(line, start).ok_or(RULE)?;
    }
    Ok(())
}

enum Line {
    Rule(String),
    ExRule(String),
    Dates(Vec<DateTime>),
    ExDates(Vec<DateTime>),
}

impl Line {
    fn read(line: &str, start: Start<'_>) -> Option<Self> {
        let (head, value) = line.split_once(':')?;
        let (name, parameters) = match head.split_once(';') {
            Some((name, parameters)) => (name, Some(parameters)),
            None => (head, None),
        };
        match (name.to_ascii_uppercase().as_str(), parameters) {
            ("RRULE", None) => Some(Self::Rule(rule::read(value, start)?)),
            ("EXRULE", None) => Some(Self::ExRule(rule::read(value, start)?)),
            ("RDATE", _) => Some(Self::Dates(dates(parameters, value, start)?)),
            ("EXDATE", _) => Some(Self::ExDates(dates(parameters, value, start)?)),
            _ => None,
        }
    }
}

/// Days for an event of days, times for one of times. (RFC 5545 wants it so; what Google does with others is uncertain.)
fn dates(parameters: Option<&str>, value: &str, start: Start<'_>) -> Option<Vec<DateTime>> {
    let mut source = start.zone.clone();
    for parameter in parameters.into_iter().flat_map(|all| all.split(';')) {
        let (name, value) = parameter.split_once('=')?;
        if name.eq_ignore_ascii_case("TZID") {
            source = zone::known(value)?;
        }
    }
    let one = |text: &str| match start.all_day {
        true => basic_date(text).map(|date| date.at(0, 0, 0, 0)),
        false => moment(text, &source, start.zone),
    };
    // A period counts by its beginning.
    value.split(',').map(|text| one(text.split('/').next().unwrap_or(text))).collect()
}

/// The zone a start is in, and its wall clock there.
fn wall_clock(start: &When, calendar: &TimeZone) -> (TimeZone, DateTime) {
    match start {
        When::Date(date) => (calendar.clone(), date.at(0, 0, 0, 0)),
        When::At(at, attached) => {
            let zone = attached
                .as_deref()
                .and_then(|name| TimeZone::get(name).ok())
                .unwrap_or_else(|| calendar.clone());
            let clock = at.to_zoned(zone.clone()).datetime();
            (zone, clock)
        }
    }
}

/// When the instances begin, in order, up to `before`.
pub(crate) fn starts(event: &Event, calendar: &TimeZone, before: Timestamp) -> Vec<Timestamp> {
    let (zone, first) = wall_clock(&event.start, calendar);
    let start = Start { at: first, zone: &zone, all_day: event.start.is_date() };
    let lines = event.fields.get("recurrence").and_then(Value::as_array);
    let mut clocks = BTreeSet::from([first]);
    let mut removed = BTreeSet::new();
    let latest = before.to_zoned(zone.clone()).datetime();
    let lines = lines.into_iter().flatten().filter_map(Value::as_str);
    for line in lines.filter_map(|line| Line::read(line, start)) {
        match line {
            Line::Rule(rule) => clocks.extend(run(&rule, first, latest)),
            Line::ExRule(rule) => removed.extend(run(&rule, first, latest)),
            Line::Dates(dates) => clocks.extend(dates),
            Line::ExDates(dates) => removed.extend(dates),
        }
    }
    clocks
        .difference(&removed)
        .filter_map(|clock| clock.to_zoned(zone.clone()).ok())
        .map(|zoned| zoned.timestamp())
        .filter(|at| *at < before)
        .collect()
}

fn run(rule: &str, first: DateTime, latest: DateTime) -> Vec<DateTime> {
    let Some(set) = rule::set(rule, first) else {
        return Vec::new();
    };
    let clock = |seconds: i64| Timestamp::from_second(seconds).ok().map(wall);
    // `limit`, for a rule such as "every 30th of February" would be looked at for ever.
    set.limit()
        .into_iter()
        .take(LOOKED_AT)
        .map_while(|at| clock(at.timestamp()))
        .take_while(|at| *at <= latest)
        .collect()
}

fn wall(at: Timestamp) -> DateTime {
    TimeZone::UTC.to_datetime(at)
}

/// Whether any instance lies, even partly, between the two (both exclusive).
pub(super) fn overlaps(
    event: &Event,
    calendar: &TimeZone,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
) -> bool {
    let length = event.ends(calendar).duration_since(event.starts(calendar));
    starts(event, calendar, before.unwrap_or(Timestamp::MAX))
        .into_iter()
        .any(|at| after.is_none_or(|after| ends(at, length) > after))
}

fn ends(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.checked_add(length).unwrap_or(Timestamp::MAX)
}

/// `<masterId>_<YYYYMMDD>` for whole days, `<masterId>_<YYYYMMDDTHHMMSSZ>` otherwise.
pub(super) fn instance_id(master: &Event, start: &When) -> String {
    let stamp = match start {
        When::Date(date) => date.strftime("%Y%m%d").to_string(),
        When::At(at, _) => at.strftime("%Y%m%dT%H%M%SZ").to_string(),
    };
    format!("{}_{stamp}", master.id)
}

/// The recurring event and the start that an instance's id names, if there is such an instance.
pub(super) fn instance(calendar: &Calendar, id: &str) -> Option<(Arc<Event>, Timestamp)> {
    let (master, stamp) = id.rsplit_once('_')?;
    let master = calendar.get(master).filter(|event| event.is_recurring())?;
    let clock = match stamp.len() {
        8 => basic_date(stamp)?.to_zoned(calendar.zone.clone()).ok()?,
        _ => moment(stamp, &TimeZone::UTC, &TimeZone::UTC)?.to_zoned(TimeZone::UTC).ok()?,
    };
    let at = clock.timestamp();
    let next = at.checked_add(SignedDuration::from_secs(1)).ok()?;
    starts(master, &calendar.zone, next).contains(&at).then(|| (Arc::clone(master), at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn start() -> When {
        When::At("2026-10-23T07:00:00Z".parse().unwrap(), Some("Europe/Berlin".to_owned()))
    }

    fn is_valid(line: &str) -> bool {
        check(&[json!(line)], &start(), &TimeZone::UTC).is_ok()
    }

    #[test]
    fn real_rules_pass_and_nonsense_does_not() {
        for good in [
            "RRULE:FREQ=WEEKLY;UNTIL=20271231T225959Z;BYDAY=MO,WE",
            "RRULE:FREQ=DAILY;UNTIL=20271231",
            "RRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=5",
            "EXDATE;TZID=Europe/Berlin:20261024T090000,20261025T090000",
            "RDATE;VALUE=DATE-TIME:20270101T090000Z",
            "EXRULE:FREQ=WEEKLY;COUNT=2",
        ] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "",
            "FREQ=DAILY",
            "RRULE:",
            "RRULE:FREQ=SOMETIMES",
            "RRULE:FREQ=DAILY;COUNT=x",
            "DTSTART:20261023T090000Z",
            "EXDATE:tomorrow",
            "RDATE;TZID=Nowhere:20270101T000000",
            "RRULE:FREQ=DAILY;UNTIL=soon",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }

    #[test]
    fn a_rule_that_never_comes_true_ends() {
        let mut event = crate::event::tests::event("abcde", start(), start());
        let rule = "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30";
        event.fields.insert("recurrence".to_owned(), json!([rule]));
        assert_eq!(starts(&event, &TimeZone::UTC, Timestamp::MAX).len(), 1);
    }

    #[test]
    fn nine_oclock_stays_nine_oclock_when_the_clocks_change() {
        let mut event = crate::event::tests::event("abcde", start(), start());
        event.fields.insert(
            "recurrence".to_owned(),
            json!(["RRULE:FREQ=DAILY;COUNT=5", "EXDATE;TZID=Europe/Berlin:20261024T090000"]),
        );
        let starts = starts(&event, &TimeZone::UTC, Timestamp::MAX);
        let shown: Vec<_> = starts.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["2026-10-23T07:00:00Z", "2026-10-25T08:00:00Z", "2026-10-26T08:00:00Z", "2026-10-27T08:00:00Z"]
        );
    }
}
