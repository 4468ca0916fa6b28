//! Calendars: which of an account's calendars an event goes into.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A calendar's id at Google: `primary`, or what Google's settings page shows.
///
/// It is an e-mail address more often than not, so `Debug` keeps it to itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CalendarId(String);

/// The text is not a calendar id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a calendar id is `primary` or 1 to 254 characters without spaces or slashes")]
pub struct NotACalendarId;

impl CalendarId {
    /// Parses a calendar id.
    ///
    /// # Errors
    /// When `text` is empty, longer than 254 characters, or could not be one segment of a path:
    /// white space, control characters, slashes, `.` or `..`.
    pub fn parse(text: &str) -> Result<Self, NotACalendarId> {
        let forbidden = |c: char| c.is_control() || c.is_whitespace() || c == '/' || c == '\\';
        let fits = (1..=254).contains(&text.chars().count());
        let dots = text == "." || text == "..";
        if fits && !dots && !text.contains(forbidden) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotACalendarId)
        }
    }

    /// The calendar that requests mean when they name none: the user's own.
    #[must_use]
    pub fn primary() -> Self {
        Self("primary".to_owned())
    }

    /// The id as text, not encoded for a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CalendarId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CalendarId(…)")
    }
}

impl TryFrom<String> for CalendarId {
    type Error = NotACalendarId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<CalendarId> for String {
    fn from(id: CalendarId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_ids_fit_one_path_segment() {
        for good in [
            "primary",
            "ada@example.com",
            "en.usa#holiday@group.v.calendar.google.com",
            "müller@example.com",
            &"x".repeat(254),
        ] {
            assert!(CalendarId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a/b", "a\\b", ".", "..", "a\n", "a\0b", "a\u{a0}b", &"x".repeat(255)] {
            assert_eq!(CalendarId::parse(bad), Err(NotACalendarId), "{bad:?}");
        }
    }

    #[test]
    fn debug_does_not_print_the_address() {
        let id = CalendarId::parse("ada@example.com").unwrap();
        assert_eq!(format!("{id:?}"), "CalendarId(…)");
    }

    #[test]
    fn deserialising_cannot_bypass_the_check() {
        assert!(serde_json::from_str::<CalendarId>(r#""a/b""#).is_err());
        let id: CalendarId = serde_json::from_str(r#""ada@example.com""#).unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""ada@example.com""#);
    }
}
