//! What calrelay changed in a request before it accepted it.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A change that calrelay made to one field of a request. In JSON for callers it is
/// `{"field":"end.date","code":"one-day","message":"…"}`.
///
/// Its sentence follows from its code, so a warning cannot quote a value. Persisted in job records
/// and queue messages as `field` and `code`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Warning {
    /// Where in the body: `attendees[2].displayName`. Names that the caller chose are left out.
    pub field: String,
    /// What was changed.
    pub code: WarningCode,
}

/// The changes that calrelay makes. A public interface, and persisted: codes are added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningCode {
    /// Google fills the field in; the value was ignored.
    ReadOnly,
    /// Control characters were replaced or removed.
    Characters,
    /// An all-day event with `end` = `start` was taken as one day.
    OneDay,
    /// A Windows time zone was replaced by an IANA zone.
    WindowsZone,
    /// Empty parts, blanks or line ends were removed from a recurrence line.
    Recurrence,
    /// A recurrence rule's `UNTIL` that means "for ever" was removed.
    Endless,
    /// A value that Google needs, and that follows from the others, was added.
    Completed,
    /// A guest was invited twice; the entries were merged.
    DuplicateGuest,
    /// The job's turn comes only after this instant: other jobs of its account stand before it.
    Late,
    /// A code that a newer build has written.
    #[serde(other)]
    Unknown,
}

impl WarningCode {
    /// Every code that this build writes.
    pub const ALL: [Self; 9] = [
        Self::ReadOnly,
        Self::Characters,
        Self::OneDay,
        Self::WindowsZone,
        Self::Recurrence,
        Self::Endless,
        Self::Completed,
        Self::DuplicateGuest,
        Self::Late,
    ];

    /// The code as it appears in replies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Characters => "characters",
            Self::OneDay => "one-day",
            Self::WindowsZone => "windows-zone",
            Self::Recurrence => "recurrence",
            Self::Endless => "endless",
            Self::Completed => "completed",
            Self::DuplicateGuest => "duplicate-guest",
            Self::Late => "late",
            Self::Unknown => "unknown",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::ReadOnly => "Google fills this field in, so its value was ignored",
            Self::Characters => "control characters in this text were replaced or removed",
            Self::OneDay => {
                "the end of an all-day event is the first day after it; \
                 the same day as the start was taken to mean one day"
            }
            Self::WindowsZone => {
                "this Windows time zone was replaced by the IANA zone that CLDR gives for it"
            }
            Self::Recurrence => "empty parts, blanks or line ends were removed from this line",
            Self::Endless => "this UNTIL means for ever, so it was removed: the event repeats without an end",
            Self::Completed => {
                "Google needs a value here; the one that follows from the other fields was added"
            }
            Self::DuplicateGuest => {
                "this guest stands in the list already; the two entries were merged into one"
            }
            Self::Late => {
                "so many jobs of the account stand before this one that its turn comes only after this instant; \
                 it is tried before notAfter all the same"
            }
            Self::Unknown => "this field was changed before the event was accepted",
        }
    }
}

impl Warning {
    /// The change as a sentence for a person; the field's name is its subject.
    #[must_use]
    pub fn message(&self) -> String {
        format!("{}: {}", self.field, self.code.sentence())
    }
}

/// As it rests: the sentence is made anew when it is shown.
impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Stored<'a> {
            field: &'a str,
            code: &'static str,
        }
        Stored { field: &self.field, code: self.code.as_str() }.serialize(serializer)
    }
}

impl fmt::Display for WarningCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_rests_as_field_and_code_and_is_read_again() {
        for code in WarningCode::ALL {
            let warning = Warning { field: "end.date".to_owned(), code };
            let stored = serde_json::to_string(&warning).unwrap();
            assert_eq!(stored, format!(r#"{{"field":"end.date","code":"{code}"}}"#));
            assert_eq!(serde_json::from_str::<Warning>(&stored).unwrap(), warning);
        }
    }

    #[test]
    fn the_code_of_a_newer_build_is_read_as_unknown() {
        let warning: Warning = serde_json::from_str(r#"{"field":"x","code":"later"}"#).unwrap();
        assert_eq!(warning.code, WarningCode::Unknown);
        assert_eq!(warning.message(), "x: this field was changed before the event was accepted");
    }
}
