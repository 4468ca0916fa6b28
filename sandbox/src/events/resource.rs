//! The Event resource as a caller writes it: read into a draft, and back into what a patch merges with.

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::conference::{self, Wish};
use super::kinds::{self, Subject};
use super::objections::Objections;
use super::{fields, recurrence, render, times};
use crate::api_error::ApiError;
use crate::calendar::Calendar;
use crate::event::{Event, When};
use crate::query::Query;

/// What is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    New,
    Replacement,
    /// A merged resource whose patch said nothing of the conference.
    Patch,
    PatchWithConference,
}

/// A checked resource.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: Option<String>,
    pub(super) ical_uid: Option<String>,
    pub(super) sequence: Option<i64>,
    pub(super) start: When,
    pub(super) end: When,
    pub(super) conference: Wish,
    pub(super) fields: Map<String, Value>,
}

/// Checks everything that can be checked without the calendar's events. `was` is the kind that the event has.
pub(super) fn read(
    body: &Map<String, Value>,
    query: &Query,
    calendar: &Calendar,
    kind: Kind,
    was: Option<&str>,
) -> Result<Draft, ApiError> {
    let mut objections = Objections::default();
    let mut fields = fields::read(body, &mut objections);
    let is_recurring = fields.contains_key("recurrence");
    let times = times::read(body, &calendar.zone, is_recurring, &mut objections);
    if let (Some(lines), Some((start, _))) = (fields.get("recurrence").and_then(Value::as_array), &times) {
        objections.take(recurrence::check(lines, start, &calendar.zone));
    }
    let conference = objections.take(conference::wish(body, query, kind)).unwrap_or(Wish::Leave);
    let subject = Subject {
        fields: &fields,
        times: times.as_ref(),
        conference: matches!(conference, Wish::Create { .. }),
        primary: calendar.info.id == calendar.info.owner,
        was,
    };
    kinds::check(&subject, &mut objections);
    let id = objections.take(text(body, "id")).flatten();
    let ical_uid = objections.take(text(body, "iCalUID")).flatten();
    let sequence = objections.take(integer(body, "sequence")).flatten();
    let (start, end) = objections.settle(times)?;
    let attachments = match kind {
        Kind::New | Kind::Replacement => query.is_true("supportsAttachments"),
        Kind::Patch | Kind::PatchWithConference => true,
    };
    if !attachments {
        fields.remove("attachments");
    }
    fields.entry("status").or_insert_with(|| json!("confirmed"));
    fields.entry("eventType").or_insert_with(|| json!("default"));
    fields.entry("reminders").or_insert_with(|| json!({"useDefault": true}));
    Ok(Draft {
        id: id.filter(|_| kind == Kind::New),
        ical_uid: ical_uid.filter(|_| kind == Kind::New),
        sequence,
        conference,
        start,
        end,
        fields,
    })
}

/// An event as the resource a patch is merged into.
pub(super) fn of(event: &Event) -> Map<String, Value> {
    let mut resource = event.fields.clone();
    resource.insert("start".to_owned(), render::when(&event.start, &TimeZone::UTC));
    resource.insert("end".to_owned(), render::when(&event.end, &TimeZone::UTC));
    for (side, when) in [("start", &event.start), ("end", &event.end)] {
        if let (When::At(_, None), Some(Value::Object(value))) = (when, resource.get_mut(side)) {
            value.remove("timeZone");
        }
    }
    resource
}

fn text(body: &Map<String, Value>, key: &str) -> Result<Option<String>, ApiError> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ApiError::of("badRequest")),
    }
}

fn integer(body: &Map<String, Value>, key: &str) -> Result<Option<i64>, ApiError> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64() {
            Some(number) if (0..=i64::from(i32::MAX)).contains(&number) => Ok(Some(number)),
            Some(_) | None => Err(ApiError::of("badRequest")),
        },
    }
}
