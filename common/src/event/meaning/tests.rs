//! Which spellings mean the same request, and which do not.

use serde_json::{Value, json};

use crate::event::Submission;

/// A timed event with a zone.
fn timed() -> Value {
    json!({
        "summary": "s",
        "start": {"dateTime": "2030-01-07T09:00:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2030-01-07T10:00:00", "timeZone": "Europe/Berlin"},
    })
}

/// `body` with these members on top.
fn with(body: &Value, members: Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

fn meant(body: &Value) -> String {
    let parsed = Submission::parse(body.to_string().as_bytes());
    let parsed = parsed.unwrap_or_else(|error| panic!("{body}: {error:?}"));
    String::from_utf8(parsed.canonical()).unwrap()
}

#[track_caller]
fn same(base: &Value, others: &[Value]) {
    for members in others {
        let other = with(base, members.clone());
        assert_eq!(meant(&other), meant(base), "{members}");
    }
}

/// Each of these is another request than every other, and than `base` as it is.
#[track_caller]
fn different(base: &Value, others: &[Value]) {
    let mut seen = vec![meant(base)];
    for members in others {
        let other = meant(&with(base, members.clone()));
        assert!(!seen.contains(&other), "{members}");
        seen.push(other);
    }
}

#[test]
fn a_default_is_the_same_written_out_or_left_out() {
    same(
        &timed(),
        &[
            json!({"account": "default"}),
            json!({"calendarId": "primary"}),
            json!({"conference": true}),
            json!({"conferenceData": {"createRequest": {"requestId": "x"}}}),
            json!({"sendUpdates": "all"}),
            json!({"priority": "normal"}),
            json!({"visibility": "default"}),
            json!({"transparency": "opaque"}),
            json!({"status": "confirmed"}),
            json!({"eventType": "default"}),
            json!({"guestsCanInviteOthers": true, "guestsCanModify": false, "guestsCanSeeOtherGuests": true}),
            json!({"anyoneCanAddSelf": false, "privateCopy": false, "endTimeUnspecified": false}),
            json!({"reminders": {"useDefault": true}}),
            json!({"reminders": {"useDefault": true, "overrides": []}}),
        ],
    );
}

#[test]
fn nothing_is_the_same_in_every_spelling() {
    same(
        &timed(),
        &[
            json!({"attendees": []}),
            json!({"attachments": []}),
            json!({"recurrence": []}),
            json!({"extendedProperties": {}}),
            json!({"extendedProperties": {"private": {}, "shared": {}}}),
            json!({"description": null, "attendees": null, "reminders": null, "notBefore": null}),
            json!({"description": "", "location": ""}),
        ],
    );
}

#[test]
fn an_instant_is_the_same_in_every_spelling() {
    let at = |start: &str, end: &str| json!({"start": {"dateTime": start}, "end": {"dateTime": end}});
    same(
        &with(&timed(), at("2030-01-07T08:00:00Z", "2030-01-07T09:00:00.5Z")),
        &[
            at("2030-01-07T08:00:00+00:00", "2030-01-07T09:00:00.500-00:00"),
            at("2030-01-07T08:00:00.000Z", "2030-01-07T09:00:00.500000000z"),
            at("2030-01-07 09:00+01:00", "2030-01-07t14:30:00.50+05:30"),
        ],
    );
    let zoned = |time: &str, zone: &str| json!({"start": {"dateTime": time, "timeZone": zone}});
    same(
        &timed(),
        &[
            zoned("2030-01-07T09:00", "europe/berlin"),
            zoned("2030-01-07T09:00:00.000", "Europe/Berlin"),
            zoned("2030-01-07T09:00:00+01:00", "Europe/Berlin"),
            zoned("2030-01-07T08:00:00Z", "Europe/Berlin"),
        ],
    );
    same(
        &with(&timed(), json!({"notBefore": "2029-12-31T00:00:00Z"})),
        &[json!({"notBefore": "2029-12-31T01:00:00.000+01:00"})],
    );
}

#[test]
fn the_flat_form_means_what_googles_form_means() {
    let flat = json!({
        "summary": "s", "timeZone": "Europe/Berlin", "attendeeEmail": "ADA@example.com",
        "startDateTime": "2030-01-07T09:00", "endDateTime": "2030-01-07T10:00",
    });
    let guest = json!([{"email": "ada@example.com", "responseStatus": "needsAction"}]);
    assert_eq!(meant(&flat), meant(&with(&timed(), json!({ "attendees": guest }))));
}

#[test]
fn guests_are_the_same_in_any_order_and_case_and_with_their_defaults() {
    let guests = |list: Value| json!({ "attendees": list });
    same(
        &with(&timed(), guests(json!([{"email": "ada@example.com"}, {"email": "bob@example.com"}]))),
        &[
            guests(json!([{"email": "bob@example.com"}, {"email": "ada@example.com"}])),
            guests(json!([{"email": "Ada@Example.com"}, {"email": "BOB@example.com"}])),
            guests(json!([
                {"email": "ada@example.com", "optional": false, "resource": false, "additionalGuests": 0},
                {"email": "bob@example.com", "responseStatus": "needsAction", "comment": "", "displayName": null},
            ])),
        ],
    );
}

#[test]
fn reminders_are_the_same_in_any_order() {
    let (mail, popup) =
        (json!({"method": "email", "minutes": 60}), json!({"minutes": 10, "method": "popup"}));
    let own = |reminders: Value| json!({ "reminders": reminders });
    same(
        &with(&timed(), own(json!({"useDefault": false, "overrides": [mail, popup]}))),
        &[
            own(json!({"overrides": [popup, mail], "useDefault": false})),
            own(json!({"overrides": [popup, mail]})),
        ],
    );
    same(
        &with(&timed(), own(json!({"useDefault": false}))),
        &[own(json!({"useDefault": false, "overrides": []}))],
    );
}

#[test]
fn rules_are_the_same_in_any_order() {
    let lines = |lines: &[&str]| json!({ "recurrence": lines });
    let skip = "EXDATE;TZID=Europe/Berlin:20300109T090000";
    same(
        &with(&timed(), lines(&["RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=5", skip])),
        &[
            lines(&[skip, "RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=5"]),
            lines(&["rrule:count=5;byday=we,mo;freq=weekly", skip]),
            lines(&["RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,WE;COUNT=5", skip]),
        ],
    );
    same(
        &with(&timed(), lines(&["RRULE:FREQ=MONTHLY;BYDAY=1MO"])),
        &[lines(&["RRULE:FREQ=MONTHLY;BYDAY=+1MO"])],
    );
}

#[test]
fn what_is_another_event_is_another_request() {
    let time = |side: &str, time: &str, zone: &str| json!({side: {"dateTime": time, "timeZone": zone}});
    different(
        &timed(),
        &[
            json!({"account": "other"}),
            json!({"calendarId": "ada@example.com"}),
            json!({"conference": false}),
            json!({"sendUpdates": "none"}),
            json!({"priority": "bulk"}),
            json!({"notBefore": "2029-12-31T00:00:00Z"}),
            json!({"notAfter": "2029-12-31T00:00:00Z"}),
            json!({"summary": "S"}),
            json!({"summary": null}),
            json!({"visibility": "private"}),
            json!({"transparency": "transparent"}),
            json!({"status": "tentative"}),
            json!({"guestsCanInviteOthers": false}),
            json!({"guestsCanModify": true}),
            json!({"reminders": {"useDefault": false}}),
            json!({"reminders": {"useDefault": false, "overrides": [{"method": "popup", "minutes": 10}]}}),
            json!({"attendees": [{"email": "ada@example.com"}]}),
            json!({"attendees": [{"email": "ada@example.com", "optional": true}]}),
            json!({"attendees": [{"email": "ada@example.com"}, {"email": "bob@example.com"}]}),
            json!({"extendedProperties": {"private": {"a": "b"}}}),
            json!({"extendedProperties": {"private": {"a": ""}}}),
            json!({"extendedProperties": {"shared": {"a": "b"}}}),
            json!({"recurrence": ["RRULE:FREQ=DAILY"]}),
            json!({"recurrence": ["RRULE:FREQ=DAILY;INTERVAL=2"]}),
            time("end", "2030-01-07T10:00:01", "Europe/Berlin"),
            time("start", "2030-01-07T09:00:00", "Europe/Paris"),
            time("start", "2030-01-07T09:00:00.001", "Europe/Berlin"),
            time("start", "2030-01-07T09:00:00+02:00", "Europe/Berlin"),
        ],
    );
}

#[test]
fn two_names_of_one_zone_are_different() {
    let zone = |name: &str| json!({"start": {"dateTime": "2030-01-07T09:00", "timeZone": name}, "end": {"dateTime": "2030-01-07T10:00", "timeZone": name}});
    different(&with(&timed(), zone("Asia/Kolkata")), &[zone("Asia/Calcutta")]);
    different(&with(&timed(), zone("Europe/Berlin")), &[zone("Europe/Stockholm"), zone("UTC")]);
}

#[test]
fn a_time_that_the_clock_shows_twice_keeps_its_instant() {
    // Berlin shows 02:00 to 03:00 twice on 27 October 2030.
    let at = |start: &str| json!({"start": {"dateTime": start, "timeZone": "Europe/Berlin"}, "end": {"dateTime": "2030-10-27T09:00:00", "timeZone": "Europe/Berlin"}});
    let first = with(&timed(), at("2030-10-27T02:30:00"));
    same(&first, &[at("2030-10-27T02:30:00+02:00"), at("2030-10-27T00:30:00Z")]);
    different(&first, &[at("2030-10-27T02:30:00+01:00")]);
}

#[test]
fn days_are_days() {
    let day = json!({"start": {"date": "2030-01-07"}, "end": {"date": "2030-01-08"}, "conference": false});
    different(
        &day,
        &[
            json!({"end": {"date": "2030-01-09"}}),
            json!({"start": {"dateTime": "2030-01-07T00:00:00Z"}, "end": {"dateTime": "2030-01-08T00:00:00Z"}}),
        ],
    );
}

#[test]
fn canonical_bytes_of_version_2_are_pinned() {
    // They go into hashes that events carry for ever.
    let body = with(
        &timed(),
        json!({
            "summary": "Café ☕", "attendees": [{"email": "Bob@example.com", "optional": true}, {"email": "ada@example.com"}],
            "reminders": {"useDefault": false, "overrides": [{"minutes": 10, "method": "popup"}]},
            "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=5;BYDAY=WE,MO"], "notAfter": "2030-01-07T05:30+05:30",
        }),
    );
    assert_eq!(
        meant(&body),
        r#"{"account":"default","calendarId":"primary","conference":true,"event":{"attendees":[{"email":"ada@example.com"},{"email":"bob@example.com","optional":true}],"end":{"dateTime":"2030-01-07T10:00:00","timeZone":"Europe/Berlin"},"recurrence":["RRULE:BYDAY=MO,WE;COUNT=5;FREQ=WEEKLY"],"reminders":{"overrides":[{"method":"popup","minutes":10}],"useDefault":false},"start":{"dateTime":"2030-01-07T09:00:00","timeZone":"Europe/Berlin"},"summary":"Café ☕"},"notAfter":"2030-01-07T00:00:00Z","notBefore":null,"priority":"normal","sendUpdates":"all","v":2}"#
    );
}
