//! Why an event's body is refused. Each refusal says whose words it has: Google's as somebody saw them, or ours.
//!
//! Google documents few of these. A reason or a rule that rests on one report, or on a likeness, is marked *uncertain*
//! here; `tests/live.sh` asks Google about it.

use crate::api_error::ApiError;

/// A reason with its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    reason: &'static str,
    words: Words,
}

/// Whose sentence it is. Clients may show Google's; nobody may rely on ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    Googles(&'static str),
    Ours(&'static str),
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (Words::Googles(words) | Words::Ours(words)) = refusal.words;
        Self::of(refusal.reason).saying(words)
    }
}

const fn googles(reason: &'static str, words: &'static str) -> Refusal {
    Refusal { reason, words: Words::Googles(words) }
}

const fn ours(reason: &'static str, words: &'static str) -> Refusal {
    Refusal { reason, words: Words::Ours(words) }
}

const REQUIRED: &str = "required";
const INVALID: &str = "invalid";

/// Times (in `times`).
pub(super) mod time {
    use super::*;

    pub(crate) const MISSING_START: Refusal = googles(REQUIRED, "Missing start time.");
    /// Seen in GAM's sources and by users of several clients.
    pub(crate) const MISSING_END: Refusal = googles(REQUIRED, "Missing end time.");
    pub(crate) const INVALID_START: Refusal = googles(INVALID, "Invalid start time.");
    /// By the likeness of the start's.
    pub(crate) const INVALID_END: Refusal = ours(INVALID, "Invalid end time.");
    /// openclaw/gogcli#216, #347.
    pub(crate) const MISSING_START_ZONE: Refusal =
        googles(REQUIRED, "Missing time zone definition for start time.");
    pub(crate) const MISSING_END_ZONE: Refusal = ours(REQUIRED, "Missing time zone definition for end time.");
    /// derekantrican/GAS-ICS-Sync#305.
    pub(crate) const INVALID_START_ZONE: Refusal =
        googles(INVALID, "Invalid time zone definition for start time.");
    pub(crate) const INVALID_END_ZONE: Refusal = ours(INVALID, "Invalid time zone definition for end time.");
    /// t4t5/caldir#20, OutlookGoogleCalendarSync#609.
    pub(crate) const MIXED: Refusal =
        googles(INVALID, "Start and end times must either both be date or both be dateTime.");
}

/// Fields that any event may have.
pub(super) mod field {
    use super::*;

    /// A colour that there is not: coursetable/coursetable#1551.
    pub(crate) const COLOR: Refusal = googles(INVALID, "Invalid Value");
    /// openclaw/gogcli#347, googleapis.dart#223, GAS-ICS-Sync#466.
    pub(crate) const RULE: Refusal = googles(INVALID, "Invalid recurrence rule.");
    /// kewisch/gdata-provider#82.
    pub(crate) const MISSING_ATTENDEE: Refusal = googles(REQUIRED, "Missing attendee email.");
    /// OutlookGoogleCalendarSync#130, google-api-php-client#1605.
    pub(crate) const ATTENDEE: Refusal = googles(INVALID, "Invalid attendee email.");
    pub(crate) const ANSWER: Refusal = ours(INVALID, "Invalid attendee response status.");
    /// OutlookGoogleCalendarSync#666, openclaw/gogcli#97.
    pub(crate) const BOTH_REMINDERS: Refusal = googles(
        "cannotUseDefaultRemindersAndSpecifyOverride",
        "Cannot specify both default reminders and overrides at the same time.",
    );
    /// One observer's record of Google's answers, and other reports of the reason.
    pub(crate) const MANY_REMINDERS: Refusal = googles(
        "eventRemindersCountExceedsLimit",
        "The event exceeds the allowed maximum number of reminders.",
    );
    /// openclaw/gogcli#302.
    pub(crate) const MISSING_MINUTES: Refusal = googles(REQUIRED, "Missing override reminder minutes.");
    /// By the likeness of the minutes'.
    pub(crate) const MISSING_METHOD: Refusal = ours(REQUIRED, "Missing override reminder method.");
    /// Uncertain: one observer saw Google drop a reminder of another method, with status 200.
    pub(crate) const METHOD: Refusal = ours(INVALID, "Invalid reminder method.");
    /// Uncertain: one observer saw Google take other minutes for the nearest that it has, with status 200.
    pub(crate) const MINUTES: Refusal = ours(INVALID, "Invalid reminder minutes.");
    pub(crate) const MANY_PROPERTIES: Refusal =
        ours(INVALID, "The extended properties exceed the size limit.");
    pub(crate) const SOURCE: Refusal = ours(INVALID, "Invalid source URL.");
    pub(crate) const MANY_ATTACHMENTS: Refusal = ours(INVALID, "The maximum number of attachments is 25.");
    pub(crate) const MISSING_FILE: Refusal = ours(REQUIRED, "Missing attachment file URL.");
    /// Uncertain: the resource's description wants a link and does not say what else Google does.
    pub(crate) const FILE: Refusal = ours(INVALID, "Invalid attachment file URL.");
    /// Uncertain: the limits are those that integrators write down; Google's pages name none.
    pub(crate) const LONG_SUMMARY: Refusal = ours(INVALID, "The summary exceeds 1024 characters.");
    pub(crate) const LONG_DESCRIPTION: Refusal = ours(INVALID, "The description exceeds 8192 characters.");
    /// wanasit/google-calendar#25.
    pub(crate) const ID: Refusal = googles(INVALID, "Invalid resource id value.");
}

/// Conferences.
pub(super) mod conference {
    use super::*;

    /// google-api-nodejs-client#3052, #3234, google-api-php-client#2077.
    pub(crate) const TYPE: Refusal = googles(INVALID, "Invalid conference type value.");
    /// openclaw/gogcli#590 and others, of `addOn`. Uncertain for the entry points' rules, which the resource's
    /// description states without an error, and for a Meet that the caller describes.
    pub(crate) const DATA: Refusal = googles(INVALID, "Invalid conference data.");
    pub(crate) const MISSING_REQUEST_ID: Refusal = ours(REQUIRED, "Missing conference request id.");
}

/// Birthdays. The rules are those of Google's guide to event types.
pub(super) mod birthday {
    use super::*;

    const RESTRICTION: &str = "eventTypeRestriction";

    /// OutlookGoogleCalendarSync#2103, #2021.
    pub(crate) const PRIVATE_PROPERTIES: Refusal =
        googles(RESTRICTION, "'birthday' event type must not have private extended properties.");
    pub(crate) const SPAN: Refusal =
        ours(RESTRICTION, "'birthday' event type must be an all-day event of exactly one day.");
    pub(crate) const YEARLY: Refusal =
        ours(RESTRICTION, "'birthday' event type must have an annual recurrence.");
    pub(crate) const ATTENDEES: Refusal = ours(RESTRICTION, "'birthday' event type must not have attendees.");
    pub(crate) const CONFERENCE: Refusal =
        ours(RESTRICTION, "'birthday' event type must not have a conference.");
    pub(crate) const VISIBILITY: Refusal =
        ours(RESTRICTION, "'birthday' event type must have a visibility setting of private.");
    pub(crate) const TRANSPARENCY: Refusal =
        ours(RESTRICTION, "'birthday' event type must have a transparency setting of transparent.");
    pub(crate) const TYPE: Refusal =
        ours(RESTRICTION, "'birthday' event type must have birthdayProperties of type birthday.");
}

/// Out of office. The rules are those of Google's guide to calendar status, and what users of it were told.
pub(super) mod out_of_office {
    use super::*;

    const MALFORMED: &str = "malformedOutOfOfficeEvent";

    /// Quoted in the sources of a client that works around it.
    pub(crate) const ALL_DAY: Refusal =
        googles(MALFORMED, "An out of office event must not be an all-day event.");
    /// Quoted, with the reason, by three clients that work around it.
    pub(crate) const DESCRIPTION: Refusal =
        googles(MALFORMED, "An out of office event must not have a description.");
    /// Uncertain: one report.
    pub(crate) const LOCATION: Refusal = ours(MALFORMED, "An out of office event must not have a location.");
    /// The reason was seen.
    pub(crate) const ATTENDEES: Refusal = ours(MALFORMED, "An out of office event must not have attendees.");
    pub(crate) const CONFERENCE: Refusal =
        ours(MALFORMED, "An out of office event must not have a conference.");
    pub(crate) const TRANSPARENCY: Refusal =
        ours(MALFORMED, "An out of office event must have a transparency setting of opaque.");
    pub(crate) const CALENDAR: Refusal =
        ours(MALFORMED, "An out of office event must be in a user's primary calendar.");
}

/// Focus time. Uncertain: the rules are those of Google's guide to calendar status; the reason is by the likeness of the
/// other two.
pub(super) mod focus_time {
    use super::*;

    const MALFORMED: &str = "malformedFocusTimeEvent";

    pub(crate) const ALL_DAY: Refusal = ours(MALFORMED, "A focus time event must not be an all-day event.");
    pub(crate) const ATTENDEES: Refusal = ours(MALFORMED, "A focus time event must not have attendees.");
    pub(crate) const CONFERENCE: Refusal = ours(MALFORMED, "A focus time event must not have a conference.");
    pub(crate) const TRANSPARENCY: Refusal =
        ours(MALFORMED, "A focus time event must have a transparency setting of opaque.");
    pub(crate) const CALENDAR: Refusal =
        ours(MALFORMED, "A focus time event must be in a user's primary calendar.");
}

/// Working locations. The rules are those of Google's guide to calendar status.
pub(super) mod working_location {
    use super::*;

    const MALFORMED: &str = "malformedWorkingLocationEvent";

    /// Quoted, with the reason, by a client that works around it.
    pub(crate) const ONE_DAY: Refusal =
        googles(MALFORMED, "An all-day working location event must be exactly one day long.");
    /// GAM 7.05.04.
    pub(crate) const VISIBILITY: Refusal =
        googles(MALFORMED, "A working location event must have a visibility setting of public.");
    /// Quoted in another client's record of the defect.
    pub(crate) const TRANSPARENCY: Refusal =
        googles(MALFORMED, "A working location event must have a transparency setting of transparent.");
    /// BuilderIO/agent-native#1930.
    pub(crate) const LOCATION: Refusal =
        ours(MALFORMED, "A working location event must not have a location.");
    pub(crate) const ATTENDEES: Refusal =
        ours(MALFORMED, "A working location event must not have attendees.");
    pub(crate) const CONFERENCE: Refusal =
        ours(MALFORMED, "A working location event must not have a conference.");
    pub(crate) const CALENDAR: Refusal =
        ours(MALFORMED, "A working location event must be in a user's primary calendar.");
    /// "Required when adding working location properties."
    pub(crate) const MISSING_TYPE: Refusal = ours(REQUIRED, "Missing working location type.");
    /// Uncertain: the resource's description calls the label optional.
    pub(crate) const LABEL: Refusal = ours(MALFORMED, "A custom working location must have a label.");
}

/// Kinds of events as such.
pub(super) mod kind {
    use super::*;

    /// Uncertain in its reason. OutlookGoogleCalendarSync#1817 quotes this sentence.
    pub(crate) const WORKING_LOCATION: Refusal = googles(
        INVALID,
        "workingLocationProperties requires an event type of workingLocation, and vice versa.",
    );
    /// dust-tt/dust#25311 quotes its beginning.
    pub(crate) const OUT_OF_OFFICE: Refusal =
        googles(INVALID, "outOfOfficeProperties requires an event type of outOfOffice, and vice versa.");
    /// By the likeness of the other two.
    pub(crate) const FOCUS_TIME: Refusal =
        ours(INVALID, "focusTimeProperties requires an event type of focusTime, and vice versa.");
    pub(crate) const BIRTHDAY: Refusal =
        ours(INVALID, "birthdayProperties requires an event type of birthday, and vice versa.");
    /// "This type of event cannot be created."
    pub(crate) const FROM_GMAIL: Refusal =
        ours("eventTypeRestriction", "'fromGmail' event type cannot be created.");
    /// "This cannot be modified after the event is created."
    pub(crate) const CHANGED: Refusal =
        ours("eventTypeRestriction", "The event type cannot be modified after the event is created.");
}
