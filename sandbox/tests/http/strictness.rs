//! What Google refuses, the sandbox refuses, with every method that writes an event.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, World, event, world};

const CALENDAR: &str = "calendar";
const GLOBAL: &str = "global";

/// A refusal as Google prints it.
type Refusal = (&'static str, &'static str, &'static str);

const REMINDERS: Refusal = (
    "cannotUseDefaultRemindersAndSpecifyOverride",
    CALENDAR,
    "Cannot specify both default reminders and overrides at the same time.",
);
const RULE: Refusal = ("invalid", GLOBAL, "Invalid recurrence rule.");
const ATTENDEE: Refusal = ("invalid", GLOBAL, "Invalid attendee email.");
const CONFERENCE: Refusal = ("invalid", GLOBAL, "Invalid conference data.");
const VALUE: Refusal = ("invalid", GLOBAL, "Invalid Value");
const START_ZONE: Refusal = ("invalid", GLOBAL, "Invalid time zone definition for start time.");
const BAD_REQUEST: Refusal = ("badRequest", GLOBAL, "Bad Request");

fn with(changes: &Value) -> Value {
    let mut body = event("x");
    let body_fields = body.as_object_mut().unwrap();
    body_fields.remove("id");
    for (key, value) in changes.as_object().unwrap() {
        body_fields.insert(key.clone(), value.clone());
    }
    body
}

async fn unhurried() -> World {
    let world = world().await;
    let lots =
        json!({"projectPerMinute": 1_000_000, "userPerMinute": 1_000_000, "calendarPerSecond": 1_000_000});
    world.control("quota", lots).await;
    world.insert(event("stored")).await.ok();
    world
}

async fn write(world: &World, method: Method, path: &str, body: &Value) -> Answer {
    let path = format!("{path}?conferenceDataVersion=1&supportsAttachments=true");
    world.send(world.call(method, &path).json(body)).await
}

/// The answers of insert, import, update and patch to the same body.
async fn all_four(world: &World, changes: &Value) -> [(&'static str, Answer); 4] {
    let body = with(changes);
    let mut imported = body.clone();
    imported["iCalUID"] = json!("uid-1@elsewhere.example");
    [
        ("insert", write(world, Method::POST, "", &body).await),
        ("import", write(world, Method::POST, "/import", &imported).await),
        ("update", write(world, Method::PUT, "/stored", &body).await),
        ("patch", write(world, Method::PATCH, "/stored", changes).await),
    ]
}

#[track_caller]
fn is(answer: &Answer, (reason, domain, message): Refusal, at: &str) {
    let first = &answer.json["error"]["errors"][0];
    assert_eq!(
        (answer.status, answer.reason(), first["domain"].as_str(), answer.message()),
        (400, reason, Some(domain), message),
        "{at}: {}",
        answer.text
    );
}

async fn refused_by_all(cases: &[(Value, Refusal)]) {
    let world = unhurried().await;
    let before = world.look("events").await;
    for (changes, refusal) in cases {
        for (method, answer) in all_four(&world, changes).await {
            is(&answer, *refusal, &format!("{method} {changes}"));
        }
    }
    assert_eq!(world.look("events").await, before, "a refused write leaves no trace");
}

fn reminders(list: Value) -> Value {
    json!({"reminders": {"useDefault": false, "overrides": list}})
}

fn recurring(line: &str) -> Value {
    json!({"recurrence": [line]})
}

fn guest(address: &str) -> Value {
    json!({"attendees": [{"email": address}]})
}

#[tokio::test]
async fn reminders_are_either_the_calendars_or_the_events_own() {
    let popup = json!({"method": "popup", "minutes": 10});
    let minutes = ("required", GLOBAL, "Missing override reminder minutes.");
    let method = ("required", GLOBAL, "Missing override reminder method.");
    let many = (
        "eventRemindersCountExceedsLimit",
        CALENDAR,
        "The event exceeds the allowed maximum number of reminders.",
    );
    refused_by_all(&[
        (json!({"reminders": {"overrides": [popup]}}), REMINDERS),
        (json!({"reminders": {"useDefault": true, "overrides": [popup]}}), REMINDERS),
        (json!({"reminders": {"useDefault": null, "overrides": [popup]}}), REMINDERS),
        (reminders(json!([{"method": "popup"}])), minutes),
        (reminders(json!([popup, {"method": "email", "minutes": null}])), minutes),
        (reminders(json!([{"minutes": 10}])), method),
        (reminders(json!([popup, popup, popup, popup, popup, popup])), many),
        (reminders(json!([{"method": "popup", "minutes": "ten"}])), BAD_REQUEST),
        (reminders(json!(["popup"])), BAD_REQUEST),
    ])
    .await;
}

#[tokio::test]
async fn a_patch_of_reminders_meets_what_the_event_has() {
    let world = unhurried().await;
    let own = reminders(json!([{"method": "popup", "minutes": 10}]));
    write(&world, Method::PATCH, "/stored", &own).await.ok();
    let default = json!({"reminders": {"useDefault": true}});
    is(&write(&world, Method::PATCH, "/stored", &default).await, REMINDERS, "the overrides are still there");
    let cleared = json!({"reminders": {"useDefault": true, "overrides": []}});
    let stored = write(&world, Method::PATCH, "/stored", &cleared).await.ok();
    assert_eq!(stored["reminders"], json!({"useDefault": true}));
}

#[tokio::test]
async fn rules_that_google_calls_invalid() {
    let lines = [
        "RRULE:FREQ=DAILY;UNTIL=20270110T090000",
        "RRULE:FREQ=WEEKLY;BYDAY=WE;UNTIL=20270110T000000",
        "EXRULE:FREQ=DAILY;UNTIL=20270110T090000",
        "RRULE:FREQ=DAILY;UNTIL=20270110T090000Z;COUNT=3",
        "RRULE:FREQ=YEARLY;UNTIL=20280617;COUNT=-1;INTERVAL=1",
        "RRULE:FREQ=YEARLY;COUNT=3;UNTIL=20280617",
        "RRULE:FREQ=DAILY;UNTIL=20200110T090000Z",
        "RRULE:FREQ=DAILY;UNTIL=20270110T09000Z",
        "RRULE:FREQ=DAILY;COUNT=0",
        "RRULE:FREQ=DAILY;COUNT=-1",
        "RRULE:FREQ=DAILY;INTERVAL=0",
        "RRULE:FREQ=DAILY;FREQ=WEEKLY",
        "RRULE:FREQ=DAILY;COUNT=",
        "RRULE:FREQ=DAILY;EVERY=2",
        "RRULE:FREQ=WEEKLY;BYDAY=2MO",
        "RRULE:FREQ=MONTHLY;BYDAY=0MO",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=0",
        "RRULE:FREQ=WEEKLY;WKST=XX",
        "RRULE:FREQ=TÄGLICH",
        "RRULE:COUNT=3",
        "RRULE:;;",
        "RRULE",
        "RRULE;X=1:FREQ=DAILY",
        " RRULE:FREQ=DAILY",
        "RRULE:FREQ=DAILY\n",
        "RRULE:FREQ=DAILY; COUNT=2",
        "RRULE:FREQ=DAILY\nEXDATE:20270102T083000Z",
        "DTSTART:20261230T083000Z\nRRULE:FREQ=DAILY",
        "DTEND:20261230T083000Z",
        "EXDATE;VALUE=DATE:20270102",
        "EXDATE;TZID=India Standard Time:20270102T083000",
        "EXDATE;TZID=\"Asia/Kolkata\":20270102T083000",
        "RDATE:20270102T0830",
    ];
    let cases: Vec<_> = lines.iter().map(|line| (recurring(line), RULE)).collect();
    refused_by_all(&cases).await;
}

#[tokio::test]
async fn rules_that_google_takes_are_kept_as_they_were_sent() {
    let world = unhurried().await;
    for line in [
        "RRULE:FREQ=DAILY;COUNT=5;",
        "RRULE:FREQ=WEEKLY;",
        "RRULE:;FREQ=WEEKLY;;BYDAY=MO",
        "RRULE:FREQ=DAILY;UNTIL=20270110",
        "RRULE:FREQ=DAILY;UNTIL=20270110T090000Z",
        "RRULE:FREQ=MONTHLY;BYDAY=+1MO",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=+15",
        "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "RRULE:FREQ=YEARLY;BYWEEKNO=20",
        "EXDATE;tzid=Asia/Kolkata:20270102T083000",
    ] {
        let lines = json!(["RRULE:FREQ=DAILY;COUNT=2", line]);
        let stored = write(&world, Method::POST, "", &with(&json!({"recurrence": lines}))).await;
        assert_eq!(stored.status, 200, "{line}: {}", stored.text);
        assert_eq!(stored.json["recurrence"], lines);
    }
    let days = |line: &str| json!({"summary": "d", "start": {"date": "2027-01-04"}, "end": {"date": "2027-01-05"}, "recurrence": [line]});
    for line in ["RRULE:FREQ=DAILY;UNTIL=20270110T090000Z", "RRULE:FREQ=DAILY;UNTIL=20270110"] {
        assert_eq!(write(&world, Method::POST, "", &days(line)).await.status, 200, "{line}");
    }
    for line in ["RRULE:FREQ=DAILY;UNTIL=20270110T090000", "EXDATE:20270110T090000Z"] {
        is(&write(&world, Method::POST, "", &days(line)).await, RULE, line);
    }
}

#[tokio::test]
async fn values_out_of_their_range() {
    let kolkata = |zone: &str| json!({"start": {"dateTime": "2026-12-30T14:00:00+05:30", "timeZone": zone}});
    refused_by_all(&[
        (json!({"colorId": "99"}), VALUE),
        (json!({"colorId": "0"}), VALUE),
        (json!({"colorId": "12"}), VALUE),
        (json!({"colorId": "01"}), VALUE),
        (json!({"colorId": "blue"}), VALUE),
        (json!({"colorId": ""}), VALUE),
        (json!({"colorId": 5}), BAD_REQUEST),
        (kolkata("India Standard Time"), START_ZONE),
        (kolkata("Factory"), START_ZONE),
        (kolkata("Etc/Unknown"), START_ZONE),
        (kolkata("GMT+2"), START_ZONE),
        (kolkata("PST"), START_ZONE),
        (kolkata("Z"), START_ZONE),
        (kolkata(""), START_ZONE),
        (kolkata("asia/kolkata"), START_ZONE),
        (kolkata("Asia/Kolkata "), START_ZONE),
        (json!({"start": {"dateTime": "2026-12-30T14:00:60Z"}}), BAD_REQUEST),
        (json!({"start": {"dateTime": "2026-12-30T24:00:00Z"}}), BAD_REQUEST),
        (json!({"start": {"dateTime": "2026-12-30T14:00:00+0530"}}), BAD_REQUEST),
        (json!({"start": {"dateTime": "2026-12-30T14:00:00,123Z"}}), BAD_REQUEST),
        (json!({"start": {"dateTime": "2026-12-30T14:00:00Z "}}), BAD_REQUEST),
        (json!({"start": {"dateTime": "2026-12-30T14:00:00+00:00Z"}}), BAD_REQUEST),
        (json!({"start": {"dateTime": "2026-12-30T14:00:00Z[UTC]"}}), BAD_REQUEST),
        (json!({"sequence": -1}), BAD_REQUEST),
        (json!({"sequence": 3_000_000_000_u64}), BAD_REQUEST),
        (json!({"extendedProperties": {"private": {"n": 1}}}), BAD_REQUEST),
        (json!({"endTimeUnspecified": "no"}), BAD_REQUEST),
    ])
    .await;
}

#[tokio::test]
async fn addresses_that_are_no_address() {
    let missing = ("required", GLOBAL, "Missing attendee email.");
    let mut cases: Vec<_> = [
        "Ada Lovelace <ada@example.com>",
        "\"ada\" <ada@example.com>",
        "<ada@example.com>",
        "mailto:ada@example.com",
        "ada@localhost",
        "ada@example",
        "ada@[127.0.0.1]",
        "\"ada lovelace\"@example.com",
        "ada@example.com, grace@example.com",
        "ada@example.com ",
        " ",
        "'ada@example.com'",
        "/o=Example/ou=Exchange Administrative Group/cn=Recipients/cn=ada",
        "Firstname Lastname(2002)@example.com",
    ]
    .iter()
    .map(|address| (guest(address), ATTENDEE))
    .collect();
    cases.extend([
        (guest(""), missing),
        (json!({"attendees": [{"email": null}]}), missing),
        (json!({"attendees": [{"email": 5}]}), BAD_REQUEST),
        (json!({"attendees": [{"email": "g@example.com", "additionalGuests": "2"}]}), BAD_REQUEST),
        (json!({"attendees": [{"email": "g@example.com", "optional": "yes"}]}), BAD_REQUEST),
    ]);
    refused_by_all(&cases).await;
    let world = unhurried().await;
    for address in
        ["o'brien+tag@sub.example.co.uk", "用户@例子.广告", "müller@müller.example", "a_b@example.com"]
    {
        assert_eq!(write(&world, Method::POST, "", &with(&guest(address))).await.status, 200, "{address}");
    }
}

fn brought(key: &Value, entries: Value) -> Value {
    json!({"conferenceData": {"conferenceSolution": {"key": key, "name": "Zoom"}, "entryPoints": entries}})
}

fn video() -> Value {
    json!({"entryPointType": "video", "uri": "https://zoom.example/j/1"})
}

#[tokio::test]
async fn a_conference_of_the_callers_making_is_refused() {
    let entry = |kind: &str, uri: &str| json!({"entryPointType": kind, "uri": uri});
    let more = entry("more", "https://zoom.example/help");
    let phone = entry("phone", "tel:+4930123456");
    let sip = entry("sip", "sip:1@zoom.example");
    let long = |field: &str, length: usize| {
        let mut video = video();
        video[field] = json!("1".repeat(length));
        json!([video])
    };
    let add_on = json!({"type": "addOn"});
    let gone = ("invalid", GLOBAL, "Invalid conference type value.");
    let mut cases = vec![
        (brought(&add_on, json!([video()])), CONFERENCE),
        (brought(&add_on, json!([video(), phone, sip, more])), CONFERENCE),
        (brought(&json!({"type": "hangoutsMeet"}), json!([video()])), CONFERENCE),
        (brought(&json!({"type": "eventHangout"}), json!([video()])), gone),
        (brought(&json!({"type": "eventNamedHangout"}), json!([video()])), gone),
        (json!({"conferenceData": {}}), CONFERENCE),
        (json!({"conferenceData": {"notes": "Call me."}}), CONFERENCE),
        (json!({"conferenceData": {"conferenceSolution": {"name": "Zoom"}}}), CONFERENCE),
    ];
    // Without a key's type Google drops the part: these are refused for their entry points alone.
    for entries in [
        json!([more]),
        json!([video(), video()]),
        json!([video(), sip, sip]),
        json!([video(), more, more]),
        json!([entry("zoom", "https://zoom.example/j/1")]),
        json!([entry("video", "zoom.example/j/1")]),
        json!([entry("phone", "+4930123456")]),
        json!([entry("sip", "1@zoom.example")]),
        json!([video(), entry("more", "sip:1@zoom.example")]),
        json!([{"uri": "https://zoom.example/j/1"}]),
        json!([{"entryPointType": "video"}]),
        json!([]),
        json!([entry("video", &format!("https://zoom.example/{}", "1".repeat(1300)))]),
        long("label", 513),
        long("pin", 129),
        long("passcode", 129),
        json!([{"entryPointType": "phone", "uri": "tel:1", "entryPointFeatures": ["toll", "tollFree"]}]),
    ] {
        cases.push((brought(&json!({}), entries), CONFERENCE));
    }
    let mut notes = brought(&json!({}), json!([video()]));
    notes["conferenceData"]["notes"] = json!("n".repeat(2049));
    cases.push((notes, CONFERENCE));
    refused_by_all(&cases).await;
}

#[tokio::test]
async fn a_conference_without_a_type_is_dropped_without_a_word() {
    let world = unhurried().await;
    let no_key =
        json!({"conferenceData": {"conferenceSolution": {"name": "Zoom"}, "entryPoints": [video()]}});
    let bare = json!({"conferenceData": {"entryPoints": [video()]}});
    for changes in [brought(&json!({}), json!([video()])), no_key, bare] {
        for (method, answer) in all_four(&world, &changes).await {
            // The second import of the same UID is a duplicate, which is another rule.
            if method == "import" && answer.reason() == "duplicate" {
                continue;
            }
            assert_eq!(answer.status, 200, "{method}: {}", answer.text);
            assert!(answer.json.get("conferenceData").is_none(), "{method}: {}", answer.text);
        }
    }
    let ignored = brought(&json!({"type": "addOn"}), json!([video()]));
    let answer = world.send(world.call(Method::POST, "").json(&with(&ignored))).await;
    assert_eq!(answer.status, 200, "version 0 ignores the conference, whatever it is");
    assert!(answer.json.get("conferenceData").is_none());
}

#[tokio::test]
async fn several_faults_are_several_entries() {
    let world = unhurried().await;
    let both =
        json!({"colorId": "99", "attendees": [{"email": "nobody"}], "recurrence": ["RRULE:FREQ=SOMETIMES"]});
    for (method, answer) in all_four(&world, &both).await {
        let errors = answer.json["error"]["errors"].as_array().unwrap();
        let messages: Vec<_> = errors.iter().map(|error| error["message"].as_str().unwrap()).collect();
        assert_eq!(
            messages,
            ["Invalid Value", "Invalid attendee email.", "Invalid recurrence rule."],
            "{method}"
        );
        assert!(errors.iter().all(|error| error["reason"] == "invalid" && error["domain"] == "global"));
        assert_eq!((answer.status, answer.message()), (400, "Invalid Value"), "the first speaks for all");
    }
    let empty = world.insert(json!({})).await;
    let errors = &empty.json["error"]["errors"];
    assert_eq!(
        (&errors[0]["message"], &errors[1]["message"]),
        (&json!("Missing start time."), &json!("Missing end time."))
    );
    let mut conference = with(&json!({"colorId": "99"}));
    conference["conferenceData"] =
        json!({"createRequest": {"requestId": "r", "conferenceSolutionKey": {"type": "addOn"}}});
    let answer = write(&world, Method::POST, "", &conference).await;
    let errors = answer.json["error"]["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{}", answer.text);
    assert_eq!(errors[1]["message"], "Invalid conference type value.");
    let shapeless = write(&world, Method::POST, "", &with(&json!({"colorId": "99", "summary": 5}))).await;
    assert_eq!(shapeless.json["error"]["errors"].as_array().unwrap().len(), 1);
    is(&shapeless, BAD_REQUEST, "a body of the wrong shape is looked at no further");
    let twice = json!({"attendees": [{"email": "nobody"}, {"email": "nowhere"}]});
    let answer = write(&world, Method::POST, "", &with(&twice)).await;
    assert_eq!(answer.json["error"]["errors"].as_array().unwrap().len(), 1, "the same fault once");
}

#[tokio::test]
async fn control_characters_are_stripped_and_never_refused() {
    let world = unhurried().await;
    let body = with(&json!({
        "summary": "Sta\u{0}nd\u{b}up\u{7f}",
        "description": "one\r\ntwo\tthree\u{1b}[0m\u{c}",
        "location": "\u{1}Room",
        "attendees": [{"email": "g@example.com", "displayName": "G\u{8}race", "comment": "\u{2}late"}],
        "source": {"title": "De\u{3}al", "url": "https://crm.example.com/1"},
    }));
    let stored = write(&world, Method::POST, "", &body).await.ok();
    assert_eq!(stored["summary"], "Standup");
    assert_eq!(stored["description"], "one\r\ntwo\tthree[0m");
    assert_eq!(stored["location"], "Room");
    assert_eq!(stored["attendees"][0]["displayName"], "Grace");
    assert_eq!(stored["attendees"][0]["comment"], "late");
    assert_eq!(stored["source"]["title"], "Deal");
}

#[tokio::test]
async fn texts_of_more_than_google_holds_are_refused() {
    let world = unhurried().await;
    for (field, most) in [("summary", 1024), ("description", 8192)] {
        let held = write(&world, Method::POST, "", &with(&json!({field: "é".repeat(most)}))).await;
        assert_eq!(held.status, 200, "{field}");
        let answer = write(&world, Method::POST, "", &with(&json!({field: "é".repeat(most + 1)}))).await;
        assert_eq!((answer.status, answer.reason()), (400, "invalid"), "{field}");
    }
}

#[tokio::test]
async fn days_that_end_when_they_begin_and_years_long_ago_are_held() {
    let world = unhurried().await;
    let days =
        |start: &str, end: &str| json!({"summary": "d", "start": {"date": start}, "end": {"date": end}});
    for (start, end) in [
        ("2030-01-07", "2030-01-07"),
        ("1948-03-02", "1948-03-03"),
        ("1937-01-01", "1937-01-01"),
        ("1601-01-01", "1601-01-02"),
    ] {
        let stored = write(&world, Method::POST, "", &days(start, end)).await.ok();
        assert_eq!((&stored["start"]["date"], &stored["end"]["date"]), (&json!(start), &json!(end)));
    }
    let back = write(&world, Method::POST, "", &days("2030-01-07", "2030-01-06")).await;
    is(&back, ("timeRangeEmpty", CALENDAR, "The specified time range is empty."), "end before start");
    assert_eq!(back.json["error"]["errors"][0]["location"], "timeMax");
    let zoned = json!({"summary": "d", "start": {"date": "2030-01-07", "timeZone": "Mars/Base"}, "end": {"date": "2030-01-08"}});
    is(
        &write(&world, Method::POST, "", &zoned).await,
        START_ZONE,
        "a zone that means nothing must still be one",
    );
}

#[tokio::test]
async fn links_and_files_have_addresses() {
    refused_by_all(&[
        (
            json!({"source": {"title": "t", "url": "crm.example.com"}}),
            ("invalid", GLOBAL, "Invalid source URL."),
        ),
        (json!({"source": {"title": "t"}}), ("invalid", GLOBAL, "Invalid source URL.")),
        (json!({"attachments": [{}]}), ("required", GLOBAL, "Missing attachment file URL.")),
        (json!({"attachments": [{"fileUrl": ""}]}), ("required", GLOBAL, "Missing attachment file URL.")),
        (
            json!({"attachments": [{"fileUrl": "no link"}]}),
            ("invalid", GLOBAL, "Invalid attachment file URL."),
        ),
        (json!({"attachments": [{"fileUrl": 5}]}), BAD_REQUEST),
        (json!({"attachments": ["https://files.example.com/1"]}), BAD_REQUEST),
    ])
    .await;
}

#[tokio::test]
async fn a_form_is_no_json() {
    let world = unhurried().await;
    let form = world.call(Method::POST, "").header("Content-Type", "application/x-www-form-urlencoded");
    let answer = world.send(form.body(event("formed").to_string())).await;
    is(&answer, ("badContent", GLOBAL, "This API does not support parsing form-encoded input."), "curl -d");
}
