//! What happens in a week: events and instances, in a zone, cut into days.

use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::calendar::Calendar;
use crate::event::{Event, When, last_day};
use crate::events::recurrence;

/// One event, or one instance of a recurring one.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) event: Arc<Event>,
    pub(super) calendar: String,
    /// The calendar's zone, in which whole days begin.
    pub(super) home: TimeZone,
    pub(super) starts: Timestamp,
    pub(super) ends: Timestamp,
}

/// A week, Monday first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Week {
    pub(super) monday: Date,
}

impl Week {
    pub(super) fn of(date: Date) -> Self {
        let back = i64::from(date.weekday().since(Weekday::Monday));
        Self { monday: date.checked_sub(back.days()).unwrap_or(date) }
    }

    pub(super) fn days(self) -> impl Iterator<Item = Date> {
        (0..7_i64).filter_map(move |day| self.monday.checked_add(day.days()).ok())
    }

    pub(super) fn shifted(self, weeks: i64) -> Self {
        Self { monday: self.monday.checked_add(weeks.weeks()).unwrap_or(self.monday) }
    }

    /// From the first midnight to the last.
    pub(super) fn bounds(self, zone: &TimeZone) -> (Timestamp, Timestamp) {
        let at = |date: Date| crate::event::midnight(date, zone);
        (at(self.monday), at(self.shifted(1).monday))
    }
}

impl Entry {
    pub(super) fn is_all_day(&self) -> bool {
        self.event.start.is_date()
    }

    /// Whole days, and whatever lasts a day or longer, stand above the hours.
    pub(super) fn is_in_the_strip(&self) -> bool {
        self.is_all_day() || self.ends.duration_since(self.starts).as_hours() >= 24
    }

    /// Its first and last day in a zone.
    pub(super) fn days(&self, zone: &TimeZone) -> (Date, Date) {
        if let (When::Date(start), When::Date(end)) = (&self.event.start, &self.event.end) {
            let moved = self.starts.to_zoned(self.home.clone()).date();
            let length = last_day(*end, *start).since(*start).unwrap_or_default();
            return (moved, moved.checked_add(length).unwrap_or(moved));
        }
        let start = self.starts.to_zoned(zone.clone()).datetime();
        let end = self.ends.to_zoned(zone.clone()).datetime();
        let last = if end.time() == Time::midnight() && end > start {
            end.date().yesterday().unwrap_or(end.date())
        } else {
            end.date()
        };
        (start.date(), last)
    }

    /// The part of it that falls on a day, in minutes after midnight.
    pub(super) fn minutes(&self, day: Date, zone: &TimeZone) -> Option<(i32, i32)> {
        let clock = |at: Timestamp| at.to_zoned(zone.clone()).datetime();
        let (start, end) = (clock(self.starts), clock(self.ends));
        let midnight = day.at(0, 0, 0, 0);
        let next = day.tomorrow().ok()?.at(0, 0, 0, 0);
        let touches = start < next && (end > midnight || (start == end && start >= midnight));
        touches
            .then(|| (minutes_since(midnight, start.max(midnight)), minutes_since(midnight, end.min(next))))
    }
}

fn minutes_since(midnight: DateTime, at: DateTime) -> i32 {
    let minutes = at.duration_since(midnight).as_mins();
    i32::try_from(minutes).unwrap_or(0)
}

/// Of an event that repeats every second a week would be a page of hundreds of megabytes, and show nothing else.
pub(super) const TIMES: usize = 100;

/// What a week holds, in order of start.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    /// How many times of repeating events are not among them.
    pub(super) left_out: usize,
}

/// Of each event that repeats, the first [`TIMES`].
pub(super) fn entries<'a>(
    calendars: impl Iterator<Item = &'a Calendar>,
    week: Week,
    zone: &TimeZone,
) -> Found {
    let (from, to) = week.bounds(zone);
    // All-day events are read in their calendar's zone, so look a day further on both sides.
    let after = from.checked_sub(24.hours()).unwrap_or(from);
    let before = to.checked_add(24.hours()).unwrap_or(to);
    let days = (week.monday, week.days().last().unwrap_or(week.monday));
    let mut found = Found { entries: Vec::new(), left_out: 0 };
    for event in calendars.flat_map(|calendar| between(calendar, after, before)) {
        let mut times: Vec<Entry> = event
            .filter(|entry| {
                let (first, last) = entry.days(zone);
                entry.ends >= after && first <= days.1 && last >= days.0
            })
            .collect();
        found.left_out += times.len().saturating_sub(TIMES);
        times.truncate(TIMES);
        found.entries.append(&mut times);
    }
    found.entries.sort_by(|a, b| a.starts.cmp(&b.starts).then(b.ends.cmp(&a.ends)));
    found
}

/// The times of each event that begin before `before`.
fn between(
    calendar: &Calendar,
    after: Timestamp,
    before: Timestamp,
) -> impl Iterator<Item = impl Iterator<Item = Entry>> {
    let zone = &calendar.zone;
    let single = calendar.by_start.range(..(before, 0));
    let single = single
        .filter(|(_, at)| !calendar.recurring.contains(at))
        .filter_map(|(starts, at)| Some((calendar.events.get(at)?, vec![*starts])))
        .filter(move |(event, _)| event.ends(zone) >= after);
    let recurring = calendar.recurring.iter().filter_map(|at| calendar.events.get(at));
    let recurring = recurring.map(move |event| (event, recurrence::starts(event, zone, before)));
    single.chain(recurring).filter(|(event, _)| !event.is_cancelled()).map(move |(event, starts)| {
        let length = event.ends(zone).duration_since(event.starts(zone));
        starts.into_iter().map(move |starts| Entry {
            event: Arc::clone(event),
            calendar: calendar.info.id.clone(),
            home: zone.clone(),
            starts,
            ends: starts.checked_add(length).unwrap_or(starts),
        })
    })
}

/// The nearest event that begins at `from` or later.
pub(super) fn next<'a>(calendars: impl Iterator<Item = &'a Calendar>, from: Timestamp) -> Option<Entry> {
    let horizon = from.checked_add((24 * 366).hours()).unwrap_or(from);
    calendars
        .filter_map(|calendar| {
            let single = calendar.by_start.range((from, 0)..);
            let mut single = single.filter_map(|(starts, at)| Some((*starts, calendar.events.get(at)?)));
            let single = single.find(|(_, event)| !event.is_cancelled() && !event.is_recurring());
            let recurring = calendar.recurring.iter().filter_map(|at| calendar.events.get(at));
            let recurring = recurring.filter(|event| !event.is_cancelled()).filter_map(|event| {
                let starts = recurrence::starts(event, &calendar.zone, horizon);
                Some((starts.into_iter().find(|at| *at >= from)?, event))
            });
            single
                .into_iter()
                .chain(recurring)
                .min_by_key(|(starts, _)| *starts)
                .map(|(starts, event)| (calendar, starts, event))
        })
        .min_by_key(|(_, starts, _)| *starts)
        .map(|(calendar, starts, event)| Entry {
            event: Arc::clone(event),
            calendar: calendar.info.id.clone(),
            home: calendar.zone.clone(),
            starts,
            ends: starts,
        })
}

/// The last event that began before `from`.
pub(super) fn previous<'a>(calendars: impl Iterator<Item = &'a Calendar>, from: Timestamp) -> Option<Entry> {
    calendars
        .filter_map(|calendar| {
            let single = calendar.by_start.range(..(from, 0)).rev();
            let mut single = single.filter_map(|(starts, at)| Some((*starts, calendar.events.get(at)?)));
            let (starts, event) = single.find(|(_, event)| !event.is_cancelled())?;
            Some(Entry {
                event: Arc::clone(event),
                calendar: calendar.info.id.clone(),
                home: calendar.zone.clone(),
                starts,
                ends: starts,
            })
        })
        .max_by_key(|entry| entry.starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::CalendarInfo;
    use crate::event::tests::event;

    fn calendar(zone: &str, events: Vec<Event>) -> Calendar {
        let mut calendar = Calendar::new(CalendarInfo {
            id: "ada@example.com".to_owned(),
            owner: "ada@example.com".to_owned(),
            time_zone: zone.to_owned(),
        });
        for event in events {
            calendar.put(event);
        }
        calendar
    }

    fn at(text: &str) -> When {
        When::At(text.parse().unwrap(), None)
    }

    fn week(date: &str) -> Week {
        Week::of(date.parse().unwrap())
    }

    #[test]
    fn a_week_runs_from_monday_to_sunday() {
        assert_eq!(week("2026-12-30").monday.to_string(), "2026-12-28");
        assert_eq!(week("2026-12-28"), week("2027-01-03"));
        assert_eq!(week("2026-12-30").days().count(), 7);
    }

    #[test]
    fn an_event_over_midnight_is_cut_at_midnight() {
        let late = event("abcde", at("2026-12-30T22:30:00Z"), at("2026-12-31T01:00:00Z"));
        let calendar = calendar("UTC", vec![late]);
        let found = entries([&calendar].into_iter(), week("2026-12-30"), &TimeZone::UTC).entries;
        let minutes = |day: &str| found[0].minutes(day.parse().unwrap(), &TimeZone::UTC);
        assert_eq!(minutes("2026-12-30"), Some((1_350, 1_440)));
        assert_eq!(minutes("2026-12-31"), Some((0, 60)));
        assert_eq!(minutes("2027-01-01"), None);
    }

    #[test]
    fn a_whole_day_stays_on_its_date_in_every_zone() {
        let day = |date: &str| When::Date(date.parse().unwrap());
        let party = event("abcde", day("2026-12-31"), day("2027-01-01"));
        for (home, shown) in [("UTC", "Pacific/Kiritimati"), ("Pacific/Kiritimati", "America/Los_Angeles")] {
            let zone = TimeZone::get(shown).unwrap();
            let calendar = calendar(home, vec![party.clone()]);
            let found = entries([&calendar].into_iter(), week("2026-12-31"), &zone).entries;
            let (first, last) = found[0].days(&zone);
            assert_eq!((first.to_string(), last.to_string()), ("2026-12-31".into(), "2026-12-31".into()));
        }
    }

    #[test]
    fn neighbours_in_time_are_found_past_deleted_ones() {
        let mut gone = event("gone0", at("2027-02-01T10:00:00Z"), at("2027-02-01T11:00:00Z"));
        gone.fields.insert("status".to_owned(), "cancelled".into());
        let later = event("later", at("2027-03-01T10:00:00Z"), at("2027-03-01T11:00:00Z"));
        let early = event("early", at("2026-01-01T10:00:00Z"), at("2026-01-01T11:00:00Z"));
        let calendar = calendar("UTC", vec![gone, later, early]);
        let from: Timestamp = "2026-12-30T00:00:00Z".parse().unwrap();
        assert_eq!(next([&calendar].into_iter(), from).unwrap().event.id, "later");
        assert_eq!(previous([&calendar].into_iter(), from).unwrap().event.id, "early");
    }
}
