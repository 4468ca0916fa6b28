//! Kinds of events: ordinary ones, and Google's special ones with properties of their own.

use serde_json::{Map, Value};

use super::problems::{Path, Problems};
use crate::field::FieldCode;

/// Each special kind, and the field that holds its properties.
const PROPERTIES: &[(&str, &str)] = &[
    ("birthday", "birthdayProperties"),
    ("focusTime", "focusTimeProperties"),
    ("outOfOffice", "outOfOfficeProperties"),
    ("workingLocation", "workingLocationProperties"),
];

/// Whether this is one of Google's special kinds.
pub(super) fn is_special(event: &Map<String, Value>) -> bool {
    name(event) != "default"
}

/// Checks that the properties belong to the event's kind.
pub(super) fn check(event: &Map<String, Value>, problems: &mut Problems) {
    let kind = name(event);
    for (owner, field) in PROPERTIES {
        let at = Path::root().key(field);
        if event.contains_key(*field) && *owner != kind && !problems.concern("eventType") {
            let message = format!("{at} belong to an event with eventType `{owner}`");
            problems.add(&at, FieldCode::Conflict, message);
        }
    }
    let location = "workingLocationProperties";
    if kind == "workingLocation" && !event.contains_key(location) && !problems.concern(location) {
        let message = format!("an event with eventType `{kind}` needs {location}");
        problems.add(location, FieldCode::Required, message);
    }
    let timed = |side: &str| event.get(side).is_some_and(|side| side.get("date").is_none());
    if kind == "birthday" && timed("start") {
        let message = "a birthday is an all-day event: send start.date and end.date";
        problems.add("start", FieldCode::Conflict, message);
    }
}

fn name(event: &Map<String, Value>) -> &str {
    event.get("eventType").and_then(Value::as_str).unwrap_or("default")
}
