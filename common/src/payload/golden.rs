//! What builds so far have sealed for a job.

use super::*;
use crate::event::Submission;
use crate::golden::{self, ID};

const PAYLOADS: &str = include_str!("golden/payloads.jsonl");
const SEALED: &str = include_str!("golden/payloads_sealed.txt");

fn payload(body: &str, conference: bool, send_updates: SendUpdates) -> Payload {
    let submission = Submission::parse(body.as_bytes()).unwrap();
    let (calendar, event) = (submission.calendar, submission.event);
    Payload { calendar, event, conference, send_updates }
}

/// One of each kind of times, with and without what there can be.
fn payloads() -> [Payload; 3] {
    [
        payload(
            r#"{"calendarId":"team@example.com","summary":"Tea","description":"Bring cake","location":"Room 5",
                "start":{"dateTime":"2027-03-01T09:00:00+01:00","timeZone":"Europe/Berlin"},
                "end":{"dateTime":"2027-03-01T10:00:00+01:00","timeZone":"Europe/Berlin"},
                "attendees":[{"email":"ada@example.com","optional":true},{"email":"room@resource.calendar.google.com","resource":true}],
                "reminders":{"useDefault":false,"overrides":[{"method":"popup","minutes":10}]},
                "visibility":"private","transparency":"transparent","colorId":"5",
                "extendedProperties":{"private":{"crm":"7"},"shared":{"deal":"9"}}}"#,
            true,
            SendUpdates::All,
        ),
        payload(
            r#"{"summary":"Fair","start":{"date":"2027-03-01"},"end":{"date":"2027-03-03"}}"#,
            false,
            SendUpdates::ExternalOnly,
        ),
        payload(
            r#"{"summary":"Weekly","recurrence":["RRULE:FREQ=WEEKLY;COUNT=5"],
                "start":{"dateTime":"2027-03-01T09:00:00","timeZone":"Europe/Berlin"},
                "end":{"dateTime":"2027-03-01T10:00:00","timeZone":"Europe/Berlin"}}"#,
            false,
            SendUpdates::None,
        ),
    ]
}

#[test]
fn payloads_are_written_and_read_as_they_were() {
    golden::json_holds(PAYLOADS, &payloads());
}

#[test]
fn payloads_sealed_by_earlier_builds_open() {
    golden::opens(SEALED, &golden::key(), ID, &payloads());
}
