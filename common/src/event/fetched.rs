//! An event that was fetched from Google and is posted back.
//!
//! Google marks what it returns with `etag` and `kind`. Such a body holds fields that Google fills
//! in; they are ignored with a warning, so that a caller can post what it has read. In any other
//! body the same fields are refused, because there a caller means something by them.

use serde_json::{Map, Value};

use super::problems::{Path, Problems};
use super::properties;
use super::schema;
use super::shape::{Field, Shape};
use crate::warning::WarningCode;

/// Removes what Google fills in, if `event` was fetched from Google.
pub(super) fn strip(event: &mut Map<String, Value>, problems: &mut Problems) {
    if !is_fetched(event) {
        return;
    }
    strip_meet(event, problems);
    strip_object(schema::EVENT, event, &Path::root(), problems);
    strip_answers(event, problems);
    strip_own_properties(event, problems);
}

fn is_fetched(event: &Map<String, Value>) -> bool {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    !text("etag").is_empty() || text("kind") == "calendar#event"
}

/// Removes every read-only field; a warning names a place in a list once, without its index.
fn strip_object(fields: &[Field], object: &mut Map<String, Value>, at: &Path, problems: &mut Problems) {
    for field in fields {
        let place = at.key(field.name);
        if matches!(field.shape, Shape::ReadOnly(_)) && object.remove(field.name).is_some() {
            problems.warn(&place, WarningCode::ReadOnly);
        }
        if let Some(value) = object.get_mut(field.name) {
            strip_value(&field.shape, value, &place, problems);
        }
    }
}

fn strip_value(shape: &Shape, value: &mut Value, at: &Path, problems: &mut Problems) {
    match (shape, value) {
        (Shape::Object(fields), Value::Object(object)) => strip_object(fields, object, at, problems),
        (Shape::List { each, .. }, Value::Array(items)) => {
            for item in items {
                strip_value(each, item, &at.each(), problems);
            }
        }
        _ => {}
    }
}

/// The guests' answers were given to the event that was fetched, not to the one to be made.
fn strip_answers(event: &mut Map<String, Value>, problems: &mut Problems) {
    let guests = event.get_mut("attendees").and_then(Value::as_array_mut);
    for guest in guests.into_iter().flatten().filter_map(Value::as_object_mut) {
        if guest.remove("responseStatus").is_some() {
            problems.warn("attendees[].responseStatus", WarningCode::ReadOnly);
        }
    }
}

/// A Meet conference belongs to the event that it was made for: Google's release notes of 17 February
/// 2026 ask for a new one for every event.
fn strip_meet(event: &mut Map<String, Value>, problems: &mut Problems) {
    let solution = event.get("conferenceData").and_then(|data| data.pointer("/conferenceSolution/key/type"));
    let unfinished = event
        .get("conferenceData")
        .is_some_and(|data| data.get("createRequest").is_some() && data.get("conferenceSolution").is_none());
    if unfinished || solution.and_then(Value::as_str) == Some("hangoutsMeet") {
        event.remove("conferenceData");
        problems.warn("conferenceData", WarningCode::ReadOnly);
    }
}

fn strip_own_properties(event: &mut Map<String, Value>, problems: &mut Problems) {
    let Some(Value::Object(private)) =
        event.get_mut("extendedProperties").and_then(|all| all.get_mut("private"))
    else {
        return;
    };
    let before = private.len();
    private.retain(|name, _| !properties::is_ours(name));
    if private.len() < before {
        problems.warn("extendedProperties.private", WarningCode::ReadOnly);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stripped(event: Value) -> (Value, Vec<String>) {
        let Value::Object(mut event) = event else { panic!("an object") };
        let mut problems = Problems::default();
        strip(&mut event, &mut problems);
        assert!(problems.changes().iter().all(|(_, code)| *code == WarningCode::ReadOnly));
        let fields = problems.changes().into_iter().map(|(field, _)| field).collect();
        (Value::Object(event), fields)
    }

    #[test]
    fn a_body_without_googles_marks_is_left_as_it_is() {
        for event in [
            json!({"id": "abc", "iCalUID": "x", "status": "confirmed"}),
            json!({"etag": "", "kind": "calendar#events", "creator": {}}),
            json!({"etag": null, "organizer": {"self": true}}),
            json!({"attendees": [{"email": "a@example.com", "self": true, "responseStatus": "accepted"}]}),
        ] {
            assert_eq!(stripped(event.clone()), (event, vec![]));
        }
    }

    #[test]
    fn either_mark_is_enough_and_each_field_is_told_once() {
        for mark in [json!({"etag": "\"3424\""}), json!({"kind": "calendar#event"})] {
            let mut event = json!({
                "id": "abc", "summary": "s", "attendees": [
                    {"email": "a@example.com", "self": true, "responseStatus": "accepted"},
                    {"email": "b@example.com", "self": false, "responseStatus": "declined", "optional": true},
                ],
            });
            event.as_object_mut().unwrap().extend(mark.as_object().unwrap().clone());
            let (event, fields) = stripped(event);
            let guests = json!([{"email": "a@example.com"}, {"email": "b@example.com", "optional": true}]);
            assert_eq!(event, json!({"summary": "s", "attendees": guests}));
            assert_eq!(fields.len(), 4, "{fields:?}");
            assert!(fields.contains(&"attendees[].self".to_owned()), "{fields:?}");
        }
    }

    #[test]
    fn its_meet_conference_goes_and_another_one_stays_to_be_judged() {
        let with = |data: Value| stripped(json!({"etag": "1", "conferenceData": data})).0;
        let solution =
            |kind: &str| json!({"conferenceSolution": {"key": {"type": kind}}, "createRequest": {}});
        assert_eq!(with(solution("hangoutsMeet")), json!({}));
        assert_eq!(with(json!({"createRequest": {"status": {"statusCode": "pending"}}})), json!({}));
        assert!(
            with(json!({"conferenceSolution": {"key": {"type": "addOn"}}})).get("conferenceData").is_some()
        );
    }

    #[test]
    fn our_own_properties_go_and_the_callers_stay() {
        let private = json!({"calrelayBody": "x", "CalrelaySeq": "1", "crm": "7"});
        let event =
            json!({"etag": "1", "extendedProperties": {"private": private, "shared": {"calrelay": "y"}}});
        let (event, fields) = stripped(event);
        let left = json!({"private": {"crm": "7"}, "shared": {"calrelay": "y"}});
        assert_eq!(event, json!({"extendedProperties": left}));
        assert_eq!(fields, ["etag", "extendedProperties.private"]);
    }
}
