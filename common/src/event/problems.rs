//! Everything that is wrong with one body, collected while it is read.

use std::fmt;

use super::body::BodyError;
use super::limits;
use crate::field::{FieldCode, FieldError};
use crate::warning::{Warning, WarningCode};

/// Names longer than this are cut when they are quoted back.
const QUOTED_CHARS: usize = 64;

/// A place in the body, as the caller would write it: `attendees[2].email`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(String);

impl Path {
    /// The body itself.
    pub(super) const fn root() -> Self {
        Self(String::new())
    }

    /// The field `name` of this object.
    pub(super) fn key(&self, name: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let fits = name.chars().nth(QUOTED_CHARS).is_none();
        if name.is_empty() || !fits || !name.chars().all(plain) {
            Self(format!("{}[\"{}\"]", self.0, quoted(name)))
        } else if self.0.is_empty() {
            Self(name.to_owned())
        } else {
            Self(format!("{}.{name}", self.0))
        }
    }

    /// Every entry of this list, in a warning that is given once for all of them.
    pub(super) fn each(&self) -> Self {
        Self(format!("{}[]", self.0))
    }

    /// The entry `index` of this list.
    pub(super) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A caller's word made safe to repeat: short, on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut safe: String = text.chars().take(QUOTED_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        safe.push('…');
    }
    safe
}

/// The problems found so far, in the order they were met, and what was changed on the way.
#[derive(Debug, Default)]
pub(super) struct Problems {
    wrong: Vec<FieldError>,
    changed: Vec<Warning>,
}

impl Problems {
    /// Notes one more; past the limit nobody would read it.
    pub(super) fn add(&mut self, field: impl fmt::Display, code: FieldCode, message: impl Into<String>) {
        if !self.is_full() {
            self.wrong.push(FieldError { field: field.to_string(), code, message: message.into() });
        }
    }

    /// Whether enough has been found.
    pub(super) fn is_full(&self) -> bool {
        self.wrong.len() >= limits::PROBLEMS
    }

    /// Whether `field`, or anything inside it, has been complained about already.
    pub(super) fn concern(&self, field: &str) -> bool {
        self.wrong.iter().any(|problem| {
            problem
                .field
                .strip_prefix(field)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Notes a change, once for each field; past the limit nobody would read it.
    pub(super) fn warn(&mut self, field: impl fmt::Display, code: WarningCode) {
        let warning = Warning { field: field.to_string(), code };
        if self.changed.len() < limits::WARNINGS && !self.changed.contains(&warning) {
            self.changed.push(warning);
        }
    }

    /// The value and what was changed on the way to it, if nothing is wrong.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<(T, Vec<Warning>), BodyError> {
        match value {
            Some(value) if self.wrong.is_empty() => Ok((value, self.changed)),
            Some(_) | None => {
                debug_assert!(!self.wrong.is_empty(), "what is missing was reported");
                Err(BodyError::Fields(self.wrong))
            }
        }
    }
}

#[cfg(test)]
impl Problems {
    /// Field and code of every change.
    pub(super) fn changes(&self) -> Vec<(String, WarningCode)> {
        self.changed.iter().map(|warning| (warning.field.clone(), warning.code)).collect()
    }

    /// Field and code of every problem.
    pub(super) fn summary(&self) -> Vec<(String, FieldCode)> {
        self.wrong.iter().map(|problem| (problem.field.clone(), problem.code)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_like_the_body() {
        let root = Path::root();
        assert_eq!(root.key("attendees").index(2).key("email").to_string(), "attendees[2].email");
        assert_eq!(root.key("a b").key("c").to_string(), "[\"a b\"].c");
        assert_eq!(root.key("").to_string(), "[\"\"]");
        assert_eq!(root.key("a\n\"").to_string(), "[\"a\\n\\\"\"]");
        let long = root.key(&"x".repeat(1_000)).to_string();
        assert!(long.chars().count() < 80, "{long}");
    }

    #[test]
    fn concern_covers_a_field_and_what_is_inside_it() {
        let mut problems = Problems::default();
        problems.add("start.dateTime", FieldCode::InvalidDateTime, "…");
        assert!(problems.concern("start"));
        assert!(problems.concern("start.dateTime"));
        assert!(!problems.concern("startDateTime"));
        assert!(!problems.concern("end"));
    }

    #[test]
    fn a_change_is_noted_once_for_each_field_and_their_number_is_bounded() {
        let mut problems = Problems::default();
        for _ in 0..2 {
            problems.warn("summary", WarningCode::Characters);
        }
        assert_eq!(problems.changes(), [("summary".to_owned(), WarningCode::Characters)]);
        for n in 0..10_000 {
            problems.warn(n, WarningCode::Characters);
        }
        assert_eq!(problems.changes().len(), limits::WARNINGS);
        assert_eq!(problems.finish(Some(())).unwrap().1.len(), limits::WARNINGS);
    }

    #[test]
    fn a_body_of_nonsense_gets_a_bounded_answer() {
        let mut problems = Problems::default();
        for _ in 0..10_000 {
            problems.add("x", FieldCode::UnknownField, "…");
        }
        assert_eq!(problems.summary().len(), limits::PROBLEMS);
    }
}
