//! `events.list`: filters, orders, pages, and syncing.

use std::ops::Bound;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::page_token::{self, Key};
use super::{Ask, Scene, recurrence, render};
use crate::api_error::ApiError;
use crate::calendar::Calendar;
use crate::event::Event;
use crate::query::Query;
use crate::reply::Reply;

const USUAL_PAGE: usize = 250;
const LARGEST_PAGE: usize = 2_500;

/// What a sync cannot be narrowed or ordered by.
const NOT_WHILE_SYNCING: &[&str] = &[
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Arrival,
    Change,
    Update,
    Start,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deleted {
    Shown,
    Hidden,
}

/// What a list asks for, checked.
struct Filter {
    order: Order,
    deleted: Deleted,
    ical_uid: Option<String>,
    words: Vec<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    updated: Option<Timestamp>,
    private: Vec<(String, String)>,
    shared: Vec<(String, String)>,
    types: Vec<String>,
    sync: Option<Timestamp>,
}

struct Item {
    key: Key,
    event: Arc<Event>,
    /// The start of an instance of a recurring event.
    instance: Option<Timestamp>,
}

pub(super) fn list(scene: &mut Scene<'_>, ask: &Ask) -> Result<Reply, ApiError> {
    let calendar = scene.calendar()?;
    let filter = Filter::read(&ask.query)?;
    let options = render::Options::read(&ask.query)?;
    let from = match ask.query.get("pageToken") {
        None | Some("") => None,
        Some(token) => {
            Some(Key::decode(token).ok_or_else(|| ApiError::invalid("Invalid page token value."))?)
        }
    };
    let most = ask.query.count("maxResults")?.unwrap_or(USUAL_PAGE).min(LARGEST_PAGE);
    let mut items = filter.page(calendar, from, most);
    let next = match items.len() > most {
        true => {
            items.truncate(most);
            items.last().map(|item| item.key.encode())
        }
        false => None,
    };
    let shown: Vec<Value> = items
        .iter()
        .map(|item| match item.instance {
            Some(at) => render::instance(&item.event, at, calendar, &options),
            None => render::event(&item.event, calendar, &options),
        })
        .map(|event| scene.as_seen(event))
        .collect();
    let latest = calendar.by_change.last().map_or(Timestamp::UNIX_EPOCH, |(at, _)| *at);
    let mut page = json!({
        "kind": "calendar#events",
        "etag": format!("\"p{}\"", latest.as_microsecond()),
        "summary": calendar.info.id,
        "description": "",
        "updated": render::millis(latest),
        "timeZone": ask.query.get("timeZone").unwrap_or(&calendar.info.time_zone),
        "accessRole": scene.role(),
        "defaultReminders": [{"method": "popup", "minutes": 10}],
        "items": shown,
    });
    match next {
        Some(token) => page["nextPageToken"] = json!(token),
        None => page["nextSyncToken"] = json!(page_token::sync_token(latest)),
    }
    ask.answer(page)
}

impl Filter {
    fn read(query: &Query) -> Result<Self, ApiError> {
        let singles = query.is_true("singleEvents");
        let sync = match query.get("syncToken") {
            None => None,
            Some(token) => {
                if let Some(other) = NOT_WHILE_SYNCING.iter().find(|name| query.get(name).is_some()) {
                    return Err(ApiError::invalid(format!(
                        "Sync token cannot be used with {other} restriction."
                    )));
                }
                let token = page_token::read_sync_token(token);
                Some(token.ok_or_else(|| ApiError::of("fullSyncRequired"))?)
            }
        };
        let order = match (query.get("orderBy"), singles) {
            _ if sync.is_some() => Order::Change,
            (Some("updated"), _) => Order::Update,
            (Some("startTime") | None, true) => Order::Start,
            (None, false) => Order::Arrival,
            (Some("startTime"), false) => {
                return Err(ApiError::of("badRequest")
                    .saying("The requested ordering is not available for the particular query."));
            }
            (Some(_), _) => return Err(ApiError::invalid("Invalid Value")),
        };
        let shown = query.is_true("showDeleted") || sync.is_some();
        let filter = Self {
            order,
            deleted: if shown { Deleted::Shown } else { Deleted::Hidden },
            ical_uid: query.get("iCalUID").map(str::to_owned),
            words: words(query.get("q")),
            after: query.moment("timeMin")?,
            before: query.moment("timeMax")?,
            updated: query.moment("updatedMin")?,
            private: properties(query, "privateExtendedProperty")?,
            shared: properties(query, "sharedExtendedProperty")?,
            types: query.all("eventTypes").map(str::to_owned).collect(),
            sync,
        };
        match (filter.after, filter.before) {
            (Some(after), Some(before)) if before <= after => Err(ApiError::of("timeRangeEmpty")),
            _ => Ok(filter),
        }
    }

    /// One item more than `most` when there are more.
    fn page(&self, calendar: &Calendar, from: Option<Key>, most: usize) -> Vec<Item> {
        let at = |position: &u64| calendar.events.get(position);
        let item = |key: Key, event: &Arc<Event>| Item { key, event: Arc::clone(event), instance: None };
        let place = |key: Key| {
            let at = Timestamp::from_millisecond(key.at).unwrap_or(Timestamp::MIN);
            (Bound::Excluded((at, key.position)), Bound::Unbounded)
        };
        let everything = (Bound::Unbounded, Bound::Unbounded);
        match self.order {
            Order::Arrival => {
                let range = match from {
                    Some(key) => (Bound::Excluded(key.position), Bound::Unbounded),
                    None => (Bound::Unbounded, Bound::Unbounded),
                };
                let events = calendar.events.range(range);
                events
                    .filter(|(_, event)| self.keeps(event, calendar))
                    .take(most + 1)
                    .map(|(position, event)| item(Key { at: 0, position: *position }, event))
                    .collect()
            }
            Order::Change | Order::Update => {
                let order = match self.order {
                    Order::Update => &calendar.by_update,
                    Order::Change | Order::Arrival | Order::Start => &calendar.by_change,
                };
                let changes = order.range(from.map_or(everything, place));
                changes
                    .filter_map(|(changed, position)| Some((Key::new(*changed, *position), at(position)?)))
                    .filter(|(_, event)| self.keeps(event, calendar))
                    .take(most + 1)
                    .map(|(key, event)| item(key, event))
                    .collect()
            }
            Order::Start => {
                let starts = calendar.by_start.range(from.map_or(everything, place));
                let mut items: Vec<Item> = starts
                    .filter(|(_, position)| !calendar.recurring.contains(position))
                    .filter_map(|(start, position)| Some((Key::new(*start, *position), at(position)?)))
                    .filter(|(_, event)| self.keeps(event, calendar))
                    .take(most + 1)
                    .map(|(key, event)| item(key, event))
                    .collect();
                let recurring = calendar.recurring.iter().filter_map(at);
                for event in recurring.filter(|event| self.keeps(event, calendar)) {
                    items.extend(self.instances(event, calendar, from, most));
                }
                items.sort_by_key(|item| item.key);
                items
            }
        }
    }

    fn instances(
        &self,
        event: &Arc<Event>,
        calendar: &Calendar,
        from: Option<Key>,
        most: usize,
    ) -> Vec<Item> {
        let zone = &calendar.zone;
        let length = event.ends(zone).duration_since(event.starts(zone));
        let before = self.before.unwrap_or(Timestamp::MAX);
        let ends_after = |at: &Timestamp| match self.after {
            Some(after) => at.checked_add(length).is_ok_and(|ends| ends > after),
            None => true,
        };
        recurrence::starts(event, zone, before)
            .into_iter()
            .filter(ends_after)
            .map(|at| (Key::new(at, event.position), at))
            .filter(|(key, _)| from.is_none_or(|from| *key > from))
            .take(most + 1)
            .map(|(key, at)| Item { key, event: Arc::clone(event), instance: Some(at) })
            .collect()
    }

    fn keeps(&self, event: &Event, calendar: &Calendar) -> bool {
        let deleted = event.is_cancelled();
        let shows_deleted = self.deleted == Deleted::Shown || self.updated.is_some();
        (!deleted || shows_deleted)
            && self.sync.is_none_or(|sync| event.changed > sync)
            && self.updated.is_none_or(|updated| event.updated() >= updated)
            && self.ical_uid.as_ref().is_none_or(|uid| *uid == event.ical_uid)
            && (self.types.is_empty() || self.types.iter().any(|kind| event.text("eventType") == Some(kind)))
            && self.private.iter().all(|pair| has_property(event, "private", pair))
            && self.shared.iter().all(|pair| has_property(event, "shared", pair))
            && self.is_in_time(event, calendar)
            && self.matches_words(event, calendar)
    }

    fn is_in_time(&self, event: &Event, calendar: &Calendar) -> bool {
        if self.after.is_none() && self.before.is_none() {
            return true;
        }
        if event.is_recurring() {
            return recurrence::overlaps(event, &calendar.zone, self.after, self.before);
        }
        self.after.is_none_or(|after| event.ends(&calendar.zone) > after)
            && self.before.is_none_or(|before| event.starts(&calendar.zone) < before)
    }

    fn matches_words(&self, event: &Event, calendar: &Calendar) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let mut text = String::new();
        for field in ["summary", "description", "location"] {
            text.push_str(event.text(field).unwrap_or_default());
            text.push('\n');
        }
        let organizer = render::organizer(event, calendar);
        for guest in event.guests().iter().chain([&organizer]) {
            for field in ["email", "displayName"] {
                text.push_str(guest.get(field).and_then(Value::as_str).unwrap_or_default());
                text.push('\n');
            }
        }
        let text = text.to_lowercase();
        self.words.iter().all(|word| text.contains(word))
    }
}

fn words(text: Option<&str>) -> Vec<String> {
    let text = text.unwrap_or_default().to_lowercase();
    text.split_whitespace().map(str::to_owned).collect()
}

fn properties(query: &Query, name: &'static str) -> Result<Vec<(String, String)>, ApiError> {
    query
        .all(name)
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(ApiError::invalid("Invalid Value")),
        })
        .collect()
}

fn has_property(event: &Event, side: &str, (key, value): &(String, String)) -> bool {
    let properties = event.fields.get("extendedProperties");
    properties
        .and_then(|properties| properties.get(side)?.get(key)?.as_str())
        .is_some_and(|stored| stored == value)
}
