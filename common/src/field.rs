//! What is wrong with one field of a request, in words that a person and a program can use.

use std::fmt;

use serde::{Serialize, Serializer};

/// One field that cannot be accepted.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where in the body, as the caller wrote it: `attendees[2].email`.
    pub field: String,
    /// What is wrong, from a closed list: for programs.
    pub code: FieldCode,
    /// What is wrong and what to do about it: a sentence for a person.
    pub message: String,
}

/// Everything that can be wrong with a field. A public interface: codes are added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldCode {
    /// It must be there and is not.
    Required,
    /// No field has this name here.
    UnknownField,
    /// Another JSON type is expected.
    WrongType,
    /// Not one of the words that are allowed.
    InvalidChoice,
    /// Not a date, or outside the years that are accepted.
    InvalidDate,
    /// Not a date and time, or outside the years that are accepted.
    InvalidDateTime,
    /// Not the name of an IANA time zone.
    InvalidTimeZone,
    /// The end is not after the start.
    TimeRangeEmpty,
    /// Not an e-mail address.
    InvalidEmail,
    /// Not an `http` or `https` link.
    InvalidUrl,
    /// Not the id of a calendar or an account.
    InvalidId,
    /// Not a recurrence line that Google takes.
    InvalidRecurrence,
    /// The text holds characters that no text should.
    InvalidCharacter,
    /// The text is longer than the limit.
    TooLong,
    /// More entries than the limit.
    TooMany,
    /// The number is outside the limits.
    OutOfRange,
    /// The field exists, but a caller may not set it, or not to this.
    NotAllowed,
    /// It contradicts another field.
    Conflict,
}

impl FieldCode {
    /// Every code there is.
    pub const ALL: [Self; 18] = [
        Self::Required,
        Self::UnknownField,
        Self::WrongType,
        Self::InvalidChoice,
        Self::InvalidDate,
        Self::InvalidDateTime,
        Self::InvalidTimeZone,
        Self::TimeRangeEmpty,
        Self::InvalidEmail,
        Self::InvalidUrl,
        Self::InvalidId,
        Self::InvalidRecurrence,
        Self::InvalidCharacter,
        Self::TooLong,
        Self::TooMany,
        Self::OutOfRange,
        Self::NotAllowed,
        Self::Conflict,
    ];

    /// The code as it appears in replies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::UnknownField => "unknown-field",
            Self::WrongType => "wrong-type",
            Self::InvalidChoice => "invalid-choice",
            Self::InvalidDate => "invalid-date",
            Self::InvalidDateTime => "invalid-date-time",
            Self::InvalidTimeZone => "invalid-time-zone",
            Self::TimeRangeEmpty => "time-range-empty",
            Self::InvalidEmail => "invalid-email",
            Self::InvalidUrl => "invalid-url",
            Self::InvalidId => "invalid-id",
            Self::InvalidRecurrence => "invalid-recurrence",
            Self::InvalidCharacter => "invalid-character",
            Self::TooLong => "too-long",
            Self::TooMany => "too-many",
            Self::OutOfRange => "out-of-range",
            Self::NotAllowed => "not-allowed",
            Self::Conflict => "conflict",
        }
    }
}

impl fmt::Display for FieldCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FieldCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Prints the place and the code; the sentence may quote the caller and stays out of logs.
impl fmt::Debug for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.code)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_kebab_case_slugs() {
        let slugs: BTreeSet<_> = FieldCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(slugs.len(), FieldCode::ALL.len());
        for slug in slugs {
            assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
        }
    }

    #[test]
    fn a_field_error_is_three_strings_in_json() {
        let error = FieldError {
            field: "attendees[2].email".to_owned(),
            code: FieldCode::InvalidEmail,
            message: "not an address".to_owned(),
        };
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"field":"attendees[2].email","code":"invalid-email","message":"not an address"}"#
        );
        assert_eq!(format!("{error:?}"), "attendees[2].email: invalid-email");
    }
}
