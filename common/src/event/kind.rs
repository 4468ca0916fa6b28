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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(event: Value) -> Vec<(String, FieldCode)> {
        let mut problems = Problems::default();
        check(event.as_object().unwrap(), &mut problems);
        problems.summary()
    }

    #[test]
    fn properties_belong_to_their_own_kind() {
        for (kind, field) in PROPERTIES {
            assert_eq!(found(json!({"eventType": kind, *field: {}})), [], "{kind}");
            let conflict = [((*field).to_owned(), FieldCode::Conflict)];
            assert_eq!(found(json!({ *field: {} })), conflict, "{kind}");
            assert_eq!(found(json!({"eventType": "default", *field: {}})), conflict, "{kind}");
        }
    }

    #[test]
    fn a_working_location_says_where_and_a_birthday_is_a_day() {
        assert_eq!(
            found(json!({"eventType": "workingLocation"})),
            [("workingLocationProperties".to_owned(), FieldCode::Required)]
        );
        let birthday = |start: Value| json!({"eventType": "birthday", "start": start});
        assert_eq!(found(birthday(json!({"date": "2027-01-05"}))), []);
        let timed = found(birthday(json!({"dateTime": "2027-01-05T09:00:00Z"})));
        assert_eq!(timed, [("start".to_owned(), FieldCode::Conflict)]);
    }

    #[test]
    fn only_default_events_are_ordinary() {
        for (event, special) in [
            (json!({}), false),
            (json!({"eventType": "default"}), false),
            (json!({"eventType": "focusTime"}), true),
        ] {
            assert_eq!(is_special(event.as_object().unwrap()), special, "{event}");
        }
    }
}
