//! The lines that make an event repeat: RRULE, EXRULE, RDATE and EXDATE (RFC 5545).

use serde_json::{Map, Value};

use super::problems::{Path, Problems, quoted};
use super::rule::{self, IcalTime};
use super::times::Times;
use super::zone;
use crate::field::FieldCode;

/// The lines of an event, if it has any.
pub(super) fn lines(event: &Map<String, Value>) -> Option<&Vec<Value>> {
    event.get("recurrence").and_then(Value::as_array).filter(|lines| !lines.is_empty())
}

/// Checks every line, and that there is something to repeat.
///
/// Rules come out in capitals, as iCalendar reads them in any case and Google may not.
pub(super) fn check(event: &mut Map<String, Value>, times: &Times, problems: &mut Problems) {
    let Some(Value::Array(lines)) = event.get_mut("recurrence") else {
        return;
    };
    let at = Path::root().key("recurrence");
    let mut repeats = false;
    for (index, line) in lines.iter_mut().enumerate() {
        let Value::String(text) = line else { continue };
        match check_line(text, times) {
            Ok(checked) => {
                repeats |= checked.starts_with("RRULE") || checked.starts_with("RDATE");
                *text = checked;
            }
            Err(sentence) => {
                // Whatever it was meant to be, it is not also missing.
                repeats = true;
                problems.add(at.index(index), FieldCode::InvalidRecurrence, sentence);
            }
        }
    }
    if lines.is_empty() {
        event.remove("recurrence");
    } else if !repeats && !problems.concern("recurrence") {
        let message = "there are exceptions but nothing to repeat: add an RRULE or RDATE line";
        problems.add(&at, FieldCode::InvalidRecurrence, message);
    }
}

fn check_line(line: &str, times: &Times) -> Result<String, String> {
    if line.contains(['\n', '\r']) {
        return Err("each entry of the list is one line".to_owned());
    }
    let (head, value) = line
        .split_once(':')
        .ok_or("a line begins with RRULE:, EXRULE:, RDATE: or EXDATE:, such as RRULE:FREQ=WEEKLY;BYDAY=MO")?;
    let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
    let name = name.to_ascii_uppercase();
    match name.as_str() {
        "RRULE" | "EXRULE" if head.contains(';') => Err(format!("{name} takes no parameters")),
        // The library counts in bytes, and panics inside a character that has several.
        "RRULE" | "EXRULE" if !value.is_ascii() => {
            Err("a rule is written in plain letters, digits and signs".to_owned())
        }
        "RRULE" | "EXRULE" => {
            let value = value.to_ascii_uppercase();
            rule::check(&value, times)?;
            Ok(format!("{name}:{value}"))
        }
        "RDATE" | "EXDATE" => {
            let parameters = Parameters::parse(parameters, head.contains(';'))?;
            check_dates(&name, &parameters, value, times)?;
            Ok(format!("{name}{}", &line[name.len()..]))
        }
        "DTSTART" | "DTEND" => {
            Err(format!("{name} is not allowed here: `start` and `end` say when the first occurrence is"))
        }
        _ => {
            Err(format!("a line begins with RRULE:, EXRULE:, RDATE: or EXDATE:, not with {}", quoted(&name)))
        }
    }
}

/// The parameters of a list of dates.
#[derive(Default)]
struct Parameters {
    zoned: bool,
    value: Option<String>,
}

impl Parameters {
    fn parse(text: &str, present: bool) -> Result<Self, String> {
        let mut found = Self::default();
        for parameter in text.split(';').filter(|_| present) {
            let (name, value) =
                parameter.split_once('=').ok_or("a parameter is NAME=VALUE, such as TZID=Europe/Berlin")?;
            match name.to_ascii_uppercase().as_str() {
                "TZID" if !found.zoned => {
                    zone::find(value)?;
                    found.zoned = true;
                }
                "VALUE" if found.value.is_none() => found.value = Some(value.to_ascii_uppercase()),
                _ => {
                    return Err("RDATE and EXDATE take TZID and VALUE as parameters, once each".to_owned());
                }
            }
        }
        Ok(found)
    }
}

fn check_dates(name: &str, parameters: &Parameters, list: &str, times: &Times) -> Result<(), String> {
    match parameters.value.as_deref() {
        None | Some("DATE" | "DATE-TIME") => {}
        Some("PERIOD") => return Err(format!("{name} with VALUE=PERIOD is not supported")),
        Some(_) => return Err("VALUE is DATE or DATE-TIME".to_owned()),
    }
    for text in list.split(',') {
        let time = IcalTime::parse(text).ok_or_else(|| {
            format!("{name} is a list of dates or times such as 20271224 or 20271224T090000Z")
        })?;
        match (time, parameters.value.as_deref()) {
            (IcalTime::Day(_), Some("DATE-TIME")) | (IcalTime::Utc(_) | IcalTime::Local, Some("DATE")) => {
                return Err(format!("{name} says one VALUE and lists another"));
            }
            _ => {}
        }
        match (time, times) {
            (IcalTime::Utc(_), _) if parameters.zoned => {
                return Err(format!("{name} has a TZID and times in UTC; send one or the other"));
            }
            (IcalTime::Day(_), Times::Timed { .. }) => {
                return Err(format!(
                    "{name} lists dates, which match no occurrence of an event that has a time; \
                     send times such as 20271224T090000Z"
                ));
            }
            (IcalTime::Utc(_) | IcalTime::Local, Times::AllDay { .. }) => {
                return Err(format!(
                    "{name} lists times, which match no occurrence of an all-day event; \
                     send dates such as {name};VALUE=DATE:20271224"
                ));
            }
            (IcalTime::Day(_), Times::AllDay { .. })
            | (IcalTime::Utc(_) | IcalTime::Local, Times::Timed { .. }) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
        let Value::Object(mut event) = json!({ "recurrence": lines }) else { panic!("an object") };
        let mut problems = Problems::default();
        check(&mut event, &times(all_day), &mut problems);
        let fields = problems.summary().into_iter().map(|(field, code)| {
            assert_eq!(code, FieldCode::InvalidRecurrence);
            field
        });
        (event.remove("recurrence").unwrap_or_default(), fields.collect())
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
    fn rules_in_small_letters_come_out_in_capitals() {
        let (lines, problems) =
            checked(json!(["rrule:freq=daily;count=2", "exdate;tzid=Asia/Kolkata:20270106T090000"]), false);
        assert_eq!(problems, [""; 0]);
        assert_eq!(lines, json!(["RRULE:FREQ=DAILY;COUNT=2", "EXDATE;tzid=Asia/Kolkata:20270106T090000"]));
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
            "RRULE:FREQ=DAILY\r\n",
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
            "RDATE:2027-01-06",
            "RDATE:20270106",
            "EXDATE;VALUE=DATE:20270106",
            "EXDATE;VALUE=DATE:20270106T090000Z",
            "EXDATE;VALUE=DATE-TIME:20270106",
            "EXDATE;VALUE=TIME:20270106T090000Z",
            "RDATE;VALUE=PERIOD:20270106T090000Z/PT1H",
            "EXDATE;TZID=India Standard Time:20270106T090000",
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
}
