//! The week as a grid: whole days above, hours below.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::agenda::{Entry, Week};
use super::details;
use super::places::{self, Arranged, Crowd, HOUR_ROWS, Place, ROW_MINUTES, Span};
use crate::event::When;

/// Shown even when nothing happens so early or so late.
const DAY_HOURS: (i32, i32) = (8, 19);

pub(super) fn grid(entries: &[Entry], week: Week, zone: &TimeZone, now: DateTime) -> Markup {
    let days: Vec<(Date, Arranged)> = week.days().map(|day| (day, placed(entries, day, zone))).collect();
    let (first, last) = hours(days.iter().flat_map(|(_, placed)| {
        placed.alone.iter().map(|(_, place)| *place).chain(placed.crowds.iter().map(|crowd| crowd.place))
    }));
    html! {
        section .grid {
            div .corner { (zone_label(zone, week)) }
            @for (day, _) in &days {
                div class={ "head " (names(*day, now)) } {
                    span { (day.strftime("%a")) } b { (day.strftime("%-d")) }
                }
            }
            (strip(entries, week, zone))
            div .hours {
                @for hour in first..last { div { span { (format!("{hour:02}:00")) } } }
            }
            @for (day, placed) in &days {
                div class={ "day " (names(*day, now)) } {
                    @for (number, place) in &placed.alone { (chip(*number, &entries[*number], *place, first, zone)) }
                    @for (number, crowd) in placed.crowds.iter().enumerate() {
                        (more(&format!("m{day}n{number}"), crowd, entries, first, zone))
                    }
                    @if *day == now.date() { (now_line(now, first, last)) }
                }
            }
        }
    }
}

/// The numbers in it are those of the entries.
fn placed(entries: &[Entry], day: Date, zone: &TimeZone) -> Arranged {
    let mut parts: Vec<(usize, Span)> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| !entry.is_in_the_strip())
        .filter_map(|(number, entry)| {
            let (from, to) = entry.minutes(day, zone)?;
            Some((number, Span { from, to }))
        })
        .collect();
    parts.sort_by_key(|(_, span)| span.from);
    let spans: Vec<Span> = parts.iter().map(|(_, span)| *span).collect();
    let Arranged { mut alone, mut crowds } = places::arrange(&spans);
    for (number, _) in &mut alone {
        *number = parts[*number].0;
    }
    for member in crowds.iter_mut().flat_map(|crowd| &mut crowd.members) {
        *member = parts[*member].0;
    }
    Arranged { alone, crowds }
}

/// Which column it is, so that on a narrow screen each day's events stand below its head; and whether it is today.
fn names(day: Date, now: DateTime) -> String {
    let column = day.weekday().to_monday_one_offset();
    format!("d{column}{}", if day == now.date() { " today" } else { "" })
}

/// The first and the last hour shown, end exclusive.
fn hours(places: impl Iterator<Item = Place>) -> (i32, i32) {
    places.fold(DAY_HOURS, |(first, last), place| {
        let end = place.row + place.rows;
        (first.min(place.row / HOUR_ROWS), last.max((end + HOUR_ROWS - 1) / HOUR_ROWS))
    })
}

fn strip(entries: &[Entry], week: Week, zone: &TimeZone) -> Markup {
    let sunday = week.days().last().unwrap_or(week.monday);
    let column = |date: Date| date.since(week.monday).map_or(0, |span| span.get_days()) + 1;
    html! {
        div .allday { span { "all day" } }
        div .strip {
            @for (number, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.is_in_the_strip()) {
                @let (from, to) = entry.days(zone);
                @let (from, to) = (column(from.max(week.monday)), column(to.min(sunday)));
                button type="button" class={ "chip whole c" (from) " n" (to - from + 1) " " (colour(entry)) }
                    popovertarget={ "e" (number) } title=(details::sentence(entry, zone)) {
                    b dir="auto" { (details::title(entry)) }
                    span .when { (details::when(entry, zone)) }
                }
            }
        }
    }
}

fn chip(number: usize, entry: &Entry, place: Place, first: i32, zone: &TimeZone) -> Markup {
    let row = place.row - first * HOUR_ROWS + 1;
    let class = format!(
        "chip r{row} s{} l{} w{} {}{}",
        place.rows,
        place.lane,
        place.lanes,
        colour(entry),
        match place.rows {
            rows if rows < HOUR_ROWS * 2 / 3 => " small",
            rows if rows < HOUR_ROWS => " middling",
            _ => "",
        },
    );
    let guests = entry.event.guests().len();
    let OwnTime { begins, clock, city } = own_time(entry, zone);
    html! {
        button type="button" class=(class) popovertarget={ "e" (number) } title=(details::sentence(entry, zone)) {
            b dir="auto" { (details::title(entry)) }
            span .when { (clock) (city) }
            span .begins { (begins) }
            span .more {
                @if let Some(conference) = details::conference(&entry.event) { i .meet { (conference.short()) } " " }
                @if guests > 0 { (guests) @if guests == 1 { " guest" } @else { " guests" } }
            }
        }
    }
}

/// Those for whom there is no lane, behind one button: a list, each of which leads to its event.
fn more(id: &str, crowd: &Crowd, entries: &[Entry], first: i32, zone: &TimeZone) -> Markup {
    let Place { row, rows, lane, lanes } = crowd.place;
    let class = format!("chip crowd r{} s{rows} l{lane} w{lanes} k8", row - first * HOUR_ROWS + 1);
    let count = crowd.members.len();
    html! {
        button type="button" class=(class) popovertarget=(id) title={ (count) " more events at this time" } {
            b { "+" (count) " more" }
        }
        div .card popover id=(id) role="dialog" aria-label={ (count) " more events at this time" } {
            button .close type="button" popovertarget=(id) popovertargetaction="hide" aria-label="Close" autofocus { "✕" }
            ul .others {
                @for number in &crowd.members {
                    li { button type="button" popovertarget={ "e" (number) } {
                        bdi { (details::title(&entries[*number])) } ", " (details::when(&entries[*number], zone))
                    } }
                }
            }
        }
    }
}

/// The event's own wall clock; its zone is named where it is not the one shown.
struct OwnTime {
    begins: String,
    clock: String,
    city: String,
}

fn own_time(entry: &Entry, zone: &TimeZone) -> OwnTime {
    let own = details::own_zone(&entry.event).unwrap_or_else(|| zone.clone());
    let start = entry.starts.to_zoned(own.clone());
    let end = entry.ends.to_zoned(own.clone());
    let begins = start.strftime("%H:%M").to_string();
    let clock = format!("{begins}–{}", end.strftime("%H:%M"));
    let city = match (own == *zone, own.iana_name()) {
        (false, Some(name)) => format!(" {}", city(name)),
        _ => String::new(),
    };
    OwnTime { begins, clock, city }
}

fn city(zone: &str) -> String {
    zone.rsplit('/').next().unwrap_or(zone).replace('_', " ")
}

/// Google's colours have numbers; without one, each calendar has its own.
fn colour(entry: &Entry) -> String {
    let named = entry.event.text("colorId").and_then(|id| id.parse::<u8>().ok());
    let number = match named.filter(|number| (1..=11).contains(number)) {
        Some(number) => number,
        None if entry.calendar == entry.event.creator => 0,
        None => {
            entry.calendar.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % 11 + 1
        }
    };
    let faint = match (&entry.event.start, entry.event.text("status")) {
        (_, Some("tentative")) => " faint",
        (When::Date(_) | When::At(..), _) => "",
    };
    format!("k{number}{faint}")
}

fn now_line(now: DateTime, first: i32, last: i32) -> Markup {
    let minutes = i32::from(now.hour()) * 60 + i32::from(now.minute());
    let row = minutes / ROW_MINUTES - first * HOUR_ROWS + 1;
    html! {
        @if (1..=(last - first) * HOUR_ROWS).contains(&row) { i class={ "now r" (row) } title="now" {} }
    }
}

fn zone_label(zone: &TimeZone, week: Week) -> Markup {
    let offset = week.monday.to_zoned(zone.clone());
    let offset = offset.map(|zoned| zoned.strftime("%:z").to_string()).unwrap_or_default();
    html! {
        span title=(zone.iana_name().unwrap_or("UTC")) { (city(zone.iana_name().unwrap_or("UTC"))) br; "UTC" (offset) }
    }
}
