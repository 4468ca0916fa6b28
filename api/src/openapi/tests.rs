//! What the published contract promises of itself.

use std::collections::BTreeSet;

use common::event::{BodyError, Submission, schema_properties};
use common::field::FieldCode;

use super::*;
use crate::paths;

/// Every operation: its path or webhook, its method, and what it says.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let groups = ["paths", "webhooks"].map(|group| document[group].as_object().unwrap());
    let items = groups.into_iter().flatten();
    let methods = items.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| (path.clone(), method.clone(), operation.clone()))
    });
    methods.collect()
}

#[test]
fn the_contract_is_openapi_3_1_and_has_every_route_for_programs_under_its_name() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let expected = [
        (paths::EVENTS, "post", "createEvent"),
        (paths::OLDER, "post", "createEventOlder"),
        (paths::JOB, "get", "getJob"),
        (paths::JOB, "delete", "cancelJob"),
        (paths::STATUS, "get", "getCalendarStatus"),
        (paths::ACCOUNTS, "get", "listAccounts"),
        (paths::ACCOUNT, "get", "getAccount"),
        (paths::ACCOUNT, "delete", "disconnectAccount"),
        (paths::LINKS, "post", "createConnectLink"),
        (paths::OPENAPI, "get", "getContract"),
        ("job", "post", "jobNotice"),
        ("account", "post", "accountNotice"),
    ];
    let expected: BTreeSet<_> =
        expected.map(|(path, method, id)| (path.to_owned(), method.to_owned(), json!(id).to_string())).into();
    let found = operations(&document).into_iter();
    let found: BTreeSet<_> =
        found.map(|(path, method, operation)| (path, method, operation["operationId"].to_string())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_which_key_it_needs_and_how_it_is_refused() {
    let document = document();
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap().to_owned();
        assert!(names.insert(name.clone()), "{name}");
        assert!(operation["security"].is_array(), "{method} {path}");
        if path.starts_with('/') {
            for status in ["403", "421", "429", "500"] {
                assert!(operation["responses"][status].is_object(), "{method} {path}: {status}");
            }
        }
        if operation["requestBody"].is_object() && path.starts_with('/') {
            for status in ["400", "408", "413", "415", "422"] {
                assert!(operation["responses"][status].is_object(), "{method} {path}: {status}");
            }
        }
    }
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(path.starts_with("/api/"), "{path} is a page");
    }
}

#[test]
fn every_reference_points_at_a_schema() {
    let document = document();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    if let Some(object) = value.as_object() {
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            references.push(reference.to_owned());
        }
        object.values().for_each(|value| collect(value, references));
    } else if let Some(list) = value.as_array() {
        list.iter().for_each(|value| collect(value, references));
    }
}

#[test]
fn no_field_that_may_be_left_out_has_a_default_that_makes_it_required() {
    let mut defaults = Vec::new();
    fn find(value: &Value, at: &str, defaults: &mut Vec<String>) {
        if let Some(object) = value.as_object() {
            if object.contains_key("default") && object.contains_key("type") {
                defaults.push(at.to_owned());
            }
            object.iter().for_each(|(name, value)| find(value, &format!("{at}/{name}"), defaults));
        }
    }
    find(&document()["components"], "", &mut defaults);
    assert_eq!(defaults, Vec::<String>::new());
}

#[test]
fn the_body_has_every_field_that_the_parser_takes_and_needs_what_the_parser_needs() {
    let document = document();
    let body = &document["components"]["schemas"]["EventRequest"];
    let ours: BTreeSet<&String> = body["properties"].as_object().unwrap().keys().collect();
    let taken = schema_properties();
    assert_eq!(ours, taken.keys().collect());
    let all: serde_json::Map<String, Value> =
        ours.iter().map(|name| ((*name).clone(), Value::from(f64::MIN))).collect();
    let Err(BodyError::Fields(errors)) = Submission::parse(json!(all).to_string().as_bytes()) else {
        panic!("numbers are no event");
    };
    let unknown: Vec<_> = errors.iter().filter(|error| error.code == FieldCode::UnknownField).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let times = json!({
        "start": {"dateTime": "2030-01-07T09:00:00Z"}, "startDateTime": "2030-01-07T09:00:00Z",
        "end": {"dateTime": "2030-01-07T10:00:00Z"}, "endDateTime": "2030-01-07T10:00:00Z",
    });
    for choice in body["anyOf"].as_array().unwrap() {
        let names = choice["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        let event: serde_json::Map<String, Value> =
            names.clone().map(|name| (name.to_owned(), times[name].clone())).collect();
        assert!(Submission::parse(json!(event).to_string().as_bytes()).is_ok(), "{choice}");
        for missing in names {
            let mut less = event.clone();
            less.remove(missing);
            assert!(
                Submission::parse(json!(less).to_string().as_bytes()).is_err(),
                "{choice} without {missing}"
            );
        }
    }
}

#[test]
fn every_closed_set_is_enumerated() {
    let document = document();
    let words = |schema: &str, field: &str| {
        document["components"]["schemas"][schema]["properties"][field]["enum"].clone()
    };
    assert_eq!(
        words("JobRecord", "state"),
        json!(["queued", "running", "waiting", "blocked", "succeeded", "failed", "cancelled"])
    );
    assert_eq!(words("AcceptedReply", "state"), words("JobRecord", "state"));
    assert_eq!(words("JobRecord", "waitingFor"), json!(["schedule", "quota", "retry", "operator", null]));
    assert_eq!(words("JobRecord", "blockedBy"), json!(["reauthorization", "calendarLimits", "paused", null]));
    assert_eq!(
        words("ResultRecord", "conferenceStatus"),
        json!(["pending", "success", "failure", "unavailable", null])
    );
    assert_eq!(words("EventRequest", "priority"), json!(["normal", "bulk", null]));
    assert_eq!(words("EventRequest", "sendUpdates"), json!(["all", "externalOnly", "none", null]));
    assert_eq!(words("EventRequest", "colorId").as_array().unwrap().len(), 12);
    assert_eq!(words("EventRequest", "transparency"), json!(["opaque", "transparent", null]));
    assert_eq!(
        words("EventRequest", "visibility"),
        json!(["default", "public", "private", "confidential", null])
    );
    assert_eq!(words("AccountReply", "state"), json!(["connected", "needsReauthorization", "disconnected"]));
    assert_eq!(words("AccountReply", "cause").as_array().unwrap().len(), 8);
    assert_eq!(words("JobNotice", "type").as_array().unwrap().len(), 4);
    let problems = words("ProblemReply", "type");
    for kind in Kind::ALL {
        let uri = crate::problem::type_uri(kind.slug());
        assert!(problems.as_array().unwrap().contains(&json!(uri)), "{uri}");
    }
    for set in
        [words("ErrorRecord", "type"), words("ErrorRecord", "effect"), words("DisconnectReply", "atGoogle")]
    {
        assert!(set.as_array().is_some_and(|set| set.len() >= 3), "{set}");
    }
}

#[test]
fn what_a_record_always_has_is_required() {
    let document = document();
    let schema = &document["components"]["schemas"]["JobRecord"];
    let required: BTreeSet<&str> =
        schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for state in common::sample::states::every_settled_state() {
        let record = crate::record::unopened(&common::sample::states::job(state));
        let there: BTreeSet<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(there, required);
    }
    for (path, method, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let kind = &parameter["schema"]["type"];
            assert!(kind.is_string(), "{method} {path} {}: {kind}", parameter["name"]);
        }
    }
    let body = &document["paths"][paths::LINKS]["post"]["requestBody"];
    assert_eq!(body["required"], false);
    assert_eq!(body["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/LinkRequest");
}
