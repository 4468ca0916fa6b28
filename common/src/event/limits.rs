//! The limits of an event, each with its reason: Google's where Google states one, ours where not.
//!
//! What Google would silently drop or cut is refused here instead.

/// Characters of `summary` (ours: a title, not a text).
pub const SUMMARY_CHARS: usize = 1_024;
/// Characters of `description` (ours: what Google's own editor takes).
pub const DESCRIPTION_CHARS: usize = 8_192;
/// Characters of `location` (ours).
pub const LOCATION_CHARS: usize = 1_024;
/// Characters of a short text: a name, a title, a label (ours).
pub const SHORT_CHARS: usize = 512;
/// Characters of a longer remark: a comment, a decline message (ours).
pub const REMARK_CHARS: usize = 2_048;
/// Characters of a link (ours: what every browser takes).
pub const LINK_CHARS: usize = 2_048;
/// Bytes of an e-mail address (RFC 5321's path without its brackets).
pub const EMAIL_BYTES: usize = 254;
/// Guests: above 200 Google no longer passes their answers on.
pub const GUESTS: usize = 200;
/// Reminders of its own that an event may have (Google's).
pub const REMINDERS: usize = 5;
/// Minutes before the start that a reminder may come: four weeks (Google's).
pub const REMINDER_MINUTES: i64 = 40_320;
/// Attachments (Google's).
pub const ATTACHMENTS: usize = 25;
/// Characters of an extended property's name (Google drops longer ones without a word).
pub const PROPERTY_NAME_CHARS: usize = 44;
/// Characters of an extended property's value (Google cuts longer ones without a word).
pub const PROPERTY_VALUE_CHARS: usize = 1_024;
/// Extended properties: Google's 300, less eight that calrelay keeps for its own.
pub const PROPERTIES: usize = 292;
/// Bytes of all extended properties: Google's 32 kB, less 1 kB that calrelay keeps for its own.
pub const PROPERTIES_BYTES: usize = 31_000;
/// Characters of `conferenceData.notes` (Google's).
pub const CONFERENCE_NOTES_CHARS: usize = 2_048;
/// Characters of a conference code or password (Google's).
pub const CONFERENCE_CODE_CHARS: usize = 128;
/// Characters of an entry point's label (Google's).
pub const CONFERENCE_LABEL_CHARS: usize = 512;
/// Characters of an entry point's address (Google's).
pub const CONFERENCE_URI_CHARS: usize = 1_300;
/// Ways into one conference (ours).
pub const ENTRY_POINTS: usize = 50;
/// Recurrence lines (ours).
pub const RECURRENCE_LINES: usize = 50;
/// Characters of one recurrence line (ours: some 250 dates).
pub const RECURRENCE_LINE_CHARS: usize = 4_096;
/// The first and the last year in which an event may be (ours). In 1601 the first 400 years of the
/// Gregorian calendar begin, from which Windows and Exchange count; Google holds birthdays of long ago.
pub const YEARS: std::ops::RangeInclusive<i16> = 1601..=2200;
/// How deep a body may nest; Google's deepest field is at five.
pub const DEPTH: usize = 16;
/// Problems reported for one body; the rest would not be read.
pub const PROBLEMS: usize = 100;
/// Changes reported for one body; they stay in its record.
pub const WARNINGS: usize = 30;
