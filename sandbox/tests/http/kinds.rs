//! Google's special kinds of events, and what each of them may not be.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, World, world};

async fn insert_into(world: &World, calendar: &str, body: &Value) -> Answer {
    let path = format!("/calendar/v3/calendars/{calendar}/events?conferenceDataVersion=1");
    world.send(world.request(Method::POST, &path).bearer_auth(&world.token).json(body)).await
}

async fn insert(world: &World, body: &Value) -> Answer {
    insert_into(world, "primary", body).await
}

fn merged(base: &Value, changes: &Value) -> Value {
    let mut body = base.clone();
    let fields = body.as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        fields.insert(key.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    body
}

fn timed(kind: &str, properties: &str) -> Value {
    let mut body = json!({
        "eventType": kind,
        "summary": "Away",
        "start": {"dateTime": "2027-08-02T00:00:00+02:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2027-08-14T00:00:00+02:00", "timeZone": "Europe/Berlin"},
    });
    body[properties] = json!({"autoDeclineMode": "declineAllConflictingInvitations"});
    body
}

fn out_of_office() -> Value {
    timed("outOfOffice", "outOfOfficeProperties")
}

fn focus_time() -> Value {
    timed("focusTime", "focusTimeProperties")
}

fn working_location() -> Value {
    json!({
        "eventType": "workingLocation",
        "start": {"date": "2027-01-06"},
        "end": {"date": "2027-01-07"},
        "visibility": "public",
        "transparency": "transparent",
        "workingLocationProperties": {"type": "homeOffice", "homeOffice": {}},
    })
}

fn birthday() -> Value {
    json!({
        "eventType": "birthday",
        "summary": "Grandma's birthday",
        "start": {"date": "1948-02-23"},
        "end": {"date": "1948-02-24"},
        "visibility": "private",
        "transparency": "transparent",
        "recurrence": ["RRULE:FREQ=YEARLY"],
        "birthdayProperties": {"type": "birthday"},
    })
}

fn all_day() -> Value {
    let day = |date: &str| json!({"date": date, "dateTime": null, "timeZone": null});
    json!({"start": day("2027-01-06"), "end": day("2027-01-07")})
}

fn guests() -> Value {
    json!({"attendees": [{"email": "g@example.com"}]})
}

fn meet() -> Value {
    json!({"conferenceData": {"createRequest": {"requestId": "r", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}})
}

async fn refused(base: Value, cases: &[(Value, &str, &str)]) {
    let world = world().await;
    world.control("quota", json!({"calendarPerSecond": 1000})).await;
    let held = insert(&world, &base).await;
    assert_eq!(held.status, 200, "{}", held.text);
    let id = held.json["id"].as_str().unwrap();
    for (changes, reason, message) in cases {
        let answer = insert(&world, &merged(&base, changes)).await;
        let error = &answer.json["error"]["errors"][0];
        let got = (answer.status, answer.reason(), error["message"].as_str().unwrap_or_default());
        assert_eq!(got, (400, *reason, *message), "{changes}: {}", answer.text);
        let calendars = error["domain"] == "calendar";
        assert_eq!(calendars, *reason != "invalid" && *reason != "required", "{}", answer.text);
        let path = format!("/{id}?conferenceDataVersion=1");
        let answer = world.send(world.call(Method::PUT, &path).json(&merged(&base, changes))).await;
        assert_eq!((answer.status, answer.reason()), (400, *reason), "update {changes}: {}", answer.text);
        let answer = world.send(world.call(Method::PATCH, &path).json(changes)).await;
        assert_eq!((answer.status, answer.reason()), (400, *reason), "patch {changes}: {}", answer.text);
    }
}

#[tokio::test]
async fn out_of_office_is_timed_busy_and_without_company() {
    let malformed = "malformedOutOfOfficeEvent";
    refused(
        out_of_office(),
        &[
            (all_day(), malformed, "An out of office event must not be an all-day event."),
            (
                json!({"description": "Lisbon"}),
                malformed,
                "An out of office event must not have a description.",
            ),
            (json!({"location": "Lisbon"}), malformed, "An out of office event must not have a location."),
            (guests(), malformed, "An out of office event must not have attendees."),
            (meet(), malformed, "An out of office event must not have a conference."),
            (
                json!({"transparency": "transparent"}),
                malformed,
                "An out of office event must have a transparency setting of opaque.",
            ),
            (
                json!({"outOfOfficeProperties": null}),
                "invalid",
                "outOfOfficeProperties requires an event type of outOfOffice, and vice versa.",
            ),
            (
                json!({"focusTimeProperties": {}}),
                "invalid",
                "focusTimeProperties requires an event type of focusTime, and vice versa.",
            ),
            (
                json!({"outOfOfficeProperties": {"autoDeclineMode": "declineSome"}}),
                "invalid",
                "Invalid value for: declineSome is not a valid value",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn focus_time_is_timed_busy_and_without_company() {
    let malformed = "malformedFocusTimeEvent";
    refused(
        focus_time(),
        &[
            (all_day(), malformed, "A focus time event must not be an all-day event."),
            (guests(), malformed, "A focus time event must not have attendees."),
            (meet(), malformed, "A focus time event must not have a conference."),
            (
                json!({"transparency": "transparent"}),
                malformed,
                "A focus time event must have a transparency setting of opaque.",
            ),
            (
                json!({"focusTimeProperties": null}),
                "invalid",
                "focusTimeProperties requires an event type of focusTime, and vice versa.",
            ),
            (
                json!({"focusTimeProperties": {"chatStatus": "busy"}}),
                "invalid",
                "Invalid value for: busy is not a valid value",
            ),
            (
                json!({"workingLocationProperties": {"type": "homeOffice"}}),
                "invalid",
                "workingLocationProperties requires an event type of workingLocation, and vice versa.",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_working_location_is_public_transparent_and_one_day_long() {
    let malformed = "malformedWorkingLocationEvent";
    let custom = |place: Value| json!({"workingLocationProperties": {"type": "customLocation", "customLocation": place}});
    let one_day = "An all-day working location event must be exactly one day long.";
    refused(
        working_location(),
        &[
            (json!({"end": {"date": "2027-01-09"}}), malformed, one_day),
            (json!({"end": {"date": "2027-01-06"}}), malformed, one_day),
            (
                json!({"visibility": null}),
                malformed,
                "A working location event must have a visibility setting of public.",
            ),
            (
                json!({"visibility": "private"}),
                malformed,
                "A working location event must have a visibility setting of public.",
            ),
            (
                json!({"transparency": null}),
                malformed,
                "A working location event must have a transparency setting of transparent.",
            ),
            (
                json!({"transparency": "opaque"}),
                malformed,
                "A working location event must have a transparency setting of transparent.",
            ),
            (json!({"location": "Lisbon"}), malformed, "A working location event must not have a location."),
            (guests(), malformed, "A working location event must not have attendees."),
            (meet(), malformed, "A working location event must not have a conference."),
            (
                json!({"workingLocationProperties": null}),
                "invalid",
                "workingLocationProperties requires an event type of workingLocation, and vice versa.",
            ),
            (
                json!({"workingLocationProperties": {"type": null, "homeOffice": {}}}),
                "required",
                "Missing working location type.",
            ),
            (
                json!({"workingLocationProperties": {"type": "beach"}}),
                "invalid",
                "Invalid value for: beach is not a valid value",
            ),
            (custom(json!({})), malformed, "A custom working location must have a label."),
            (custom(json!({"label": ""})), malformed, "A custom working location must have a label."),
        ],
    )
    .await;
    let world = world().await;
    let timed = merged(
        &working_location(),
        &json!({"start": {"dateTime": "2027-01-06T09:00:00Z"}, "end": {"dateTime": "2027-01-06T17:00:00Z"}}),
    );
    assert_eq!(insert(&world, &timed).await.status, 200);
    let library = merged(&working_location(), &custom(json!({"label": "The library"})));
    assert_eq!(insert(&world, &library).await.status, 200);
}

#[tokio::test]
async fn a_birthday_is_one_private_day_a_year() {
    let restriction = "eventTypeRestriction";
    let span = "'birthday' event type must be an all-day event of exactly one day.";
    let yearly = "'birthday' event type must have an annual recurrence.";
    refused(
        birthday(),
        &[
            (
                json!({"extendedProperties": {"private": {"calrelayBody": "1"}}}),
                restriction,
                "'birthday' event type must not have private extended properties.",
            ),
            (json!({"end": {"date": "1948-02-25"}}), restriction, span),
            (json!({"end": {"date": "1948-02-23"}}), restriction, span),
            (json!({"recurrence": []}), restriction, yearly),
            (json!({"recurrence": ["RRULE:FREQ=MONTHLY"]}), restriction, yearly),
            (json!({"recurrence": ["RRULE:FREQ=YEARLY;COUNT=3"]}), restriction, yearly),
            (json!({"recurrence": ["RRULE:FREQ=YEARLY;INTERVAL=2"]}), restriction, yearly),
            (json!({"recurrence": ["RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:19490223"]}), restriction, yearly),
            (guests(), restriction, "'birthday' event type must not have attendees."),
            (meet(), restriction, "'birthday' event type must not have a conference."),
            (
                json!({"visibility": "public"}),
                restriction,
                "'birthday' event type must have a visibility setting of private.",
            ),
            (
                json!({"visibility": null}),
                restriction,
                "'birthday' event type must have a visibility setting of private.",
            ),
            (
                json!({"transparency": "opaque"}),
                restriction,
                "'birthday' event type must have a transparency setting of transparent.",
            ),
            (
                json!({"transparency": null}),
                restriction,
                "'birthday' event type must have a transparency setting of transparent.",
            ),
            (
                json!({"birthdayProperties": {"type": "anniversary"}}),
                restriction,
                "'birthday' event type must have birthdayProperties of type birthday.",
            ),
        ],
    )
    .await;
    let world = world().await;
    for changes in [
        json!({"extendedProperties": {"shared": {"crm": "1"}}}),
        json!({"birthdayProperties": null}),
        json!({"birthdayProperties": {}}),
        json!({"start": {"date": "1948-02-29"}, "end": {"date": "1948-03-01"}, "recurrence": ["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"]}),
        json!({"reminders": {"useDefault": false, "overrides": [{"method": "popup", "minutes": 60}]}, "colorId": "3"}),
    ] {
        let answer = insert(&world, &merged(&birthday(), &changes)).await;
        assert_eq!(answer.status, 200, "{changes}: {}", answer.text);
    }
    let timed = merged(
        &birthday(),
        &json!({"start": {"dateTime": "2027-01-06T09:00:00Z", "timeZone": "UTC"}, "end": {"dateTime": "2027-01-07T09:00:00Z", "timeZone": "UTC"}}),
    );
    assert_eq!(insert(&world, &timed).await.reason(), restriction);
}

#[tokio::test]
async fn a_plain_event_has_no_other_kinds_properties() {
    let world = world().await;
    for kind in ["birthday", "focusTime", "outOfOffice", "workingLocation"] {
        let mut body = json!({"start": {"date": "2027-01-06"}, "end": {"date": "2027-01-07"}});
        let properties = format!("{kind}Properties");
        body[&properties] = json!({});
        let answer = insert(&world, &body).await;
        let message = format!("{properties} requires an event type of {kind}, and vice versa.");
        answer.refused(400, "invalid", &message);
        body[&properties] = json!(null);
        assert_eq!(insert(&world, &body).await.status, 200, "null is absence");
    }
}

#[tokio::test]
async fn status_events_live_in_the_primary_calendar() {
    let world = world().await;
    world.control("users/ada@example.com", json!({"calendars": ["team@group.calendar.google.com"]})).await;
    for (body, reason) in [
        (out_of_office(), "malformedOutOfOfficeEvent"),
        (focus_time(), "malformedFocusTimeEvent"),
        (working_location(), "malformedWorkingLocationEvent"),
    ] {
        assert_eq!(insert_into(&world, "ada@example.com", &body).await.status, 200, "{reason}");
        let answer = insert_into(&world, "team@group.calendar.google.com", &body).await;
        assert_eq!((answer.status, answer.reason()), (400, reason), "{}", answer.text);
        assert!(answer.message().contains("primary calendar"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_kind_is_for_ever_and_some_kinds_are_googles_alone() {
    let world = world().await;
    let mail =
        json!({"eventType": "fromGmail", "start": {"date": "2027-01-06"}, "end": {"date": "2027-01-07"}});
    let answer = insert(&world, &mail).await;
    assert_eq!((answer.status, answer.reason()), (400, "eventTypeRestriction"));
    let id = insert(&world, &focus_time()).await.ok()["id"].as_str().unwrap().to_owned();
    let plain = json!({"eventType": "default", "focusTimeProperties": null});
    let answer = world.patch(&id, plain).await;
    assert_eq!((answer.status, answer.reason()), (400, "eventTypeRestriction"), "{}", answer.text);
    let mut body = focus_time();
    body["summary"] = json!("Writing");
    assert_eq!(world.update(&id, body.clone()).await.ok()["summary"], "Writing");
    body.as_object_mut().unwrap().remove("eventType");
    body.as_object_mut().unwrap().remove("focusTimeProperties");
    let answer = world.update(&id, body).await;
    assert_eq!(
        (answer.status, answer.reason()),
        (400, "eventTypeRestriction"),
        "an update says the kind again"
    );
    assert_eq!(world.patch(&id, json!({"summary": "Thinking"})).await.ok()["eventType"], "focusTime");
}

#[tokio::test]
async fn several_faults_of_a_kind_are_several_entries() {
    let world = world().await;
    let body = merged(
        &out_of_office(),
        &json!({"description": "d", "attendees": [{"email": "g@example.com"}], "transparency": "transparent"}),
    );
    let answer = insert(&world, &body).await;
    assert_eq!(answer.json["error"]["errors"].as_array().unwrap().len(), 3, "{}", answer.text);
}
