//! The writable fields of an event besides its times: their types, their limits, and what Google drops in silence.

use serde_json::{Map, Value, json};

use super::objections::Objections;
use super::refusal::Refusal;
use super::refusal::field::{
    COLOR, FILE, LONG_DESCRIPTION, LONG_SUMMARY, MANY_ATTACHMENTS, MANY_PROPERTIES, MISSING_FILE, SOURCE,
};
use super::{guests, reminders, text};
use crate::api_error::ApiError;

enum Shape {
    Text,
    Boolean,
    OneOf(&'static [&'static str]),
    Object,
    Array,
}

const FIELDS: &[(&str, Shape)] = &[
    ("summary", Shape::Text),
    ("description", Shape::Text),
    ("location", Shape::Text),
    ("colorId", Shape::Text),
    ("eventLabelId", Shape::Text),
    ("status", Shape::OneOf(&["confirmed", "tentative", "cancelled"])),
    ("transparency", Shape::OneOf(&["opaque", "transparent"])),
    ("visibility", Shape::OneOf(&["default", "public", "private", "confidential"])),
    (
        "eventType",
        Shape::OneOf(&["default", "birthday", "focusTime", "outOfOffice", "workingLocation", "fromGmail"]),
    ),
    ("anyoneCanAddSelf", Shape::Boolean),
    ("attendeesOmitted", Shape::Boolean),
    ("endTimeUnspecified", Shape::Boolean),
    ("guestsCanInviteOthers", Shape::Boolean),
    ("guestsCanModify", Shape::Boolean),
    ("guestsCanSeeOtherGuests", Shape::Boolean),
    ("privateCopy", Shape::Boolean),
    ("extendedProperties", Shape::Object),
    ("reminders", Shape::Object),
    ("source", Shape::Object),
    ("gadget", Shape::Object),
    ("birthdayProperties", Shape::Object),
    ("focusTimeProperties", Shape::Object),
    ("outOfOfficeProperties", Shape::Object),
    ("workingLocationProperties", Shape::Object),
    ("attendees", Shape::Array),
    ("attachments", Shape::Array),
    ("recurrence", Shape::Array),
];

/// The fields of a body, checked and tidied. Unknown and read-only ones are ignored, as Google ignores them.
///
/// Of the fields that a caller may write, `gadget` and `attendeesOmitted` have no effect on a new event and are ignored
/// too. Uncertain: an `eventLabelId` that the calendar has no label for, which is kept.
pub(super) fn read(body: &Map<String, Value>, objections: &mut Objections) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, shape) in FIELDS {
        let value = match body.get(*name) {
            None | Some(Value::Null) => continue,
            Some(value) => value,
        };
        let tidied = shape.check(value).and_then(|()| tidy(name, value, objections));
        if let Some(value) = objections.take(tidied).flatten() {
            fields.insert((*name).to_owned(), value);
        }
    }
    fields
}

impl Shape {
    fn check(&self, value: &Value) -> Result<(), ApiError> {
        let fits = match (self, value) {
            (Self::OneOf(words), Value::String(word)) if !words.contains(&word.as_str()) => {
                return Err(ApiError::no_such_value(word));
            }
            (Self::Text | Self::OneOf(_), value) => value.is_string(),
            (Self::Boolean, value) => value.is_boolean(),
            (Self::Object, value) => value.is_object(),
            (Self::Array, value) => value.is_array(),
        };
        if fits { Ok(()) } else { Err(ApiError::of("badRequest")) }
    }
}

/// What is kept of a value of the right type; `None` when nothing is.
fn tidy(name: &str, value: &Value, objections: &mut Objections) -> Result<Option<Value>, ApiError> {
    match (name, value) {
        ("summary", Value::String(text)) => long(text, SUMMARY_CHARS, LONG_SUMMARY),
        ("description", Value::String(text)) => long(text, DESCRIPTION_CHARS, LONG_DESCRIPTION),
        ("location", Value::String(text)) => Ok(Some(json!(text::stripped(text)))),
        ("colorId", Value::String(id)) if !COLORS.contains(&id.as_str()) => Err(COLOR.into()),
        ("attendees", Value::Array(list)) => Ok(some_array(guests::read(list, objections))),
        ("attachments", Value::Array(list)) => attachments(list).map(some_array),
        ("recurrence", Value::Array(list)) if list.is_empty() => Ok(None),
        // Google's way to take a label off.
        ("eventLabelId", Value::String(text)) if text.is_empty() => Ok(None),
        ("extendedProperties", Value::Object(object)) => extended(object),
        ("reminders", Value::Object(object)) => reminders::read(object).map(Some),
        ("source", Value::Object(object)) => source(object).map(Some),
        ("focusTimeProperties" | "outOfOfficeProperties", Value::Object(object)) => {
            let mut kept = object.clone();
            text::strip(&mut kept, &["declineMessage"]);
            Ok(Some(Value::Object(kept)))
        }
        // It is told only of an event that has none.
        ("endTimeUnspecified", Value::Bool(false)) => Ok(None),
        ("attendeesOmitted" | "gadget", _) => Ok(None),
        _ => Ok(Some(value.clone())),
    }
}

const COLORS: &[&str] = &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"];
const SUMMARY_CHARS: usize = 1024;
const DESCRIPTION_CHARS: usize = 8192;

fn long(text: &str, most: usize, refusal: Refusal) -> Result<Option<Value>, ApiError> {
    let text = text::stripped(text);
    if text.chars().count() > most { Err(refusal.into()) } else { Ok(Some(json!(text))) }
}

fn some_array(list: Vec<Value>) -> Option<Value> {
    (!list.is_empty()).then_some(Value::Array(list))
}

const KEY_CHARS: usize = 44;
const VALUE_CHARS: usize = 1024;
const PROPERTIES: usize = 300;
const PROPERTY_BYTES: usize = 32 * 1024;

/// Long keys are dropped and long values cut, both without a word.
fn extended(object: &Map<String, Value>) -> Result<Option<Value>, ApiError> {
    let mut kept = Map::new();
    let (mut count, mut bytes) = (0, 0);
    for side in ["private", "shared"] {
        let properties = match object.get(side) {
            None | Some(Value::Null) => continue,
            Some(Value::Object(properties)) => properties,
            Some(_) => return Err(ApiError::of("badRequest")),
        };
        let mut side_kept = Map::new();
        for (key, value) in properties {
            let value = match value {
                Value::Null => continue,
                Value::String(value) => value,
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    return Err(ApiError::of("badRequest"));
                }
            };
            if key.chars().count() > KEY_CHARS {
                continue;
            }
            let value: String = value.chars().take(VALUE_CHARS).collect();
            count += 1;
            bytes += key.len() + value.len();
            side_kept.insert(key.clone(), Value::String(value));
        }
        if !side_kept.is_empty() {
            kept.insert(side.to_owned(), Value::Object(side_kept));
        }
    }
    if count > PROPERTIES || bytes > PROPERTY_BYTES {
        return Err(MANY_PROPERTIES.into());
    }
    Ok((!kept.is_empty()).then_some(Value::Object(kept)))
}

fn source(object: &Map<String, Value>) -> Result<Value, ApiError> {
    let url = object.get("url").and_then(Value::as_str).unwrap_or_default();
    if !is_link(url) {
        return Err(SOURCE.into());
    }
    let mut kept = object.clone();
    text::strip(&mut kept, &["title"]);
    Ok(Value::Object(kept))
}

fn is_link(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()))
}

/// Files by their links; an id is Google's to give.
fn attachments(list: &[Value]) -> Result<Vec<Value>, ApiError> {
    if list.len() > 25 {
        return Err(MANY_ATTACHMENTS.into());
    }
    let one = |attachment: &Value| {
        let mut attachment = attachment.as_object().ok_or_else(|| ApiError::of("badRequest"))?.clone();
        attachment.retain(|name, value| name != "fileId" && !value.is_null());
        if attachment.values().any(|value| !value.is_string()) {
            return Err(ApiError::of("badRequest"));
        }
        match attachment.get("fileUrl").and_then(Value::as_str).unwrap_or_default() {
            "" => Err(MISSING_FILE.into()),
            link if !is_link(link) => Err(FILE.into()),
            _ => Ok(Value::Object(attachment)),
        }
    };
    list.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(name: &str, value: Value) -> Result<Option<Value>, ApiError> {
        let body = Map::from_iter([(name.to_owned(), value)]);
        let mut objections = Objections::default();
        let kept = read(&body, &mut objections).remove(name);
        objections.settle(Some(kept))
    }

    #[test]
    fn wrong_types_are_bad_requests_and_unknown_fields_are_ignored() {
        for (name, value) in [
            ("summary", json!(5)),
            ("attendees", json!({})),
            ("guestsCanModify", json!("yes")),
            ("reminders", json!([])),
            ("extendedProperties", json!({"private": []})),
            ("extendedProperties", json!({"private": {"a": 1}})),
        ] {
            let error = read_one(name, value).unwrap_err();
            assert_eq!(error.message(), "Bad Request", "{name}");
        }
        assert_eq!(read_one("kind", json!("x")).unwrap(), None);
        assert_eq!(read_one("summary", Value::Null).unwrap(), None);
    }

    #[test]
    fn long_property_keys_vanish_and_long_values_are_cut() {
        let key = "k".repeat(44);
        let kept = read_one(
            "extendedProperties",
            json!({"private": {&key: "é".repeat(1025), "x".repeat(45): "v"}, "shared": {"null": null}}),
        )
        .unwrap()
        .unwrap();
        let private = kept["private"].as_object().unwrap();
        assert_eq!(private.len(), 1);
        assert_eq!(private[&key].as_str().unwrap().chars().count(), 1024);
        assert!(kept.get("shared").is_none());
    }

    #[test]
    fn three_hundred_properties_fit_and_one_more_does_not() {
        let properties = |count: usize| {
            let map: Map<String, Value> = (0..count).map(|n| (format!("k{n}"), json!("v"))).collect();
            json!({"private": map})
        };
        assert!(read_one("extendedProperties", properties(300)).is_ok());
        assert!(read_one("extendedProperties", properties(301)).is_err());
        let fat: Map<String, Value> = (0..33).map(|n| (format!("k{n}"), json!("v".repeat(1024)))).collect();
        assert!(read_one("extendedProperties", json!({"shared": fat})).is_err());
    }
}
