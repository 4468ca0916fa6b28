//! `GET /`: one person's week.

use std::collections::BTreeSet;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::agenda::{self, Entry, Found, TIMES, Week};
use super::{details, grid, layout};
use crate::calendar::Calendar;
use crate::controls;
use crate::event::When;
use crate::query::Query;
use crate::sandbox::{Inner, Sandbox};
use crate::user::User;

/// Zones offered besides those in use.
const ZONES: &[&str] = &[
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/London",
    "UTC",
];

/// A week that a load test has filled would be a page of hundreds of megabytes.
const SHOWN: usize = 1_000;

/// What the address asks to see.
struct View<'a> {
    user: &'a User,
    week: Week,
    today: Date,
    zone: TimeZone,
    /// Only when the address names it; otherwise it follows the events.
    named_zone: Option<&'a str>,
}

pub(super) async fn show(sandbox: Data<Sandbox>, request: HttpRequest) -> HttpResponse {
    let query = Query::parse(request.query_string());
    let here = controls::here(&request);
    let mut inner = sandbox.lock();
    let now = inner.now(&sandbox.clock);
    let named = query.get("user").filter(|name| !name.is_empty());
    let user = named.and_then(|name| inner.world.user(name)).or_else(|| inner.world.users.first());
    let Some(user) = user.cloned() else {
        return HttpResponse::NotFound().finish();
    };
    for calendar in inner.world.calendars.values_mut().filter(|calendar| calendar.info.owner == user.email) {
        calendar.settle(now);
    }
    let named_zone = query.get("tz").filter(|name| TimeZone::get(name).is_ok());
    let date: Option<Date> = query.get("date").and_then(|text| text.parse().ok());
    let guess = home_zone(&inner, &user);
    let day = date.unwrap_or_else(|| now.to_zoned(guess.clone()).date());
    let zone = match named_zone.and_then(|name| TimeZone::get(name).ok()) {
        Some(zone) => zone,
        None => {
            first_zone(&agenda::entries(of(&inner, &user), Week::of(day), &guess).entries).unwrap_or(guess)
        }
    };
    let today = now.to_zoned(zone.clone()).date();
    let view = View { user: &user, week: Week::of(date.unwrap_or(today)), today, zone, named_zone };
    let Found { mut entries, left_out } = agenda::entries(of(&inner, &user), view.week, &view.zone);
    let count = entries.len();
    entries.truncate(SHOWN);
    let clock = now.to_zoned(view.zone.clone()).datetime();
    let body = html! {
        (bar(&inner, &view))
        main {
            @if entries.is_empty() { (nothing(&inner, &view, &here)) }
            @if count > SHOWN { p .quiet { "Only the first " (SHOWN) " of this week's " (count) " events are shown." } }
            @if left_out > 0 {
                p .quiet {
                    "Of an event that repeats only the first " (TIMES) " times in this week are shown: " (left_out) " are left out."
                }
            }
            (grid::grid(&entries, view.week, &view.zone, clock))
        }
        (details::cards(&entries, &view.zone, &inner))
        (foot(&inner, &view, count))
    };
    let title = format!("{} · {}", view.user.name, heading(view.week));
    drop(inner);
    layout::reply(200, layout::Kind::Wide, &title, body).into_response()
}

fn of<'a>(inner: &'a Inner, user: &'a User) -> impl Iterator<Item = &'a Calendar> {
    let calendars = inner.world.calendars.values();
    calendars.filter(move |calendar| calendar.info.owner == user.email)
}

fn home_zone(inner: &Inner, user: &User) -> TimeZone {
    let own = inner.world.calendars.get(&user.email);
    own.map_or(TimeZone::UTC, |calendar| calendar.zone.clone())
}

/// Whoever posts an event at 14:00 in Kolkata shall see it at 14:00.
fn first_zone(entries: &[Entry]) -> Option<TimeZone> {
    entries.iter().find_map(|entry| match &entry.event.start {
        When::At(_, Some(name)) => TimeZone::get(name).ok(),
        When::At(_, None) | When::Date(_) => None,
    })
}

impl View<'_> {
    fn link(&self, week: Week) -> String {
        self.link_to(week.monday)
    }

    fn link_to(&self, date: Date) -> String {
        let date = date.to_string();
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("user", &self.user.email).append_pair("date", &date);
        if let Some(zone) = self.named_zone {
            pairs.append_pair("tz", zone);
        }
        format!("/?{}", pairs.finish())
    }
}

fn heading(week: Week) -> String {
    let last = week.days().last().unwrap_or(week.monday);
    let first = week.monday;
    let start = match (first.year() == last.year(), first.month() == last.month()) {
        (true, true) => first.strftime("%-d"),
        (true, false) => first.strftime("%-d %B"),
        (false, _) => first.strftime("%-d %B %Y"),
    };
    format!("{start} – {}", last.strftime("%-d %B %Y"))
}

fn bar(inner: &Inner, view: &View<'_>) -> Markup {
    let people = inner.world.users.iter().filter(|user| !user.deleted);
    let shown = view.zone.iana_name().unwrap_or("UTC");
    let own = home_zone(inner, view.user);
    let mut zones: BTreeSet<&str> = ZONES.iter().copied().collect();
    zones.insert(shown);
    zones.extend(own.iana_name());
    html! {
        nav .bar {
            h1 { (heading(view.week)) }
            div .steps {
                a .button href=(view.link(view.week.shifted(-1))) aria-label="Previous week" title="Previous week" { "‹" }
                a .button href=(view.link_to(view.today)) { "Today" }
                a .button href=(view.link(view.week.shifted(1))) aria-label="Next week" title="Next week" { "›" }
            }
            form .jump method="get" action="/" {
                label { "Calendar of "
                    select name="user" {
                        @for user in people {
                            option value=(user.email) selected[user.email == view.user.email] { (user.name) " (" (user.email) ")" }
                        }
                    }
                }
                label { "Week of " input type="date" name="date" value=(view.week.monday); }
                label { "Time zone "
                    select name="tz" {
                        @for zone in &zones { option selected[*zone == shown] { (zone) } }
                    }
                }
                button type="submit" { "Show" }
            }
        }
    }
}

fn nothing(inner: &Inner, view: &View<'_>, here: &str) -> Markup {
    let (from, to) = view.week.bounds(&view.zone);
    let next = agenda::next(of(inner, view.user), to);
    let previous = agenda::previous(of(inner, view.user), from);
    let wednesday = view.week.days().nth(2).unwrap_or(view.week.monday);
    let zone = view.zone.iana_name().unwrap_or("UTC");
    html! {
        section .empty {
            p .big { "Nothing planned this week. " span aria-hidden="true" { "☕" } }
            @for (word, entry) in [("Next", next), ("Before", previous)] {
                @if let Some(entry) = entry {
                    p { (word) ": " a href=(view.link_to(entry.days(&view.zone).0)) {
                        (entry.event.text("summary").unwrap_or("(No title)")) ", " (entry.days(&view.zone).0.strftime("%A, %-d %B %Y"))
                    } }
                }
            }
            details {
                summary { "Put something here with curl" }
                pre {
                    "TOKEN=$(curl -s " (here) "/_sandbox/tokens -H 'Content-Type: application/json' -d '{\"user\":\"" (view.user.email) "\"}' |\n"
                    "  sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n"
                    "curl " (here) "/calendar/v3/calendars/primary/events \\\n"
                    "  -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n"
                    "  -d '{\"summary\":\"Hello, calendar\",\n"
                    "       \"start\":{\"dateTime\":\"" (wednesday) "T14:00:00\",\"timeZone\":\"" (zone) "\"},\n"
                    "       \"end\":{\"dateTime\":\"" (wednesday) "T15:00:00\",\"timeZone\":\"" (zone) "\"}}'"
                }
            }
        }
    }
}

fn foot(inner: &Inner, view: &View<'_>, count: usize) -> Markup {
    let events = if count == 1 { "event" } else { "events" };
    let mails = inner.world.outbox.len();
    let letters = if mails == 1 { "invitation" } else { "invitations" };
    html! {
        footer {
            span { (count) " " (events) " this week, times in " (view.zone.iana_name().unwrap_or("UTC")) }
            " · " a href="/_sandbox/outbox" { (mails) " " (letters) " in the outbox" }
            " · " a href="/_sandbox/stats" { "statistics" }
            " · " a href="/_sandbox/faults" { "faults in force" }
        }
    }
}
