//! When an event is: both forms of saying it, made into Google's.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value};

use super::date_time::{Moment, parse_date, parse_day_after};
use super::problems::{Path, Problems};
use super::zone::{self, Named, Zone};
use crate::field::FieldCode;
use crate::warning::WarningCode;

/// When the first (or only) occurrence is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// From one instant to another; the day is the start's, on the wall.
    Timed { start: Timestamp, day: Date, end: Timestamp },
    /// From one day to another, which is no longer part of it.
    AllDay { start: Date, end: Date },
}

impl Times {
    /// Whether the event is all of one day.
    pub(super) fn is_one_day(&self) -> bool {
        matches!(self, Self::AllDay { start, end } if start.tomorrow().is_ok_and(|next| next == *end))
    }

    /// When it is over, wherever on Earth the calendar is.
    pub(super) fn over(&self) -> Timestamp {
        match self {
            Self::Timed { end, .. } => *end,
            // The last place where a day ends is twelve hours behind UTC.
            Self::AllDay { end, .. } => TimeZone::UTC
                .to_timestamp(end.at(12, 0, 0, 0))
                .expect("a year until 2200 is within jiff's range"),
        }
    }
}

/// Whether the event repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    /// It happens once.
    Never,
    /// It has recurrence lines.
    Yes,
}

/// Takes the times out of `event` in whichever form they are, checks them, and puts them back in
/// Google's. `None` when something about them is wrong; then it has been reported.
pub(super) fn settle(
    event: &mut Map<String, Value>,
    repeats: Repeats,
    problems: &mut Problems,
) -> Option<Times> {
    let shared = take_text(event, "timeZone").and_then(|text| {
        let at = Path::root().key("timeZone");
        named_zone(&text, &at, problems)
    });
    let flat = event.contains_key("startDateTime") || event.contains_key("endDateTime");
    let mut side = |google, other| Side::take(event, google, other, shared.as_ref(), flat, problems);
    let start = side("start", "startDateTime");
    let end = side("end", "endDateTime");
    let (mut start, mut end) = (start?, end?);
    share_zone(&mut start, &mut end);
    end_the_day(&start, &mut end, problems);
    let times = compare(&start, &end, repeats, problems)?;
    event.insert("start".to_owned(), start.resource());
    event.insert("end".to_owned(), end.resource());
    Some(times)
}

/// One end of the event.
struct Side {
    /// The field to complain about.
    field: &'static str,
    /// The field that would hold its zone.
    zone_field: &'static str,
    when: When,
    zone: Option<Zone>,
}

enum When {
    Day(Date),
    Moment(Moment),
}

impl Side {
    fn take(
        event: &mut Map<String, Value>,
        google: &'static str,
        flat: &'static str,
        shared: Option<&Zone>,
        prefer_flat: bool,
        problems: &mut Problems,
    ) -> Option<Self> {
        let in_google = event.remove(google);
        let in_flat = take_text(event, flat);
        match (in_google, in_flat) {
            (Some(_), Some(_)) => {
                let message = format!("`{google}` and `{flat}` say the same thing; send one of them");
                problems.add(flat, FieldCode::Conflict, message);
                None
            }
            (Some(Value::Object(object)), None) => Self::from_google(object, google, shared, problems),
            (None, Some(text)) => {
                let when = moment(&text, &Path::root().key(flat), problems)?;
                let zone_field = "timeZone";
                Some(Self { field: flat, zone_field, when: When::Moment(when), zone: shared.cloned() })
            }
            (Some(_) | None, None) => {
                if !problems.concern(google) && !problems.concern(flat) {
                    let missing = if prefer_flat { flat } else { google };
                    let message = format!("an event needs `{google}` (or `{flat}`)");
                    problems.add(missing, FieldCode::Required, message);
                }
                None
            }
        }
    }

    fn from_google(
        mut object: Map<String, Value>,
        field: &'static str,
        shared: Option<&Zone>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let at = Path::root().key(field);
        let zone = match take_text(&mut object, "timeZone") {
            Some(text) => named_zone(&text, &at.key("timeZone"), problems),
            None => shared.cloned(),
        };
        let day = take_text(&mut object, "date");
        let moment_text = take_text(&mut object, "dateTime");
        let when = match (day, moment_text) {
            (Some(_), Some(_)) => {
                let message = format!("{at} has both `date` and `dateTime`; send one of them");
                problems.add(at.key("date"), FieldCode::Conflict, message);
                return None;
            }
            (Some(day), None) => {
                match if field == "end" { parse_day_after(&day) } else { parse_date(&day) } {
                    Ok(day) => When::Day(day),
                    Err(wrong) => {
                        let at = at.key("date");
                        problems.add(&at, FieldCode::InvalidDate, format!("{at} {wrong}"));
                        return None;
                    }
                }
            }
            (None, Some(text)) => When::Moment(moment(&text, &at.key("dateTime"), problems)?),
            (None, None) => {
                if !problems.concern(field) {
                    let message = format!("{at} needs a `dateTime`, or a `date` for all day");
                    problems.add(&at, FieldCode::Required, message);
                }
                return None;
            }
        };
        let zone_field = if field == "start" { "start.timeZone" } else { "end.timeZone" };
        Some(Self { field, zone_field, when, zone })
    }

    /// The instant of a moment, which needs an offset or a zone.
    fn instant(&self, moment: &Moment, repeats: Repeats, problems: &mut Problems) -> Option<Timestamp> {
        match (&self.zone, moment.offset, repeats) {
            (None, None, _) => self.zone_missing("a time without an offset needs a time zone", problems),
            (None, Some(_), Repeats::Yes) => self.zone_missing(
                "a recurring event needs a time zone to repeat in, even where its times have offsets",
                problems,
            ),
            (zone, _, _) => {
                let utc = TimeZone::UTC;
                let rules = zone.as_ref().map_or(&utc, |zone| &zone.rules);
                Some(moment.instant(rules).expect("a year until 2200 is within jiff's range"))
            }
        }
    }

    fn zone_missing(&self, why: &str, problems: &mut Problems) -> Option<Timestamp> {
        // A zone that was given and is wrong has been reported as wrong, not as missing; and as one
        // zone serves both sides, it is missing once.
        if !["timeZone", "start.timeZone", "end.timeZone"].iter().any(|field| problems.concern(field)) {
            let message = format!("{why}: send {}, such as `Europe/Berlin`", self.zone_field);
            problems.add(self.zone_field, FieldCode::Required, message);
        }
        None
    }

    /// As Google takes it. A time with an offset and no zone stays without one: Google then shows it
    /// in the calendar's own. A `timeZone` in a single event is a custom zone, which guests see and
    /// which the event keeps when it is moved (Google's discovery document, `EventDateTime`;
    /// raycast/extensions#17831).
    fn resource(self) -> Value {
        let (name, text) = match self.when {
            When::Day(day) => ("date", day.to_string()),
            When::Moment(moment) => ("dateTime", moment.text),
        };
        let mut object = Map::new();
        object.insert(name.to_owned(), text.into());
        if let Some(zone) = self.zone {
            object.insert("timeZone".to_owned(), zone.name.into());
        }
        Value::Object(object)
    }
}

/// A zone that is named for one time is meant for both. Days have no use for one.
fn share_zone(start: &mut Side, end: &mut Side) {
    let timed = |side: &Side| matches!(side.when, When::Moment(_));
    if timed(start) && timed(end) {
        let named = start.zone.clone().or_else(|| end.zone.clone());
        let other = end.zone.clone().or_else(|| start.zone.clone());
        (start.zone, end.zone) = (named, other);
    }
}

/// Makes one whole day of an all-day event that ends on the day on which it begins. Google holds such
/// events (allenporter/gcal_sync#225), and their makers mean one day.
fn end_the_day(start: &Side, end: &mut Side, problems: &mut Problems) {
    if let (When::Day(first), When::Day(after)) = (&start.when, &mut end.when)
        && first == after
    {
        *after = first.saturating_add(1.day());
        problems.warn("end.date", WarningCode::OneDay);
    }
}

fn compare(start: &Side, end: &Side, repeats: Repeats, problems: &mut Problems) -> Option<Times> {
    match (&start.when, &end.when) {
        (When::Day(first), When::Day(after)) => {
            if after > first {
                return Some(Times::AllDay { start: *first, end: *after });
            }
            let next = first.saturating_add(1.day());
            let message = format!(
                "{} is the first day that is no longer part of the event: \
                 for one day from {first} it is {next}",
                end.field
            );
            problems.add(end.field, FieldCode::TimeRangeEmpty, message);
            None
        }
        (When::Moment(from), When::Moment(to)) => {
            let instants = (start.instant(from, repeats, problems), end.instant(to, repeats, problems));
            let (Some(first), Some(last)) = instants else {
                return None;
            };
            if last < first {
                let message = format!("{} is before {}", end.field, start.field);
                problems.add(end.field, FieldCode::TimeRangeEmpty, message);
                return None;
            }
            Some(Times::Timed { start: first, day: from.local.date(), end: last })
        }
        (When::Day(_), When::Moment(_)) | (When::Moment(_), When::Day(_)) => {
            let message =
                format!("{} and {} must both be a date, or both a date and time", start.field, end.field);
            problems.add(end.field, FieldCode::Conflict, message);
            None
        }
    }
}

fn moment(text: &str, at: &Path, problems: &mut Problems) -> Option<Moment> {
    Moment::parse(text)
        .map_err(|wrong| {
            problems.add(at, FieldCode::InvalidDateTime, format!("{at} {wrong}"));
        })
        .ok()
}

fn named_zone(text: &str, at: &Path, problems: &mut Problems) -> Option<Zone> {
    let zone =
        zone::find(text).map_err(|sentence| problems.add(at, FieldCode::InvalidTimeZone, sentence)).ok()?;
    match zone.named {
        Named::ByIana => {}
        Named::ByWindows => problems.warn(at, WarningCode::WindowsZone),
    }
    Some(zone)
}

fn take_text(object: &mut Map<String, Value>, name: &str) -> Option<String> {
    match object.remove(name)? {
        Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
