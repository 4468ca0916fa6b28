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
