//! The corpora of bodies in `tests/corpus`, good and bad, through the parser.

use serde_json::{Map, Value, json};

use super::{BodyError, Submission};

const BAD: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/bad_inputs.json"));
const REAL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/real_events.json"));

/// The entries of a corpus: name, bytes, the rest.
fn entries(corpus: &str) -> Vec<(String, Vec<u8>, Map<String, Value>)> {
    let entries: Vec<Map<String, Value>> = serde_json::from_str(corpus).unwrap();
    entries
        .into_iter()
        .map(|mut entry| {
            let name = entry["name"].as_str().unwrap().to_owned();
            let bytes = bytes(&mut entry);
            (name, bytes, entry)
        })
        .collect()
}

fn bytes(entry: &mut Map<String, Value>) -> Vec<u8> {
    if let Some(body) = entry.get_mut("body") {
        *body = expanded(body.take());
        return serde_json::to_vec(body).unwrap();
    }
    if let Some(text) = entry.get("rawBase64") {
        return data_encoding::BASE64.decode(text.as_str().unwrap().as_bytes()).unwrap();
    }
    let raw = expanded(entry["raw"].take());
    match raw.as_array() {
        Some(pieces) => pieces.iter().map(|piece| piece.as_str().unwrap()).collect::<String>().into_bytes(),
        None => raw.as_str().unwrap().as_bytes().to_vec(),
    }
}

/// `{"repeat": x, "times": n}` written out.
fn expanded(value: Value) -> Value {
    match value {
        Value::Object(object) if object.len() == 2 && object.contains_key("repeat") => {
            let numbers = 1..=object["times"].as_u64().unwrap();
            let numbers = numbers.map(|n| n.to_string());
            if let Some(text) = object["repeat"].as_str() {
                return Value::String(numbers.map(|n| text.replace("{n}", &n)).collect());
            }
            let text = object["repeat"].to_string();
            let copy = |n: String| serde_json::from_str::<Vec<Value>>(&text.replace("{n}", &n)).unwrap();
            numbers.flat_map(copy).collect()
        }
        Value::Object(object) => object.into_iter().map(|(name, value)| (name, expanded(value))).collect(),
        Value::Array(items) => items.into_iter().map(expanded).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[test]
fn bad_inputs_are_refused_by_the_field_that_is_wrong() {
    let entries = entries(BAD);
    assert!(entries.len() >= 250);
    for (name, bytes, entry) in entries {
        let expect = &entry["expect"];
        let status = expect["status"].as_u64().unwrap();
        if status == 413 {
            assert!(bytes.len() > 64 * 1024, "{name}");
            continue;
        }
        assert!(bytes.len() <= 64 * 1024, "{name}: {} bytes", bytes.len());
        if status == 415 {
            continue;
        }
        let error = Submission::parse(&bytes).expect_err(&name);
        let found = match &error {
            BodyError::Fields(problems) => {
                let problem = &problems[0];
                assert_eq!(problems.len(), 1, "{name}: {problems:?}");
                assert!(problem.message.len() > 10, "{name}: {}", problem.message);
                (422, Some(problem.field.as_str()), problem.code.as_str())
            }
            BodyError::NotUtf8 | BodyError::NotJson { .. } | BodyError::TooDeep | BodyError::NotAnObject => {
                (400, None, error.code())
            }
        };
        let expected = (status, expect["field"].as_str(), expect["code"].as_str().unwrap());
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn real_events_are_taken_and_what_is_said_to_google_reaches_google() {
    let entries = entries(REAL);
    assert!(entries.len() >= 100);
    let changed = ["start", "end", "conferenceData"];
    for (name, bytes, entry) in entries {
        let submission = Submission::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let resource = submission.event.resource();
        let taken = taken(&entry);
        for (field, value) in &taken {
            let google = super::schema::EVENT.iter().any(|known| known.name == field);
            if google && value.is_null() {
                assert_eq!(resource.get(field), None, "{name}: {field}");
            } else if google && !changed.contains(&field.as_str()) {
                assert_eq!(resource.get(field), Some(value), "{name}: {field}");
            }
        }
        let body = &entry["body"];
        // A time has a zone exactly where the caller named one.
        let named = ["/timeZone", "/start/timeZone", "/end/timeZone"]
            .iter()
            .any(|at| body.pointer(at).is_some_and(|zone| !zone.is_null() && zone != ""));
        for side in ["start", "end"].into_iter().filter(|side| resource[*side].get("date").is_none()) {
            assert_eq!(resource[side].get("timeZone").is_some(), named, "{name}: {side}");
        }
        // What goes to Google is itself a body, and comes to the same event without another word.
        let again = Submission::parse(&serde_json::to_vec(resource).unwrap()).unwrap();
        assert_eq!((&again.event, &again.warnings), (&submission.event, &vec![]), "{name}");
        let expect = entry.get("expect").and_then(Value::as_object).cloned().unwrap_or_default();
        check_expectation(&name, &expect, &submission);
        let told = submission.warnings.iter();
        let mut told: Vec<_> = told.map(|warning| json!([warning.field, warning.code.as_str()])).collect();
        let mut expected = expect.get("warnings").and_then(Value::as_array).cloned().unwrap_or_default();
        // Their order follows that of the body's names, which depends on how serde_json was built.
        for list in [&mut told, &mut expected] {
            list.sort_by_key(Value::to_string);
        }
        assert_eq!(told, expected, "{name}");
    }
}

/// The body as it is meant to be taken: as it was sent, but for what `taken` names; null is absent.
fn taken(entry: &Map<String, Value>) -> Map<String, Value> {
    let mut body = entry["body"].as_object().unwrap().clone();
    let changes = entry.get("expect").and_then(|expect| expect.get("taken")).and_then(Value::as_object);
    body.extend(changes.cloned().unwrap_or_default());
    body
}

fn check_expectation(name: &str, expect: &Map<String, Value>, submission: &Submission) {
    let event = &submission.event;
    for (what, value) in expect {
        match what.as_str() {
            "event" => {
                for (field, value) in value.as_object().unwrap() {
                    assert_eq!(event.resource().get(field), Some(value), "{name}: {field}");
                }
            }
            "endsAt" => {
                let instant = value.as_str().unwrap().parse().unwrap();
                assert_eq!(event.ends_at(), Some(instant), "{name}");
            }
            "recurring" => assert_eq!(event.ends_at(), None, "{name}"),
            "guests" => assert_eq!(Some(event.guests() as u64), value.as_u64(), "{name}"),
            "attachments" => assert_eq!(Some(event.has_attachments()), value.as_bool(), "{name}"),
            "conference" => assert_eq!(Some(submission.conference), value.as_bool(), "{name}"),
            "bringsConference" => {
                assert_eq!(Some(event.brings_conference()), value.as_bool(), "{name}");
                assert!(event.resource()["conferenceData"].get("createRequest").is_none());
            }
            // Compared by the caller.
            "taken" | "warnings" => {}
            other => panic!("{name} expects {other}"),
        }
    }
}
