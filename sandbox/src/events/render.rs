//! An event as Google prints it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use serde_json::{Map, Value, json};

use super::conference;
use super::guests::{self, Omitted};
use crate::api_error::ApiError;
use crate::calendar::Calendar;
use crate::event::{Event, When};
use crate::identifier;
use crate::query::Query;

/// How a reader wants it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Shows times in this zone instead of the calendar's.
    zone: Option<TimeZone>,
    most_guests: Option<usize>,
}

impl Options {
    pub(super) fn read(query: &Query) -> Result<Self, ApiError> {
        Ok(Self { zone: query.zone("timeZone")?, most_guests: query.count("maxAttendees")? })
    }
}

pub(crate) fn event(event: &Event, calendar: &Calendar, options: &Options) -> Value {
    let id = &calendar.info.id;
    let zone = options.zone.as_ref().unwrap_or(&calendar.zone);
    let mut shown = event.fields.clone();
    let organizer = organizer(event, calendar);
    let mut creator = json!({"email": event.creator});
    if event.creator == *id {
        creator["self"] = json!(true);
    }
    if !event.guests().is_empty() {
        let address = organizer["email"].as_str().unwrap_or_default();
        let (list, omitted) = guests::shown(event.guests(), id, address, options.most_guests);
        put(&mut shown, "attendees", json!(list));
        if omitted == Omitted::Others {
            put(&mut shown, "attendeesOmitted", json!(true));
        }
    }
    if let Some((data, link)) = conference::shown(event) {
        put(&mut shown, "conferenceData", data);
        if let Some(link) = link {
            put(&mut shown, "hangoutLink", json!(link));
        }
    }
    put(&mut shown, "kind", json!("calendar#event"));
    put(&mut shown, "etag", json!(event.etag()));
    put(&mut shown, "id", json!(event.id));
    put(&mut shown, "htmlLink", json!(identifier::html_link(&event.id, id)));
    put(&mut shown, "created", json!(created(event.created)));
    put(&mut shown, "updated", json!(millis(event.updated())));
    put(&mut shown, "creator", creator);
    put(&mut shown, "organizer", organizer);
    put(&mut shown, "start", when(&event.start, zone));
    put(&mut shown, "end", when(&event.end, zone));
    put(&mut shown, "iCalUID", json!(event.ical_uid));
    put(&mut shown, "sequence", json!(event.sequence));
    Value::Object(shown)
}

/// One instance of a recurring event, beginning at `at`.
pub(crate) fn instance(master: &Event, at: Timestamp, calendar: &Calendar, options: &Options) -> Value {
    let zone = &calendar.zone;
    let mut moved = master.clone();
    let length = master.ends(zone).duration_since(master.starts(zone));
    let ends = at.checked_add(length).unwrap_or(Timestamp::MAX);
    moved.start = shifted(&master.start, at, zone);
    moved.end = shifted(&master.end, ends, zone);
    moved.fields.remove("recurrence");
    let original = when(&moved.start, options.zone.as_ref().unwrap_or(zone));
    let id = super::recurrence::instance_id(master, &moved.start);
    let mut shown = event(&moved, calendar, options);
    shown["recurringEventId"] = json!(master.id);
    shown["originalStartTime"] = original;
    shown["htmlLink"] = json!(identifier::html_link(&id, &calendar.info.id));
    shown["id"] = json!(id);
    shown
}

fn shifted(like: &When, at: Timestamp, zone: &TimeZone) -> When {
    match like {
        When::Date(_) => When::Date(at.to_zoned(zone.clone()).date()),
        When::At(_, attached) => When::At(at, attached.clone()),
    }
}

pub(super) fn organizer(event: &Event, calendar: &Calendar) -> Value {
    let id = &calendar.info.id;
    if let Some(organizer) = event.fields.get("organizer") {
        let mut organizer = organizer.clone();
        if organizer["email"].as_str().is_some_and(|email| email.eq_ignore_ascii_case(id)) {
            organizer["self"] = json!(true);
        }
        return organizer;
    }
    let mut organizer = json!({"email": id, "self": true});
    if *id != calendar.info.owner {
        organizer["displayName"] = json!(id);
    }
    organizer
}

/// What someone sees of a private event who may only read the calendar.
pub(crate) fn without_details(mut event: Value) -> Value {
    let is_private = ["private", "confidential"].iter().any(|word| event["visibility"] == *word);
    if let (true, Value::Object(fields)) = (is_private, &mut event) {
        fields.retain(|name, _| SEEN_BY_READERS.contains(&name.as_str()));
    }
    event
}

const SEEN_BY_READERS: &[&str] = &[
    "kind",
    "etag",
    "id",
    "status",
    "htmlLink",
    "created",
    "updated",
    "start",
    "end",
    "recurringEventId",
    "originalStartTime",
    "transparency",
    "visibility",
    "iCalUID",
    "sequence",
    "eventType",
];

fn put(object: &mut Map<String, Value>, key: &str, value: Value) {
    object.insert(key.to_owned(), value);
}

/// A start or end: a date, or a moment with its offset in `zone` and the zone the caller attached (else that of the
/// calendar).
pub(crate) fn when(when: &When, zone: &TimeZone) -> Value {
    match when {
        When::Date(date) => json!({"date": date.to_string()}),
        When::At(at, attached) => {
            let attached = attached.as_deref().or_else(|| zone.iana_name());
            json!({"dateTime": with_offset(*at, zone), "timeZone": attached.unwrap_or("UTC")})
        }
    }
}

/// RFC 3339 has no seconds in an offset: where a zone's has some, as all had before 1900, the offset is shown to the
/// minute and the clock with it, which is the same instant.
fn with_offset(at: Timestamp, zone: &TimeZone) -> String {
    let offset = zone.to_offset(at);
    let zoned = at.to_zoned(offset.round(Unit::Minute).unwrap_or(offset).to_time_zone());
    if zoned.offset().is_zero() {
        zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    } else {
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
}

/// Google stamps creation in whole seconds.
fn created(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

pub(super) fn millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_the_calendars_zone_with_the_callers_zone_beside_it() {
        let at: Timestamp = "2026-12-30T08:30:00Z".parse().unwrap();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let shown = when(&When::At(at, Some("Asia/Kolkata".to_owned())), &berlin);
        assert_eq!(shown, json!({"dateTime": "2026-12-30T09:30:00+01:00", "timeZone": "Asia/Kolkata"}));
        let shown = when(&When::At(at, None), &TimeZone::UTC);
        assert_eq!(shown, json!({"dateTime": "2026-12-30T08:30:00Z", "timeZone": "UTC"}));
    }

    #[test]
    fn an_offset_of_local_mean_time_is_shown_to_the_minute() {
        for (at, zone, shown) in [
            ("1890-06-01T11:06:32Z", "Europe/Berlin", "1890-06-01T11:59:32+00:53"),
            ("1601-01-01T04:56:02Z", "America/New_York", "1601-01-01T00:00:02-04:56"),
            ("1850-01-01T00:00:00Z", "Asia/Kolkata", "1850-01-01T05:53:00+05:53"),
            ("1948-03-02T08:00:00Z", "Europe/Berlin", "1948-03-02T09:00:00+01:00"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            let said = with_offset(at, &TimeZone::get(zone).unwrap());
            assert_eq!(said, shown, "{zone}");
            assert_eq!(said.parse::<Timestamp>().unwrap(), at, "{zone}");
        }
    }

    #[test]
    fn creation_is_whole_seconds_and_updates_are_milliseconds() {
        let at: Timestamp = "2026-12-30T08:30:00.123456Z".parse().unwrap();
        assert_eq!(created(at), "2026-12-30T08:30:00.000Z");
        assert_eq!(millis(at), "2026-12-30T08:30:00.123Z");
    }
}
