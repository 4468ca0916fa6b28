//! Tables of lines: what goes to Google, what is told, and what is refused.

use serde_json::json;

use super::*;

fn times(all_day: bool) -> Times {
    let start = jiff::civil::date(2027, 1, 5);
    if all_day {
        Times::AllDay { start, end: jiff::civil::date(2027, 1, 6) }
    } else {
        Times::Timed {
            start: "2027-01-05T09:00:00Z".parse().unwrap(),
            day: start,
            end: "2027-01-05T10:00:00Z".parse().unwrap(),
        }
    }
}

fn checked(lines: Value, all_day: bool) -> (Value, Vec<String>) {
    let (lines, problems) = changed(lines, all_day);
    let fields = problems.summary().into_iter().map(|(field, code)| {
        assert_eq!(code, FieldCode::InvalidRecurrence);
        field
    });
    (lines, fields.collect())
}

fn changed(lines: Value, all_day: bool) -> (Value, Problems) {
    let Value::Object(mut event) = json!({ "recurrence": lines }) else { panic!("an object") };
    let mut problems = Problems::default();
    check(&mut event, &times(all_day), &mut problems);
    (event.remove("recurrence").unwrap_or_default(), problems)
}

/// What was changed in the one line that comes out as `expected`.
fn changes(line: &str, expected: &str) -> Vec<WarningCode> {
    let (lines, problems) = changed(json!([line]), false);
    assert_eq!(problems.summary(), [], "{line:?}");
    assert_eq!(lines, json!([expected]), "{line:?}");
    problems
        .changes()
        .into_iter()
        .map(|(field, change)| {
            assert_eq!(field, "recurrence[0]");
            change
        })
        .collect()
}

#[test]
fn lines_of_every_kind_are_taken_as_they_are() {
    let timed = json!([
        "RRULE:FREQ=WEEKLY;BYDAY=TU",
        "EXRULE:FREQ=MONTHLY;BYDAY=1TU",
        "RDATE:20270106T090000Z,20270107T090000Z",
        "RDATE;TZID=Europe/Berlin:20270108T100000",
        "EXDATE;VALUE=DATE-TIME;TZID=America/New_York:20270112T040000",
        "EXDATE:20270119T090000",
    ]);
    assert_eq!(checked(timed.clone(), false), (timed, vec![]));
    let all_day = json!(["RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20280105,20290105", "RDATE:20270301",]);
    assert_eq!(checked(all_day.clone(), true), (all_day, vec![]));
}

#[test]
fn lines_in_small_letters_come_out_in_capitals() {
    for (line, expected) in [
        ("rrule:freq=daily;count=2", "RRULE:FREQ=DAILY;COUNT=2"),
        ("rrule:freq=daily;until=20280101t090000z", "RRULE:FREQ=DAILY;UNTIL=20280101T090000Z"),
        ("Rdate;value=date-time:20270106t090000z", "RDATE;VALUE=DATE-TIME:20270106T090000Z"),
    ] {
        assert_eq!(changes(line, expected), [], "{line}");
    }
    let (lines, problems) =
        checked(json!(["RRULE:FREQ=DAILY", "exdate;tzid=asia/kolkata:20270106t090000"]), false);
    assert_eq!(problems, [""; 0]);
    assert_eq!(lines[1], "EXDATE;TZID=Asia/Kolkata:20270106T090000");
}

#[test]
fn empty_parts_blanks_and_line_ends_are_taken_out_and_told() {
    for (line, expected) in [
        ("RRULE:FREQ=DAILY;COUNT=5;", "RRULE:FREQ=DAILY;COUNT=5"),
        ("RRULE:FREQ=WEEKLY;", "RRULE:FREQ=WEEKLY"),
        ("RRULE:;FREQ=DAILY;;COUNT=5;;", "RRULE:FREQ=DAILY;COUNT=5"),
        ("RRULE:FREQ=DAILY; ;COUNT=5; ", "RRULE:FREQ=DAILY;COUNT=5"),
        (" RRULE:FREQ=DAILY ", "RRULE:FREQ=DAILY"),
        ("\u{a0}RRULE:FREQ=DAILY\u{3000}", "RRULE:FREQ=DAILY"),
        ("RRULE : FREQ = WEEKLY ; BYDAY = MO , TU", "RRULE:FREQ=WEEKLY;BYDAY=MO,TU"),
        ("rrule:\tfreq=daily", "RRULE:FREQ=DAILY"),
        ("RRULE:FREQ=DAILY\r\n", "RRULE:FREQ=DAILY"),
        ("RRULE:FREQ=DAILY\n", "RRULE:FREQ=DAILY"),
        ("\n\nRRULE:FREQ=DAILY;\r\n\r\n", "RRULE:FREQ=DAILY"),
        // Folded, as a line of more than 75 bytes is in a file.
        ("RRULE:FREQ=WEEKLY;BYD\r\n AY=MO;COU\r\n\tNT=3", "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3"),
        ("RRULE:FREQ=WEEKLY;\n BYDAY=MO\n", "RRULE:FREQ=WEEKLY;BYDAY=MO"),
        ("RDATE : 20270106T090000Z , 20270107T090000Z\n", "RDATE:20270106T090000Z,20270107T090000Z"),
        ("RDATE; TZID = Europe/Berlin :20270106T090000", "RDATE;TZID=Europe/Berlin:20270106T090000"),
    ] {
        assert_eq!(changes(line, expected), [WarningCode::Recurrence], "{line:?}");
        assert_eq!(changes(expected, expected), [], "{line:?}");
    }
}

#[test]
fn an_until_that_means_for_ever_is_taken_out_and_told() {
    for until in [
        "99991231T235959Z",
        "99991231T000000Z",
        "99991230T230000Z",
        "99991231",
        "40001231T000000Z",
        "22010101",
        "99991231T235959",
    ] {
        let line = format!("RRULE:FREQ=WEEKLY;UNTIL={until};BYDAY=TU");
        assert_eq!(changes(&line, "RRULE:FREQ=WEEKLY;BYDAY=TU"), [WarningCode::Endless], "{line}");
    }
    let both = changes("RRULE:FREQ=DAILY;UNTIL=45010101T000000Z; ", "RRULE:FREQ=DAILY");
    assert_eq!(both, [WarningCode::Recurrence, WarningCode::Endless]);
    // A last year that may be meant stays.
    for until in ["22001231T235959Z", "20991231"] {
        let line = format!("RRULE:FREQ=DAILY;UNTIL={until}");
        assert_eq!(changes(&line, &line), []);
    }
    let (lines, problems) = changed(json!(["RRULE:FREQ=YEARLY;UNTIL=99991231"]), true);
    assert_eq!((lines, problems.changes().len()), (json!(["RRULE:FREQ=YEARLY"]), 1));
}

#[test]
fn a_windows_zone_reaches_google_by_its_iana_name_and_is_told() {
    for (line, expected) in [
        ("RDATE;TZID=W. Europe Standard Time:20270106T090000", "RDATE;TZID=Europe/Berlin:20270106T090000"),
        ("rdate;tzid=india standard time:20270106T090000", "RDATE;TZID=Asia/Kolkata:20270106T090000"),
        (
            "RDATE;VALUE=DATE-TIME;TZID=Pacific Standard Time (Mexico):20270106T090000",
            "RDATE;VALUE=DATE-TIME;TZID=America/Tijuana:20270106T090000",
        ),
    ] {
        assert_eq!(changes(line, expected), [WarningCode::WindowsZone], "{line}");
    }
}

#[test]
fn several_lines_in_one_are_refused_with_what_to_send() {
    let sentence = |line: &str| Line::read(line, &times(false)).err().expect(line);
    for line in [
        "DTSTART:20270105T090000Z\nRRULE:FREQ=DAILY",
        "DTSTART;TZID=Europe/Berlin:20270105T090000\r\nRRULE:FREQ=DAILY;COUNT=3\r\n",
        "RRULE:FREQ=DAILY\ndtstart:20270105T090000Z",
        "DTSTART:20270105T090000Z",
    ] {
        assert!(sentence(line).contains("send only the RRULE line"), "{}", sentence(line));
    }
    for line in ["RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "RRULE:FREQ=DAILY\r\nEXDATE:20270106T090000Z"] {
        assert!(sentence(line).contains("as an entry of its own"), "{}", sentence(line));
    }
}

#[test]
fn no_lines_are_no_recurrence() {
    assert_eq!(checked(json!([]), false), (Value::Null, vec![]));
}

#[test]
fn exceptions_alone_are_refused() {
    assert_eq!(checked(json!(["EXDATE:20270106T090000Z"]), false).1, ["recurrence"]);
    assert_eq!(checked(json!(["EXRULE:FREQ=DAILY"]), false).1, ["recurrence"]);
    assert_eq!(checked(json!(["RDATE:20270106T090000Z"]), false).1, [""; 0]);
}

#[test]
fn bad_lines_are_refused_one_by_one() {
    for line in [
        "",
        "FREQ=DAILY",
        "RRULE",
        "RRULE FREQ=DAILY",
        "RRULE:RRULE:FREQ=DAILY",
        "RRULE;X=1:FREQ=DAILY",
        "RRULE;:FREQ=DAILY",
        "RRULE:FREQ=DAILY\nRRULE:FREQ=DAILY",
        "RRULE:;",
        "RRULE:FREQ=DA ILY",
        "RRULE:FREQ=DAILY;COUNT=",
        "RRULE:FREQ=DAILY;UNTIL=99999999",
        "RRULE:FREQ=DAILY;COUNT=2;UNTIL=99991231",
        "RRULE:FREQ=WEEKLY;BYDAY=Mö",
        "RRULE:FREQ=WEEKLY;BYDAY=é",
        "RRULE:ＦREQ=DAILY",
        "DTSTART:20270105T090000Z",
        "DTEND;TZID=Europe/Berlin:20270105T090000",
        "DURATION:PT1H",
        "BEGIN:VEVENT",
        "RDATE:",
        "RDATE:20270106T090000Z,",
        "RDATE:tomorrow",
        "RDATE:99991231T235959Z",
        "RDATE:16001231T235959Z",
        "RDATE:2027-01-06",
        "RDATE:20270106",
        "EXDATE;VALUE=DATE:20270106",
        "EXDATE;VALUE=DATE:20270106T090000Z",
        "EXDATE;VALUE=DATE-TIME:20270106",
        "EXDATE;VALUE=TIME:20270106T090000Z",
        "RDATE;VALUE=PERIOD:20270106T090000Z/PT1H",
        "EXDATE;TZID=India Standard Time 1:20270106T090000",
        "EXDATE;TZID=\"Europe/Berlin\":20270106T090000",
        "EXDATE;TZID=Factory:20270106T090000",
        "EXDATE;TZID=Europe/Berlin:20270106T090000Z",
        "EXDATE;TZID=Europe/Berlin;TZID=Europe/Berlin:20270106T090000",
        "EXDATE;:20270106T090000Z",
        "EXDATE;RANGE=1:20270106T090000Z",
    ] {
        let (_, problems) = checked(json!(["RRULE:FREQ=DAILY", line]), false);
        assert_eq!(problems, ["recurrence[1]"], "{line}");
        assert_eq!(checked(json!([line]), false).1, ["recurrence[0]"], "{line}");
    }
    for line in ["EXDATE:20270106T000000Z", "RDATE:20270106T000000"] {
        assert_eq!(checked(json!(["RRULE:FREQ=DAILY", line]), true).1, ["recurrence[1]"], "{line}");
    }
}
