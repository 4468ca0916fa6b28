//! The writable fields of an event besides its times: their types, their limits, and what Google drops in silence.

use serde_json::{Map, Value, json};

use super::guests;
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
pub(super) fn read(body: &Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    let mut fields = Map::new();
    for (name, shape) in FIELDS {
        let value = match body.get(*name) {
            None | Some(Value::Null) => continue,
            Some(value) => value,
        };
        if !shape.fits(value)? {
            return Err(ApiError::of("badRequest"));
        }
        if let Some(value) = tidy(name, value)? {
            fields.insert((*name).to_owned(), value);
        }
    }
    Ok(fields)
}

impl Shape {
    fn fits(&self, value: &Value) -> Result<bool, ApiError> {
        match (self, value) {
            (Self::OneOf(words), Value::String(word)) if !words.contains(&word.as_str()) => {
                Err(ApiError::invalid(format!("Invalid value for: {word} is not a valid value")))
            }
            (Self::Text | Self::OneOf(_), value) => Ok(value.is_string()),
            (Self::Boolean, value) => Ok(value.is_boolean()),
            (Self::Object, value) => Ok(value.is_object()),
            (Self::Array, value) => Ok(value.is_array()),
        }
    }
}

/// What is kept of a value of the right type; `None` when nothing is.
fn tidy(name: &str, value: &Value) -> Result<Option<Value>, ApiError> {
    match (name, value) {
        ("attendees", Value::Array(list)) => guests::read(list).map(some_array),
        ("attachments", Value::Array(list)) => attachments(list).map(some_array),
        ("recurrence", Value::Array(list)) if list.is_empty() => Ok(None),
        // Google's way to take a label off.
        ("eventLabelId", Value::String(text)) if text.is_empty() => Ok(None),
        ("extendedProperties", Value::Object(object)) => extended(object),
        ("reminders", Value::Object(object)) => reminders(object).map(Some),
        ("source", Value::Object(object)) => source(object).map(Some),
        _ => Ok(Some(value.clone())),
    }
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
        return Err(ApiError::invalid("The extended properties exceed the size limit."));
    }
    Ok((!kept.is_empty()).then_some(Value::Object(kept)))
}

fn reminders(object: &Map<String, Value>) -> Result<Value, ApiError> {
    let uses_default = match object.get("useDefault") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(_) => return Err(ApiError::of("badRequest")),
    };
    let overrides = match object.get("overrides") {
        None | Some(Value::Null) => return Ok(json!({"useDefault": uses_default})),
        Some(Value::Array(overrides)) => overrides,
        Some(_) => return Err(ApiError::of("badRequest")),
    };
    if overrides.is_empty() {
        return Ok(json!({"useDefault": uses_default}));
    }
    if uses_default {
        return Err(ApiError::invalid(
            "Cannot specify both default reminders and overrides at the same time.",
        ));
    }
    if overrides.len() > 5 {
        return Err(ApiError::invalid("The maximum number of override reminders is 5."));
    }
    let mut kept = Vec::new();
    for reminder in overrides {
        let method = reminder.get("method").and_then(Value::as_str);
        let Some(method) = method.filter(|method| ["email", "popup"].contains(method)) else {
            return Err(ApiError::invalid("Invalid reminder method."));
        };
        let minutes = reminder.get("minutes").and_then(Value::as_i64);
        let Some(minutes) = minutes.filter(|minutes| (0..=40_320).contains(minutes)) else {
            return Err(ApiError::invalid("Invalid reminder minutes."));
        };
        kept.push(json!({"method": method, "minutes": minutes}));
    }
    Ok(json!({"useDefault": false, "overrides": kept}))
}

fn source(object: &Map<String, Value>) -> Result<Value, ApiError> {
    let url = object.get("url").and_then(Value::as_str).unwrap_or_default();
    match url::Url::parse(url) {
        Ok(parsed) if ["http", "https"].contains(&parsed.scheme()) => Ok(Value::Object(object.clone())),
        Ok(_) | Err(_) => Err(ApiError::invalid("Invalid source URL.")),
    }
}

fn attachments(list: &[Value]) -> Result<Vec<Value>, ApiError> {
    if list.len() > 25 {
        return Err(ApiError::invalid("The maximum number of attachments is 25."));
    }
    for attachment in list {
        if attachment.get("fileUrl").and_then(Value::as_str).is_none() {
            return Err(ApiError::required("Missing attachment file URL."));
        }
    }
    Ok(list.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(name: &str, value: Value) -> Result<Option<Value>, ApiError> {
        let body = Map::from_iter([(name.to_owned(), value)]);
        read(&body).map(|mut fields| fields.remove(name))
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

    #[test]
    fn reminders_have_bounds() {
        let reminder = |minutes: i64| json!({"method": "popup", "minutes": minutes});
        let with = |list: Vec<Value>| read_one("reminders", json!({"useDefault": false, "overrides": list}));
        assert!(with(vec![reminder(0), reminder(40_320)]).is_ok());
        assert!(with(vec![reminder(40_321)]).is_err());
        assert!(with(vec![reminder(-1)]).is_err());
        assert!(with((0..6).map(reminder).collect()).is_err());
        assert!(with(vec![json!({"method": "sms", "minutes": 1})]).is_err());
        let both = json!({"useDefault": true, "overrides": [reminder(1)]});
        assert!(read_one("reminders", both).is_err());
    }
}
