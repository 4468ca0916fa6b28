//! All there is to know about one event: a popover, which opens, closes and gives the focus back without a script.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::Value;

use super::agenda::Entry;
use crate::event::{ConferenceState, Event, When};
use crate::events::render;
use crate::identifier;
use crate::sandbox::Inner;

/// How an event's conference stands.
pub(super) enum Meeting {
    Pending,
    Ready(String),
    Failed,
}

impl Meeting {
    pub(super) fn short(&self) -> &'static str {
        match self {
            Self::Pending => "Meet …",
            Self::Ready(_) => "Meet",
            Self::Failed => "no Meet",
        }
    }
}

pub(super) fn conference(event: &Event) -> Option<Meeting> {
    let conference = event.conference.as_ref()?;
    Some(match conference.state {
        ConferenceState::Pending { .. } => Meeting::Pending,
        ConferenceState::Failure => Meeting::Failed,
        ConferenceState::Success => {
            Meeting::Ready(identifier::conference_id(&event.id, &conference.request_id))
        }
    })
}

/// The zone the caller attached.
pub(super) fn own_zone(event: &Event) -> Option<TimeZone> {
    match &event.start {
        When::At(_, Some(name)) => TimeZone::get(name).ok(),
        When::At(_, None) | When::Date(_) => None,
    }
}

/// What the long parts of a page's cards may add up to.
const LONG_BYTES: usize = 2 * 1024 * 1024;

/// A card for each entry. What is long about an event is told once, and only as long as there is room for it.
pub(super) fn cards(entries: &[Entry], zone: &TimeZone, inner: &Inner) -> Markup {
    let mut told: HashMap<(&str, &str), usize> = HashMap::new();
    let mut room = LONG_BYTES;
    html! {
        @for (number, entry) in entries.iter().enumerate() {
            @let long = match told.get(&(entry.calendar.as_str(), entry.event.id.as_str())) {
                Some(first) => html! { button type="button" popovertarget={ "e" (first) } { "Everything about it" } },
                None => {
                    told.insert((&entry.calendar, &entry.event.id), number);
                    let long = long(entry, inner);
                    match room.checked_sub(long.0.len()) {
                        Some(left) => { room = left; long }
                        None => html! { p .quiet {
                            "This page is full: what is long about this event is in " a href="/_sandbox/events" { "all events" } "."
                        } },
                    }
                }
            };
            (card(number, entry, zone, &long))
        }
    }
}

/// Description, guests, and the whole resource.
fn long(entry: &Entry, inner: &Inner) -> Markup {
    let event = &entry.event;
    html! {
        @if let Some(text) = event.text("description") { p .description dir="auto" { (text) } }
        (guests(event))
        @if let Some(calendar) = inner.world.calendars.get(&entry.calendar) {
            details {
                summary { "As the API shows it" }
                pre { (pretty(&render::event(event, calendar, &render::Options::default()))) }
            }
        }
    }
}

fn card(number: usize, entry: &Entry, zone: &TimeZone, long: &Markup) -> Markup {
    let event = &entry.event;
    let own = own_zone(event);
    html! {
        div .card popover id={ "e" (number) } role="dialog" aria-labelledby={ "t" (number) } {
            article {
                button .close type="button" popovertarget={ "e" (number) } popovertargetaction="hide" aria-label="Close" autofocus { "✕" }
                h2 dir="auto" id={ "t" (number) } { (title(entry)) }
                p { (when(entry, zone)) }
                @if let Some(own) = own.filter(|own| own != zone) { p .quiet { (when(entry, &own)) } }
                @if let Some(rules) = event.fields.get("recurrence").and_then(Value::as_array) {
                    @for rule in rules { p .quiet { "repeats: " code { (rule.as_str().unwrap_or_default()) } } }
                }
                @if let Some(place) = event.text("location") { p { "Where: " bdi { (place) } } }
                @match conference(event) {
                    None => {}
                    Some(Meeting::Pending) => { p { "Google Meet: being created …" } }
                    Some(Meeting::Failed) => { p { "Google Meet: could not be created" } }
                    Some(Meeting::Ready(id)) => { p { "Google Meet: " a rel="noreferrer" href={ "https://meet.google.com/" (id) } { "meet.google.com/" (id) } } }
                }
                dl {
                    dt { "Calendar" } dd { (entry.calendar) }
                    dt { "Id" } dd { code { (event.id) } }
                    dt { "Inserted" } dd { (event.insert_count) @if event.insert_count == 1 { " time" } @else { " times" } }
                    dt { "Updated" } dd { (event.changed.strftime("%Y-%m-%d %H:%M:%S")) " UTC" }
                }
                (long)
            }
        }
    }
}

pub(super) fn title(entry: &Entry) -> &str {
    entry.event.text("summary").filter(|text| !text.is_empty()).unwrap_or("(No title)")
}

/// What is too much for a narrow chip.
pub(super) fn sentence(entry: &Entry, zone: &TimeZone) -> String {
    format!("{}, {}", title(entry), when(entry, zone))
}

pub(super) fn when(entry: &Entry, zone: &TimeZone) -> String {
    if entry.is_all_day() {
        let (first, last) = entry.days(zone);
        let day = |date: jiff::civil::Date| date.strftime("%A, %-d %B %Y").to_string();
        return match first == last {
            true => day(first),
            false => format!("{} – {}", day(first), day(last)),
        };
    }
    let start = entry.starts.to_zoned(zone.clone());
    let end = entry.ends.to_zoned(zone.clone());
    let until = match start.date() == end.date() {
        true => end.strftime("%H:%M").to_string(),
        false => end.strftime("%A, %-d %B %H:%M").to_string(),
    };
    let name = zone.iana_name().unwrap_or("UTC");
    format!("{} – {until} ({name})", start.strftime("%A, %-d %B %Y, %H:%M"))
}

fn guests(event: &Event) -> Markup {
    let guests = event.guests();
    let text = |guest: &Value, key: &str| guest.get(key).and_then(Value::as_str).map(str::to_owned);
    html! {
        @if !guests.is_empty() {
            details open[guests.len() <= 10] {
                summary { (guests.len()) @if guests.len() == 1 { " guest" } @else { " guests" } }
                ul {
                    @for guest in guests {
                        li {
                            bdi { (text(guest, "displayName").or_else(|| text(guest, "email")).unwrap_or_default()) }
                            " " span .quiet { (answer(guest)) }
                        }
                    }
                }
            }
        }
    }
}

fn answer(guest: &Value) -> &str {
    match guest.get("responseStatus").and_then(Value::as_str).unwrap_or_default() {
        "needsAction" => "no answer yet",
        "tentative" => "maybe",
        said => said,
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
