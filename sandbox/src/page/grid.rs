//! The week as a grid: whole days above, hours below.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::agenda::{Entry, Week};
use super::details;
use super::places::{self, HOUR_ROWS, Place, ROW_MINUTES, Span};
use crate::event::When;

/// Shown even when nothing happens so early or so late.
const DAY_HOURS: (i32, i32) = (8, 19);

/// Event number, its place.
type Placed = (usize, Place);

pub(super) fn grid(entries: &[Entry], week: Week, zone: &TimeZone, now: DateTime) -> Markup {
    let days: Vec<(Date, Vec<Placed>)> = week.days().map(|day| (day, placed(entries, day, zone))).collect();
    let (first, last) = hours(days.iter().flat_map(|(_, placed)| placed));
    html! {
        section .grid {
            div .corner { (zone_label(zone, week)) }
            @for (day, _) in &days {
                div .head .today[*day == now.date()] { span { (day.strftime("%a")) } b { (day.strftime("%-d")) } }
            }
            (strip(entries, week, zone))
            div .hours {
                @for hour in first..last { div { span { (format!("{hour:02}:00")) } } }
            }
            @for (day, placed) in &days {
                div .day .today[*day == now.date()] {
                    @for (number, place) in placed { (chip(*number, &entries[*number], *place, first, zone)) }
                    @if *day == now.date() { (now_line(now, first, last)) }
                }
            }
        }
    }
}

fn placed(entries: &[Entry], day: Date, zone: &TimeZone) -> Vec<Placed> {
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
    let places = places::arrange(&spans);
    parts.into_iter().map(|(number, _)| number).zip(places).collect()
}

/// The first and the last hour shown, end exclusive.
fn hours<'a>(placed: impl Iterator<Item = &'a Placed>) -> (i32, i32) {
    placed.fold(DAY_HOURS, |(first, last), (_, place)| {
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
                a class={ "chip whole c" (from) " n" (to - from + 1) " " (colour(entry)) } href={ "#e" (number) } {
                    (title(entry))
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
        if place.rows < HOUR_ROWS * 2 / 3 { " small" } else { "" },
    );
    let guests = entry.event.guests().len();
    html! {
        a class=(class) href={ "#e" (number) } title=(title(entry)) {
            b dir="auto" { (title(entry)) }
            span .when { (own_time(entry, zone)) }
            @if let Some(conference) = details::conference(&entry.event) { span .meet { (conference.short()) } }
            @if guests > 0 { span .guests { (guests) @if guests == 1 { " guest" } @else { " guests" } } }
        }
    }
}

/// The event's own wall clock; its zone is named where it is not the one shown.
fn own_time(entry: &Entry, zone: &TimeZone) -> String {
    let own = details::own_zone(&entry.event).unwrap_or_else(|| zone.clone());
    let start = entry.starts.to_zoned(own.clone());
    let end = entry.ends.to_zoned(own.clone());
    let clock = format!("{}–{}", start.strftime("%H:%M"), end.strftime("%H:%M"));
    match (own == *zone, own.iana_name()) {
        (false, Some(name)) => format!("{clock} {}", city(name)),
        _ => clock,
    }
}

fn city(zone: &str) -> String {
    zone.rsplit('/').next().unwrap_or(zone).replace('_', " ")
}

fn title(entry: &Entry) -> &str {
    entry.event.text("summary").filter(|text| !text.is_empty()).unwrap_or("(No title)")
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
