//! Tables of rules: taken, and refused for what reason.

use super::*;

/// Tuesday, 5 January 2027, 09:00 in Kolkata.
fn timed() -> Times {
    Times::Timed {
        start: "2027-01-05T03:30:00Z".parse().unwrap(),
        day: jiff::civil::date(2027, 1, 5),
        end: "2027-01-05T04:30:00Z".parse().unwrap(),
    }
}

fn check(rule: &str, times: &Times) -> Result<(), String> {
    Rule::read(rule, times).map(|read| assert_eq!(read.to_string(), rule))
}

fn all_day() -> Times {
    Times::AllDay { start: jiff::civil::date(2027, 1, 5), end: jiff::civil::date(2027, 1, 6) }
}

#[test]
fn rules_as_calendars_write_them_are_taken() {
    for rule in [
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=2;COUNT=10",
        "FREQ=DAILY;UNTIL=20270105T033000Z",
        "FREQ=DAILY;UNTIL=20270105",
        "FREQ=DAILY;UNTIL=20991231T235959Z;INTERVAL=65535",
        "FREQ=WEEKLY;BYDAY=MO,WE,FR;WKST=SU",
        "WKST=MO;BYDAY=TU;COUNT=1;FREQ=WEEKLY",
        "FREQ=MONTHLY;BYDAY=2MO,-1FR,+1SU",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "FREQ=MONTHLY;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=YEARLY",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        "FREQ=YEARLY;BYYEARDAY=1,100,-1",
        "FREQ=HOURLY;INTERVAL=6",
        "FREQ=MINUTELY;INTERVAL=90;COUNT=4",
        "FREQ=SECONDLY",
        "FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0,30;BYSECOND=0",
    ] {
        assert_eq!(check(rule, &timed()), Ok(()), "{rule}");
        assert_eq!(check(rule, &all_day()), Ok(()), "{rule}");
    }
}

#[test]
fn a_rule_without_an_end_is_checked_in_no_time() {
    // From the first day of our years to the last.
    let first = Times::AllDay { start: jiff::civil::date(1601, 1, 1), end: jiff::civil::date(1601, 1, 2) };
    assert_eq!(check("FREQ=YEARLY;UNTIL=22001231", &first), Ok(()));
    // Never true: 30 February. Nothing here looks for an occurrence.
    for rule in ["FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"] {
        assert_eq!(check(rule, &timed()), Ok(()), "{rule}");
    }
}

#[test]
fn bad_rules_are_refused_with_the_part_that_is_wrong() {
    for (rule, said) in [
        ("", "a rule is a list of NAME=VALUE"),
        ("FREQ", "a rule is a list of NAME=VALUE"),
        ("FREQ=", "a rule is a list of NAME=VALUE"),
        (";", "a rule is a list of NAME=VALUE"),
        (" ; ;", "a rule is a list of NAME=VALUE"),
        ("FREQ=;COUNT=1", "a rule is a list of NAME=VALUE"),
        ("FREQ=DAILY;=1", "no part ``"),
        ("FREQ=DAILY;COUNT=1 2", "COUNT must be"),
        ("COUNT=3", "a rule needs FREQ"),
        ("FREQ=FORTNIGHTLY", "FREQ must be one of"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ appears twice"),
        ("FREQ=DAILY;BYEASTER=1", "no part `BYEASTER`"),
        ("FREQ=DAILY;X-FOO=1", "no part `X-FOO`"),
        ("FREQ=DAILY;BYWEEKDAY=MO", "no part `BYWEEKDAY`"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20280101", "COUNT or UNTIL, not both"),
        ("FREQ=DAILY;COUNT=3;UNTIL=99991231T235959Z", "COUNT or UNTIL, not both"),
        ("FREQ=DAILY;UNTIL=99991232", "UNTIL must be a date or a time in UTC that exists"),
        ("FREQ=DAILY;UNTIL=15821015", "UNTIL is before"),
        ("FREQ=DAILY;COUNT=0", "COUNT must be"),
        ("FREQ=DAILY;COUNT=-1", "COUNT must be"),
        ("FREQ=DAILY;COUNT=+1", "COUNT must be"),
        ("FREQ=DAILY;COUNT=1.5", "COUNT must be"),
        ("FREQ=DAILY;COUNT=99999999999999999999", "COUNT must be"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL must be"),
        ("FREQ=DAILY;INTERVAL=65536", "INTERVAL must be"),
        ("FREQ=DAILY;UNTIL=20270104", "UNTIL is before"),
        ("FREQ=DAILY;UNTIL=20270105T032959Z", "UNTIL is before"),
        ("FREQ=DAILY;UNTIL=20280101T090000", "UNTIL must be in UTC"),
        ("FREQ=DAILY;UNTIL=20280230", "UNTIL must be a date or a time in UTC that exists"),
        ("FREQ=DAILY;UNTIL=2028-01-01", "UNTIL must be a date or a time in UTC that exists"),
        ("FREQ=DAILY;UNTIL=NEVER", "UNTIL must be a date or a time in UTC that exists"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY is a list"),
        ("FREQ=WEEKLY;BYDAY=M", "BYDAY is a list"),
        ("FREQ=WEEKLY;BYDAY=MO,", "BYDAY is a list"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY is a list"),
        ("FREQ=MONTHLY;BYDAY=54MO", "BYDAY is a list"),
        ("FREQ=MONTHLY;BYDAY=-32768MO", "BYDAY is a list"),
        ("FREQ=MONTHLY;BYDAY=1.MO", "BYDAY is a list"),
        ("FREQ=WEEKLY;BYDAY=2MO", "BYDAY has no numbers with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYDAY=6MO", "BYDAY is not a list of values"),
        ("FREQ=WEEKLY;WKST=MON", "WKST is one of"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY counts from 1"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY is not a list of values"),
        ("FREQ=MONTHLY;BYMONTHDAY=X", "BYMONTHDAY is not a list of values"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY does not go with FREQ=WEEKLY"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH is not a list of values"),
        ("FREQ=YEARLY;BYMONTH=0", "BYMONTH is not a list of values"),
        ("FREQ=YEARLY;BYWEEKNO=54", "BYWEEKNO is not a list of values"),
        ("FREQ=MONTHLY;BYWEEKNO=5", "BYWEEKNO does not go with FREQ=MONTHLY"),
        ("FREQ=YEARLY;BYYEARDAY=367", "BYYEARDAY is not a list of values"),
        ("FREQ=DAILY;BYYEARDAY=3", "BYYEARDAY does not go with FREQ=DAILY"),
        ("FREQ=YEARLY;BYSETPOS=0", "BYSETPOS counts from 1"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=99", "BYSETPOS is not a list of values"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR is not a list of values"),
        ("FREQ=DAILY;BYMINUTE=60", "BYMINUTE is not a list of values"),
        ("FREQ=DAILY;BYSECOND=61", "BYSECOND is not a list of values"),
    ] {
        let sentence = check(rule, &timed()).expect_err(rule);
        assert!(sentence.contains(said), "{rule}: {sentence}");
    }
    let sentence = check("FREQ=DAILY;UNTIL=20270104T235959Z", &all_day()).unwrap_err();
    assert!(sentence.contains("UNTIL is before"), "{sentence}");
}

#[test]
fn no_sentence_shows_the_librarys_words() {
    for rule in ["FREQ=MONTHLY;BYMONTHDAY=99", "FREQ=DAILY;BYHOUR=X", "FREQ=WEEKLY;BYMONTHDAY=1"] {
        let sentence = check(rule, &timed()).unwrap_err();
        for jargon in ["RRule", "ValidationError", "DTSTART", "parsing", "Expected", ".."] {
            assert!(!sentence.contains(jargon), "{sentence}");
        }
    }
}

#[test]
fn dates_and_times_are_read_as_icalendar_writes_them() {
    let day = jiff::civil::date(2027, 12, 31);
    let time = day.at(23, 59, 59, 0);
    let last = jiff::civil::date(9999, 12, 31).at(23, 59, 59, 0);
    for (text, time) in [
        ("20271231", Some(IcalTime::Day(day))),
        ("20271231T235959Z", Some(IcalTime::Utc(time))),
        ("20271231T235959", Some(IcalTime::Local(time))),
        ("99991231T235959Z", Some(IcalTime::Utc(last))),
        ("", None),
        ("2027123", None),
        ("202712311", None),
        ("20271232", None),
        ("20271231T", None),
        ("20271231T2359", None),
        ("20271231T235960Z", None),
        ("20271231T245959", None),
        ("20271231t235959z", None),
        ("20271231T235959ZZ", None),
        ("+0271231", None),
        ("2027äää", None),
        ("2027123１", None),
    ] {
        assert_eq!(IcalTime::parse(text), time, "{text}");
    }
}
