//! What holds for every body, of whatever sense: reading one ends in an answer, and what is accepted is
//! accepted again as Google gets it, with nothing more to change.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::Submission;

/// Names of fields, those in Google's form and ours, and some that are none.
const NAMES: &[&str] = &[
    "account",
    "attachments",
    "attendees",
    "calendarId",
    "comment",
    "conferenceData",
    "customLocation",
    "date",
    "dateTime",
    "description",
    "displayName",
    "email",
    "end",
    "endDateTime",
    "etag",
    "eventType",
    "extendedProperties",
    "fileUrl",
    "label",
    "location",
    "method",
    "minutes",
    "notAfter",
    "overrides",
    "private",
    "recurrence",
    "reminders",
    "shared",
    "source",
    "start",
    "startDateTime",
    "summary",
    "timeZone",
    "title",
    "url",
    "useDefault",
    "workingLocationProperties",
    "",
    "__proto__",
];

/// Pieces of times, zones, rules and texts, as they are written and as they are miswritten.
const PIECES: &[&str] = &[
    "2027-01-05",
    "1601-01-01",
    "2200-12-31",
    "1600-12-31",
    "2028-02-29",
    "T",
    "t",
    " ",
    "09:30",
    "23:59:59",
    "02:30:00",
    ".123456789",
    "Z",
    "+05:30",
    "-18:00",
    "+00:53:28",
    "Europe/Berlin",
    "W. Europe Standard Time",
    "America/New_York",
    "PST",
    "Factory",
    "(UTC+01:00) Paris",
    "RRULE",
    "EXRULE",
    "RDATE",
    "EXDATE",
    "DTSTART",
    ":",
    ";",
    ",",
    "=",
    "FREQ",
    "DAILY",
    "WEEKLY",
    "YEARLY",
    "BYDAY",
    "MO",
    "-1FR",
    "é",
    "COUNT",
    "5",
    "0",
    "UNTIL",
    "99991231T235959Z",
    "20280101",
    "20280101T090000Z",
    "20280101T090000",
    "INTERVAL",
    "TZID",
    "VALUE",
    "DATE",
    "\r\n",
    "\n ",
    "\u{b}",
    "\u{92}",
    "\0",
    "\u{200f}",
    "😀",
    "ada@example.com",
    "https://example.com/",
    "primary",
    "default",
    "birthday",
    "workingLocation",
    "popup",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => vec(select(PIECES), 0..8).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => text().prop_map(Value::String),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            2 => vec((select(NAMES), inner.clone()), 0..6).prop_map(object),
            1 => vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

fn object(members: Vec<(&str, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A start and an end, mostly in their order.
fn sides() -> impl Strategy<Value = (Value, Value)> {
    const BEGIN: &[&str] = &["1601-01-01", "1890-06-01", "2027-01-05", "2027-03-14"];
    const END: &[&str] = &["2027-01-05", "2027-03-14", "2200-12-31"];
    const OFFSETS: &[&str] = &["", "", "Z", "z", "+05:30", "-18:00"];
    let zone = select(&[None, Some("Europe/Berlin"), Some("eastern standard time"), Some("UTC")][..]);
    let moment = |days: &'static [&'static str], clocks: &'static [&'static str]| {
        (select(days), select(clocks), select(OFFSETS), zone.clone()).prop_map(|(day, clock, offset, zone)| {
            json!({"dateTime": format!("{day}{clock}{offset}"), "timeZone": zone})
        })
    };
    let day = |days: &'static [&'static str]| select(days).prop_map(|day| json!({ "date": day }));
    let (early, late) = (&["T00:00", " 02:30:00.5"][..], &["t09:30:00", "T23:59:59"][..]);
    prop_oneof![
        3 => (moment(BEGIN, early), moment(END, late)),
        1 => (day(&["1948-03-02", "2028-02-29", "2200-12-31"]), day(&["2028-02-29", "2200-12-31", "2201-01-01"])),
    ]
}

/// A line that is mostly right.
fn line() -> impl Strategy<Value = String> {
    let part = select(
        &[
            "COUNT=5",
            "UNTIL=99991231T235959Z",
            "UNTIL=22001231",
            "BYDAY=MO, TU",
            "INTERVAL=2",
            "WKST=SU",
            "",
            " ",
        ][..],
    );
    let frequency = select(&["FREQ=DAILY", "freq=weekly", " FREQ = YEARLY ", ""][..]);
    let rule =
        (frequency, vec(part, 0..3)).prop_map(|(first, parts)| format!("RRULE:{first};{}", parts.join(";")));
    let dates = select(
        &[
            "RDATE:20270106T090000Z",
            "exdate;tzid=romance standard time:20270106T090000 , 20270107T090000",
            "EXDATE;VALUE=DATE:20270106",
            " RDATE ; TZID=Asia/Tokyo : 20270106T090000\r\n",
        ][..],
    );
    prop_oneof![8 => rule, 2 => dates.prop_map(str::to_owned), 1 => text()]
}

/// A body that is accepted more often than not.
fn likely() -> impl Strategy<Value = Value> {
    (sides(), vec(line(), 0..2), text(), text(), select(NAMES), value()).prop_map(
        |((start, end), lines, summary, note, name, other)| {
            let mut body = json!({
                "start": start, "end": end, "summary": summary, "description": note, "location": note,
                "extendedProperties": {"shared": {"note": note}},
                "attendees": [{"email": "ada@example.com", "displayName": summary, "comment": note}],
            });
            if !lines.is_empty() {
                body["recurrence"] = json!(lines);
            }
            if note.len() % 5 == 0 {
                body[name] = other;
            }
            body
        },
    )
}

/// Reads `body`, and what is accepted of it once more.
fn holds(body: &Value) -> Result<(), TestCaseError> {
    let Ok(first) = Submission::parse(body.to_string().as_bytes()) else {
        return Ok(());
    };
    let sent = Value::Object(first.event.resource().clone()).to_string();
    let again = Submission::parse(sent.as_bytes())
        .map_err(|error| TestCaseError::fail(format!("{sent} is not accepted: {error:?}")))?;
    prop_assert_eq!(again.event.resource(), first.event.resource());
    prop_assert_eq!(again.warnings, vec![], "{}", sent);
    prop_assert_eq!(again.event.ends_at(), first.event.ends_at());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_of_any_kind_are_answered(bytes in vec(any::<u8>(), 0..512)) {
        let _ = Submission::parse(&bytes);
    }

    #[test]
    fn json_of_any_kind_is_answered_and_what_is_accepted_is_accepted_again(body in value()) {
        holds(&body)?;
    }

    #[test]
    fn what_is_accepted_is_accepted_again_as_google_gets_it(body in likely()) {
        holds(&body)?;
    }

    #[test]
    fn a_line_of_any_kind_is_answered(line in line(), day in any::<bool>()) {
        let (start, end) = if day {
            (json!({"date": "2027-01-05"}), json!({"date": "2027-01-06"}))
        } else {
            let side = |text: &str| json!({"dateTime": text, "timeZone": "Europe/Berlin"});
            (side("2027-01-05T09:30:00"), side("2027-01-05T10:30:00"))
        };
        holds(&json!({"start": start, "end": end, "recurrence": [line]}))?;
    }

    #[test]
    fn a_zone_of_any_name_is_answered(zone in text()) {
        let time = "2027-01-05T09:30:00";
        holds(&json!({"startDateTime": time, "endDateTime": time, "timeZone": zone}))?;
    }
}

/// The bodies above are not all refused: a property of nothing would hold.
#[test]
fn likely_bodies_are_accepted_often_enough() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let accepted = (0..500)
        .filter(|_| {
            let body = likely().new_tree(&mut runner).unwrap().current();
            Submission::parse(body.to_string().as_bytes()).is_ok()
        })
        .count();
    assert!(accepted >= 100, "{accepted} of 500");
}
