//! Whole bodies: what they come to, and when two are the same request.

use super::*;

const TIMES: &str =
    r#""startDateTime":"2027-01-05T14:00","endDateTime":"2027-01-05T15:00","timeZone":"Asia/Kolkata""#;

/// A body with good times and these members.
fn with(members: &str) -> String {
    if members.is_empty() { format!("{{{TIMES}}}") } else { format!("{{{TIMES},{members}}}") }
}

fn parse(body: &str) -> Submission {
    Submission::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error:?}"))
}

fn refused(body: &str) -> Vec<(String, FieldCode)> {
    match Submission::parse(body.as_bytes()) {
        Err(BodyError::Fields(problems)) => {
            problems.into_iter().map(|problem| (problem.field, problem.code)).collect()
        }
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn what_is_not_said_has_its_default() {
    let submission = parse(&with(""));
    assert_eq!(submission.account, AccountId::default_account());
    assert_eq!(submission.calendar, CalendarId::primary());
    assert!(submission.conference);
    assert_eq!(submission.send_updates, SendUpdates::All);
    assert_eq!(submission.priority, Priority::Normal);
    assert_eq!((submission.not_before, submission.not_after), (None, None));
    assert_eq!(submission.event.ends_at(), Some("2027-01-05T09:30:00Z".parse().unwrap()));
}

#[test]
fn what_is_said_to_calrelay_does_not_reach_google() {
    let submission = parse(&with(
        r#""account":"team_1","calendarId":"ada@example.com","conference":false,"sendUpdates":"externalOnly",
        "notBefore":"2027-01-01T00:00:00+05:30","notAfter":"2027-01-05T00:00Z","priority":"bulk""#,
    ));
    assert_eq!(submission.account.as_str(), "team_1");
    assert_eq!(submission.calendar.as_str(), "ada@example.com");
    assert!(!submission.conference);
    assert_eq!(submission.send_updates, SendUpdates::ExternalOnly);
    assert_eq!(submission.priority, Priority::Bulk);
    assert_eq!(submission.not_before, Some("2026-12-31T18:30:00Z".parse().unwrap()));
    assert_eq!(submission.not_after, Some("2027-01-05T00:00:00Z".parse().unwrap()));
    let fields: Vec<_> = submission.event.resource().keys().cloned().collect();
    assert_eq!(fields, ["end", "start"]);
}

#[test]
fn the_flat_forms_guest_becomes_an_attendee() {
    let submission = parse(&with(r#""attendeeEmail":"test@example.com""#));
    assert_eq!(submission.event.resource()["attendees"], json!([{"email": "test@example.com"}]));
    assert_eq!(submission.event.guests(), 1);
    let both = with(r#""attendeeEmail":"a@example.com","attendees":[]"#);
    assert_eq!(refused(&both), [("attendeeEmail".to_owned(), FieldCode::Conflict)]);
}

#[test]
fn the_same_request_is_the_same_however_it_is_spelt() {
    let same = [
        with(""),
        with(r#""conference":true,"account":"default","calendarId":"primary","notBefore":null"#),
        with(r#""sendUpdates":"all","priority":"normal","recurrence":[]"#),
        with(r#""summary":"","description":null,"notAfter":"""#),
        r#"{"timeZone":"asia/kolkata","endDateTime":"2027-01-05 15:00:00","startDateTime":"2027-01-05t14:00"}"#
            .to_owned(),
        r#"{"end":{"timeZone":"Asia/Kolkata","dateTime":"2027-01-05T15:00:00"},
            "start":{"dateTime":"2027-01-05T14:00:00","timeZone":"Asia/Kolkata"}}"#
            .to_owned(),
    ];
    let first = parse(&same[0]).canonical();
    for body in &same {
        assert_eq!(parse(body).canonical(), first, "{body}");
    }
}

#[test]
fn every_difference_that_matters_makes_another_request() {
    let mut seen = std::collections::BTreeSet::new();
    let different = [
        "",
        r#""account":"other""#,
        r#""calendarId":"ada@example.com""#,
        r#""conference":false"#,
        r#""sendUpdates":"none""#,
        r#""priority":"bulk""#,
        r#""notBefore":"2027-01-01T00:00Z""#,
        r#""notAfter":"2027-01-01T00:00Z""#,
        r#""summary":"x""#,
        r#""attendees":[{"email":"a@example.com"},{"email":"b@example.com"}]"#,
        r#""extendedProperties":{"private":{"a":"b"}}"#,
        r#""extendedProperties":{"shared":{"a":"b"}}"#,
        r#""recurrence":["RRULE:FREQ=DAILY"]"#,
    ];
    for members in different {
        assert!(seen.insert(parse(&with(members)).canonical()), "{members}");
    }
}

#[test]
fn the_bytes_of_version_1_are_pinned() {
    // They go into hashes that events carry for ever: a change here makes every repeat of an
    // older request look like another one.
    let bytes = parse(&with(r#""summary":"Café ☕","notAfter":"2027-01-05T05:30+05:30""#)).former();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        r#"{"account":"default","calendarId":"primary","conference":true,"event":{"end":{"dateTime":"2027-01-05T15:00:00","timeZone":"Asia/Kolkata"},"start":{"dateTime":"2027-01-05T14:00:00","timeZone":"Asia/Kolkata"},"summary":"Café ☕"},"notAfter":"2027-01-05T00:00:00Z","notBefore":null,"priority":"normal","sendUpdates":"all","v":1}"#
    );
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let body = r#"{"sumary":1,"id":"x","start":{"dateTime":"never"},"end":7,"account":"a b",
        "attendees":[{"email":"a@example.com"},{},{"email":"nope"}],"notAfter":"2027-01-05"}"#;
    let mut fields: Vec<_> = refused(body).into_iter().map(|(field, _)| field).collect();
    fields.sort();
    let expected = [
        "account",
        "attendees[1].email",
        "attendees[2].email",
        "end",
        "id",
        "notAfter",
        "start.dateTime",
        "sumary",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn the_window_is_in_order_and_has_offsets() {
    for (members, field, code) in [
        (r#""notBefore":"2027-01-05T14:00""#, "notBefore", FieldCode::InvalidDateTime),
        (r#""notAfter":"tomorrow""#, "notAfter", FieldCode::InvalidDateTime),
        (
            r#""notBefore":"2027-01-05T14:00Z","notAfter":"2027-01-05T15:00+01:00""#,
            "notAfter",
            FieldCode::TimeRangeEmpty,
        ),
    ] {
        assert_eq!(refused(&with(members)), [(field.to_owned(), code)]);
    }
}

#[test]
fn reminders_are_the_calendars_or_the_events_own() {
    let own = r#""overrides":[{"method":"popup","minutes":10}]"#;
    parse(&with(&format!(r#""reminders":{{"useDefault":false,{own}}}"#)));
    parse(&with(r#""reminders":{"useDefault":true,"overrides":[]}"#));
    let both = with(&format!(r#""reminders":{{"useDefault":true,{own}}}"#));
    assert_eq!(refused(&both), [("reminders.overrides".to_owned(), FieldCode::Conflict)]);
}

#[test]
fn debug_keeps_calendar_and_event_to_itself() {
    let body = with(r#""calendarId":"ada@example.com","summary":"Secret plans""#);
    let printed = format!("{:?}", parse(&body));
    assert!(!printed.contains("ada") && !printed.contains("Secret"), "{printed}");
}

#[test]
fn own_reminders_without_a_written_use_default_are_completed() {
    let own = r#""overrides":[{"method":"popup","minutes":10}]"#;
    let reminders = |members: &str| parse(&with(&format!(r#""reminders":{{{members}}}"#)));
    let completed = Warning { field: "reminders.useDefault".to_owned(), code: WarningCode::Completed };
    for members in [own.to_owned(), format!(r#"{own},"useDefault":null"#)] {
        let submission = reminders(&members);
        assert_eq!(submission.event.resource()["reminders"]["useDefault"], false, "{members}");
        assert_eq!(submission.warnings, std::slice::from_ref(&completed), "{members}");
    }
    for members in [
        format!(r#"{own},"useDefault":false"#),
        r#""overrides":[]"#.to_owned(),
        r#""useDefault":true"#.to_owned(),
    ] {
        assert_eq!(reminders(&members).warnings, [], "{members}");
    }
    let both = with(&format!(r#""reminders":{{{own},"useDefault":true}}"#));
    assert_eq!(refused(&both), [("reminders.overrides".to_owned(), FieldCode::Conflict)]);
}
