//! The lines that make an event repeat: RRULE, EXRULE, RDATE and EXDATE (RFC 5545).

mod dates;

use serde_json::{Map, Value};

use self::dates::Dates;
use super::problems::{Path, Problems, quoted};
use super::rule::Rule;
use super::times::Times;
use crate::field::FieldCode;
use crate::warning::WarningCode;

/// The lines of an event, if it has any.
pub(super) fn lines(event: &Map<String, Value>) -> Option<&Vec<Value>> {
    event.get("recurrence").and_then(Value::as_array).filter(|lines| !lines.is_empty())
}

/// Checks every line, and that there is something to repeat.
///
/// Lines come out as Google takes them: in capitals, which iCalendar does not ask for and Google does
/// (nwcell/ics.js#51), on one line, and without blanks or empty parts.
pub(super) fn check(event: &mut Map<String, Value>, times: &Times, problems: &mut Problems) {
    let Some(Value::Array(lines)) = event.get_mut("recurrence") else {
        return;
    };
    let at = Path::root().key("recurrence");
    let mut repeats = false;
    for (index, line) in lines.iter_mut().enumerate() {
        let Value::String(text) = line else { continue };
        match Line::read(text, times) {
            Ok(line) => {
                repeats |= line.text.starts_with("RRULE") || line.text.starts_with("RDATE");
                for change in line.changes {
                    problems.warn(at.index(index), change);
                }
                *text = line.text;
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

/// A line as Google takes it, and what was changed for that.
struct Line {
    text: String,
    changes: Vec<WarningCode>,
}

impl Line {
    fn read(line: &str, times: &Times) -> Result<Self, String> {
        let whole = unfolded(line);
        if whole.contains(['\n', '\r']) {
            return Err(several(&whole));
        }
        let (head, value) = whole.split_once(':').ok_or(
            "a line begins with RRULE:, EXRULE:, RDATE: or EXDATE:, such as RRULE:FREQ=WEEKLY;BYDAY=MO",
        )?;
        let (name, parameters) = match head.split_once(';') {
            Some((name, parameters)) => (name, Some(parameters)),
            None => (head, None),
        };
        let name = name.trim().to_ascii_uppercase();
        match name.as_str() {
            "RRULE" | "EXRULE" if parameters.is_some() => Err(format!("{name} takes no parameters")),
            "RRULE" | "EXRULE" => {
                let rule = Rule::read(value, times)?;
                let change = rule.is_endless().then_some(WarningCode::Endless);
                Ok(Self::of(line, &format!("{name}:{}", rule.said()), format!("{name}:{rule}"), change))
            }
            "RDATE" | "EXDATE" => {
                let dates = Dates::read(&name, parameters, value, times)?;
                let change = dates.has_windows_zone().then_some(WarningCode::WindowsZone);
                Ok(Self::of(line, &dates.said(), dates.to_string(), change))
            }
            "DTSTART" | "DTEND" => Err(first_occurrence(&name)),
            _ => Err(format!(
                "a line begins with RRULE:, EXRULE:, RDATE: or EXDATE:, not with {}",
                quoted(&name)
            )),
        }
    }

    /// `written` in the request, `said` without its blanks and empty parts, and sent as `text`.
    fn of(written: &str, said: &str, text: String, change: Option<WarningCode>) -> Self {
        let tidied = (!said.eq_ignore_ascii_case(written)).then_some(WarningCode::Recurrence);
        Self { text, changes: tidied.into_iter().chain(change).collect() }
    }
}

/// The line without what surrounds it, and in one piece: a line end and a blank after it are how
/// iCalendar folds a long line (RFC 5545 §3.1).
fn unfolded(line: &str) -> String {
    ["\r\n ", "\r\n\t", "\n ", "\n\t"]
        .iter()
        .fold(line.trim().to_owned(), |line, fold| line.replace(fold, ""))
}

/// Why several lines in one are refused.
fn several(text: &str) -> String {
    let begins = |line: &str, name: &str| {
        line.trim_start().get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
    };
    match ["DTSTART", "DTEND"].into_iter().find(|name| text.lines().any(|line| begins(line, name))) {
        Some(name) => first_occurrence(name),
        None => "each entry of the list is one line: send every line as an entry of its own".to_owned(),
    }
}

fn first_occurrence(name: &str) -> String {
    format!(
        "{name} is not allowed here: `start` and `end` say when the first occurrence is; \
         send only the RRULE line"
    )
}

#[cfg(test)]
mod tests;
