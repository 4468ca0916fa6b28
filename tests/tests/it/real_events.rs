//! Bodies as real systems send them, through the whole pipe and back: what was sent is what Google has.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use serde_json::{Map, Value, json};
use tests::{Calrelay, Launch, Stored, corpus, eventually, expanded};

use crate::accounts::connect;

/// What a body says to calrelay, and Google never hears.
const OURS: &[&str] =
    &["account", "calendarId", "conference", "sendUpdates", "notBefore", "notAfter", "priority"];
/// The flat form of what Google says with `start`, `end` and `attendees`.
const FLAT: &[&str] = &["startDateTime", "endDateTime", "timeZone", "attendeeEmail"];

/// The accounts and calendars that the bodies name, and whose they are.
const ACCOUNTS: &[(&str, &str)] =
    &[("sales_team-1", "grace@example.com"), ("room-desk_2", "linus@example.com")];
const CALENDARS: &[(&str, &str)] = &[
    ("grace@example.com", "demo-bookings@example.com"),
    ("linus@example.com", "c_1a2b3c4d5e@group.calendar.google.com"),
];

/// The zone of every calendar here: what Google shows a time in that has an offset and no zone.
const ZONE: &str = "Asia/Kathmandu";

struct Case {
    name: String,
    body: Map<String, Value>,
    /// The body as it is meant to be taken: as it was sent, but for what the corpus names; null is absent.
    taken: Map<String, Value>,
    expect: Value,
}

fn cases() -> Vec<Case> {
    let case = |case: &Value| {
        let body = expanded(&case["body"]).as_object().expect("an object").clone();
        let mut taken = body.clone();
        taken.extend(case["expect"]["taken"].as_object().cloned().unwrap_or_default());
        taken.retain(|_, value| !value.is_null());
        Case {
            name: case["name"].as_str().expect("a name").to_owned(),
            body,
            taken,
            expect: case["expect"].clone(),
        }
    };
    corpus("real_events.json").iter().map(case).collect()
}

/// Without limits, with every account that the bodies name connected to its user.
async fn installation() -> Calrelay {
    let launch = Launch::new().unlimited();
    let calrelay = launch.start().await;
    let sandbox = calrelay.sandbox();
    sandbox.no_quotas().await;
    sandbox.control("/_sandbox/users/ada@example.com", &json!({"timeZone": ZONE})).await;
    for (user, calendar) in CALENDARS {
        let change = json!({"calendars": [calendar], "timeZone": ZONE});
        sandbox.control(&format!("/_sandbox/users/{user}"), &change).await;
    }
    for (account, user) in ACCOUNTS {
        connect(&launch, &sandbox, account, user).await;
    }
    calrelay
}

async fn post(calrelay: &Calrelay, body: &Map<String, Value>, key: &str) -> String {
    calrelay.submit(&json!(body), key).await.unwrap_or_else(|problem| panic!("{key}: {problem}"))
}

async fn done(calrelay: &Calrelay, case: &Case, id: &str) -> Value {
    eventually(&case.name, Duration::from_secs(60), || async {
        let job = calrelay.job(id).await;
        assert_ne!(job["state"], "failed", "{}: {job}", case.name);
        (job["state"] == "succeeded").then_some(job)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_real_body_is_in_the_calendar_as_it_was_sent_and_once() {
    let calrelay = installation().await;
    let sandbox = calrelay.sandbox();
    let mut cases = cases();
    assert!(cases.len() >= 100);
    for (number, case) in cases.iter_mut().enumerate() {
        let said = |start: &Value| !start.is_null() && *start != "";
        let Some(start) = case.body.remove("notBefore").filter(said) else {
            continue;
        };
        // It is to wait for months: that it does is all there is to see, and then the rest goes without it.
        let mut waiting = case.body.clone();
        waiting.insert("notBefore".to_owned(), start.clone());
        let id = post(&calrelay, &waiting, &format!("scheduled-{number}")).await;
        let job = calrelay.job(&id).await;
        assert!(job["finishedAt"].is_null(), "{}: {job}", case.name);
        assert_eq!(
            (&job["state"], &job["waitingFor"]),
            (&json!("waiting"), &json!("schedule")),
            "{}",
            case.name
        );
        case.body.remove("notAfter");
        case.taken.remove("notAfter");
    }

    let ids = join_all(cases.iter().enumerate().map(|(number, case)| {
        let calrelay = &calrelay;
        async move { post(calrelay, &case.body, &format!("case-{number}")).await }
    }))
    .await;
    let jobs = join_all(cases.iter().zip(&ids).map(|(case, id)| done(&calrelay, case, id))).await;

    let stored = sandbox.events().await;
    assert_eq!(stored.len(), cases.len());
    let (mut fields, mut conferences) = (0, 0);
    for ((case, id), job) in cases.iter().zip(&ids).zip(&jobs) {
        let stored = stored.get(id).unwrap_or_else(|| panic!("{}: no event", case.name));
        assert_eq!((stored.inserts, &stored.event["status"]), (1, &expected_status(case)), "{}", case.name);
        fields += compare(case, stored);
        if !case.body.contains_key("extendedProperties") {
            let at = format!("{}: extendedProperties", case.name);
            properties(&at, &json!({}), &stored.event["extendedProperties"], kind(&case.body));
        }
        conferences += compare_conference(case, stored, id, job);
        assert_eq!(job["result"]["eventLink"], stored.event["htmlLink"], "{}", case.name);
        let expected = case.expect.get("warnings").unwrap_or(&Value::Null);
        assert_eq!(sorted(&told(job)), sorted(expected), "{}", case.name);
        let calendar = case.taken.get("calendarId").filter(|id| **id != "primary");
        if let Some(calendar) = calendar {
            assert_eq!(stored.event["calendar"], *calendar, "{}", case.name);
        }
    }
    println!(
        "{} bodies, {fields} fields compared, {conferences} conferences made, each event once",
        cases.len()
    );
}

/// Field and code of every warning.
fn told(job: &Value) -> Value {
    let warnings = job["warnings"].as_array().expect("a list");
    warnings.iter().map(|warning| json!([warning["field"], warning["code"]])).collect()
}

/// A list whose order says nothing.
fn sorted(list: &Value) -> Vec<String> {
    let mut items: Vec<_> = list.as_array().into_iter().flatten().map(Value::to_string).collect();
    items.sort();
    items
}

fn expected_status(case: &Case) -> Value {
    case.taken.get("status").cloned().unwrap_or_else(|| json!("confirmed"))
}

/// Compares every field of the body with what is stored; answers how many there were.
fn compare(case: &Case, stored: &Stored) -> usize {
    let event = &stored.event;
    let said = case.taken.iter().filter(|(name, value)| !value.is_null() && !OURS.contains(&name.as_str()));
    let mut compared = 0;
    for (name, sent) in said {
        let at = format!("{}: {name}", case.name);
        match name.as_str() {
            "start" | "end" => when(&at, sent, zone(case), &event[name]),
            "startDateTime" | "endDateTime" => {
                let side = if name == "startDateTime" { "start" } else { "end" };
                when(&at, &json!({"dateTime": sent}), zone(case), &event[side]);
            }
            // Compared with the times that it is for.
            "timeZone" => {}
            "attendeeEmail" => guests(&at, &[json!({"email": sent})], &event["attendees"]),
            "attendees" => guests(&at, sent.as_array().expect("a list"), &event["attendees"]),
            "extendedProperties" => properties(&at, sent, &event[name], kind(&case.body)),
            // Google leaves an empty list out.
            "reminders" => {
                let mut sent = sent.clone();
                if sent["overrides"] == json!([]) {
                    sent.as_object_mut().expect("an object").remove("overrides");
                }
                assert_eq!(event[name], sent, "{at}");
            }
            // Compared by itself: asking for one is not having one.
            "conferenceData" => {}
            // Google says it only of an event without an end.
            "endTimeUnspecified" if *sent == json!(false) => assert_eq!(event.get(name), None, "{at}"),
            other => {
                assert!(!FLAT.contains(&other));
                assert_eq!(event[name], *sent, "{at}");
            }
        }
        compared += 1;
    }
    compared
}

/// The zone for the side that names none: that of both, or of the other.
fn zone(case: &Case) -> Option<&str> {
    let of = |side: &str| case.taken.get(side).and_then(|side| side.get("timeZone"));
    [case.taken.get("timeZone"), of("start"), of("end")].into_iter().flatten().find_map(Value::as_str)
}

/// One side: the same day, or the same instant and the same zone.
fn when(at: &str, sent: &Value, shared: Option<&str>, stored: &Value) {
    if let Some(date) = sent["date"].as_str() {
        assert_eq!(*stored, json!({"date": date}), "{at}");
        return;
    }
    let text = sent["dateTime"].as_str().expect("a time");
    let zone = sent.get("timeZone").and_then(Value::as_str).or(shared).unwrap_or(ZONE);
    let zone = TimeZone::get(zone).unwrap_or_else(|error| panic!("{at}: {error}"));
    let meant = text.parse::<Timestamp>().unwrap_or_else(|_| {
        let local: DateTime = text.parse().unwrap_or_else(|error| panic!("{at}: {error}"));
        local.to_zoned(zone.clone()).expect("within all time").timestamp()
    });
    // Google keeps whole seconds.
    let meant = meant.round(jiff::TimestampRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Floor));
    let kept: Timestamp = stored["dateTime"].as_str().expect("a time").parse().expect("with an offset");
    assert_eq!(kept, meant.expect("within all time"), "{at}: {sent} became {stored}");
    assert_eq!(stored["timeZone"].as_str(), zone.iana_name(), "{at}");
}

/// Everything said of every guest, in the same order.
fn guests(at: &str, sent: &[Value], stored: &Value) {
    let stored = stored.as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(stored.len(), sent.len(), "{at}");
    for (sent, stored) in sent.iter().zip(stored) {
        for (name, value) in sent.as_object().expect("an object") {
            assert_eq!(stored[name], *value, "{at}.{name}");
        }
        let answer = sent.get("responseStatus").cloned().unwrap_or_else(|| json!("needsAction"));
        assert_eq!(stored["responseStatus"], answer, "{at}");
    }
}

fn kind(body: &Map<String, Value>) -> &str {
    body.get("eventType").and_then(Value::as_str).unwrap_or("default")
}

/// The caller's properties, and calrelay's own, which Google refuses of a birthday.
fn properties(at: &str, sent: &Value, stored: &Value, kind: &str) {
    for side in ["private", "shared"] {
        let mut kept = stored[side].as_object().cloned().unwrap_or_default();
        if side == "private" {
            for mark in ["calrelayBody", "calrelayBody2"] {
                let marked = kept.remove(mark).is_some();
                assert_eq!(marked, kind != "birthday", "{at}: calrelay knows its own events by {mark}");
            }
        }
        let sent = sent[side].as_object().cloned().unwrap_or_default();
        assert_eq!(kept, sent, "{at}.{side}");
    }
}

/// Whether a conference was made exactly where one was to be; answers how many.
fn compare_conference(case: &Case, stored: &Stored, id: &str, job: &Value) -> usize {
    let body = &case.taken;
    let brought = body.get("conferenceData").filter(|data| data.get("createRequest").is_none());
    // Google's special kinds have none, and all-day events only where they are asked for.
    let kind = body.get("eventType").is_none_or(|kind| *kind == "default");
    let all_day = body.get("start").is_some_and(|start| start["date"].is_string());
    let ordinary = kind && !all_day;
    let wanted = match body.get("conference").and_then(Value::as_bool) {
        Some(said) => said,
        None => ordinary && brought.is_none(),
    };
    if let Some(said) = case.expect["conference"].as_bool() {
        assert_eq!(wanted, said, "{}: the corpus and this test disagree", case.name);
    }
    let (event, result) = (&stored.event, &job["result"]);
    if wanted {
        let request = &event["conferenceData"]["createRequest"];
        assert_eq!(request["requestId"], id, "{}", case.name);
        assert_eq!(request["status"]["statusCode"], "success", "{}", case.name);
        let link = event["hangoutLink"].as_str().unwrap_or_else(|| panic!("{}: no link", case.name));
        assert!(link.starts_with("https://meet.google.com/"), "{}: {link}", case.name);
        assert_eq!((&result["meetLink"], &result["conferenceStatus"]), (&json!(link), &json!("success")));
        return 1;
    }
    // Google takes no conference from its callers; the event stands without it.
    assert_eq!(event.get("conferenceData"), None, "{}", case.name);
    let status = brought.map(|_| "unavailable");
    assert_eq!(
        (&result["meetLink"], &result["conferenceStatus"]),
        (&Value::Null, &json!(status)),
        "{}",
        case.name
    );
    0
}

#[tokio::test(flavor = "multi_thread")]
async fn every_real_body_stands_where_its_calendar_takes_no_conference() {
    let calrelay = installation().await;
    let sandbox = calrelay.sandbox();
    for user in ["ada@example.com", "grace@example.com", "linus@example.com"] {
        let change = json!({"allowedConferenceSolutionTypes": []});
        sandbox.control(&format!("/_sandbox/users/{user}"), &change).await;
    }
    let mut cases = cases();
    for case in &mut cases {
        case.body.remove("notBefore");
        case.body.remove("notAfter");
    }
    let ids = join_all(cases.iter().enumerate().map(|(number, case)| {
        let calrelay = &calrelay;
        async move { post(calrelay, &case.body, &format!("case-{number}")).await }
    }))
    .await;
    let jobs = join_all(cases.iter().zip(&ids).map(|(case, id)| done(&calrelay, case, id))).await;
    let stored = sandbox.events().await;
    assert_eq!(stored.len(), cases.len());
    let mut refused = 0;
    for ((case, id), job) in cases.iter().zip(&ids).zip(&jobs) {
        assert_eq!(stored[id].inserts, 1, "{}", case.name);
        compare(case, &stored[id]);
        let brought = case.body.get("conferenceData").is_some_and(|data| data.get("createRequest").is_none());
        if brought || job["result"]["conferenceStatus"].is_null() {
            continue;
        }
        refused += 1;
        assert_eq!(
            (&job["result"]["conferenceStatus"], &job["result"]["conferenceReason"]),
            (&json!("unavailable"), &json!("Invalid conference type value.")),
            "{}: {job}",
            case.name
        );
        assert_eq!(stored[id].event.get("conferenceData"), None, "{}", case.name);
    }
    assert!(refused >= 20, "most bodies ask for a conference by saying nothing: {refused}");
    println!("{} bodies, {refused} conferences refused, each event once", cases.len());
}
