//! The fields of a body: Google's Event resource, the flat form, and what is said to calrelay.
//!
//! Google's fields are those of its discovery document, revision 20261030.

use super::delivery::{Priority, SendUpdates};
use super::limits;
use super::properties;
use super::shape::Shape::{
    Bool, Email, Link, List, Object, OneOf, OneOfBut, Prose, ReadOnly, Refused, Text, Texts, Title, Whole,
};
use super::shape::{Field, Shape, optional, required};

/// What is said to calrelay, not to Google.
pub(super) const CONTROL: &[Field] = &[
    optional("account", Text(limits::SHORT_CHARS)),
    optional("calendarId", Text(limits::SHORT_CHARS)),
    optional("conference", Bool),
    optional("sendUpdates", OneOf(SendUpdates::WORDS)),
    optional("notBefore", Text(limits::SHORT_CHARS)),
    optional("notAfter", Text(limits::SHORT_CHARS)),
    optional("priority", OneOf(Priority::WORDS)),
];

/// The flat form's own fields.
pub(super) const FLAT: &[Field] = &[
    optional("startDateTime", Text(limits::SHORT_CHARS)),
    optional("endDateTime", Text(limits::SHORT_CHARS)),
    optional("timeZone", Text(limits::SHORT_CHARS)),
    optional("attendeeEmail", Email),
];

/// Google's Event resource.
pub(super) const EVENT: &[Field] = &[
    optional("anyoneCanAddSelf", Bool),
    optional("attachments", ATTACHMENTS),
    optional("attendees", ATTENDEES),
    optional("birthdayProperties", Object(BIRTHDAY)),
    optional("colorId", OneOf(COLORS)),
    optional("conferenceData", Object(CONFERENCE_DATA)),
    optional("description", Prose(limits::DESCRIPTION_CHARS)),
    optional("end", Object(DATE_TIME)),
    optional("endTimeUnspecified", Bool),
    optional("eventType", OneOfBut(EVENT_TYPES, &[("fromGmail", "only Gmail makes those")])),
    optional("extendedProperties", Object(EXTENDED_PROPERTIES)),
    optional("focusTimeProperties", Object(FOCUS_TIME)),
    optional("guestsCanInviteOthers", Bool),
    optional("guestsCanModify", Bool),
    optional("guestsCanSeeOtherGuests", Bool),
    optional("location", Title(limits::LOCATION_CHARS)),
    optional("outOfOfficeProperties", Object(OUT_OF_OFFICE)),
    optional("privateCopy", Bool),
    optional("recurrence", RECURRENCE),
    optional("reminders", Object(REMINDERS)),
    optional("source", Object(SOURCE)),
    optional("start", Object(DATE_TIME)),
    optional(
        "status",
        OneOfBut(&["confirmed", "tentative"], &[("cancelled", "that is an event which was deleted")]),
    ),
    optional("summary", Title(limits::SUMMARY_CHARS)),
    optional("transparency", OneOf(&["opaque", "transparent"])),
    optional("visibility", OneOf(&["default", "public", "private", "confidential"])),
    optional("workingLocationProperties", Object(WORKING_LOCATION)),
    // What Google fills in.
    optional("created", ReadOnly(GOOGLES)),
    optional("creator", ReadOnly(GOOGLES)),
    optional("etag", ReadOnly(GOOGLES)),
    optional("hangoutLink", ReadOnly(GOOGLES)),
    optional("htmlLink", ReadOnly(GOOGLES)),
    optional("kind", ReadOnly(GOOGLES)),
    optional("locked", ReadOnly(GOOGLES)),
    optional("updated", ReadOnly(GOOGLES)),
    optional("gadget", ReadOnly(GOOGLES)),
    optional("organizer", ReadOnly("the organizer is the owner of the calendar that the event goes into")),
    // What calrelay fills in, or what only exists once the event does.
    optional("id", ReadOnly(OURS)),
    optional("iCalUID", ReadOnly(OURS)),
    optional("sequence", ReadOnly("Google counts the changes of an event; a new one has none")),
    optional("originalStartTime", ReadOnly(INSTANCE)),
    optional("recurringEventId", ReadOnly(INSTANCE)),
    optional("attendeesOmitted", Refused("a new event has all the attendees that it is sent with")),
    optional("eventLabelId", Refused("event labels are not supported; use colorId")),
];

const GOOGLES: &str = "Google fills it in";
const OURS: &str = "calrelay chooses the event's id, and the reply names it; send the header \
    Idempotency-Key, so that a repeated request makes no second event";
const INSTANCE: &str = "it belongs to one occurrence of a recurring event, and this makes an event";

const EVENT_TYPES: &[&str] = &["default", "birthday", "focusTime", "outOfOffice", "workingLocation"];

const COLORS: &[&str] = &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"];

const DATE_TIME: &[Field] = &[
    optional("date", Text(limits::SHORT_CHARS)),
    optional("dateTime", Text(limits::SHORT_CHARS)),
    optional("timeZone", Text(limits::SHORT_CHARS)),
];

const ATTACHMENTS: Shape = List {
    most: limits::ATTACHMENTS,
    each: &Object(&[
        required("fileUrl", Link),
        optional("iconLink", Link),
        optional("mimeType", Text(limits::SHORT_CHARS)),
        optional("title", Title(limits::SHORT_CHARS)),
        optional("fileId", ReadOnly(GOOGLES)),
    ]),
    because: " by Google",
};

const ATTENDEES: Shape = List {
    most: limits::GUESTS,
    each: &Object(&[
        required("email", Email),
        optional("additionalGuests", Whole(0, i32::MAX as i64)),
        optional("comment", Prose(limits::REMARK_CHARS)),
        optional("displayName", Title(limits::SHORT_CHARS)),
        optional("optional", Bool),
        optional("resource", Bool),
        optional("responseStatus", OneOf(&["needsAction", "declined", "tentative", "accepted"])),
        optional("asyncOperation", ReadOnly(GOOGLES)),
        optional("id", ReadOnly(GOOGLES)),
        optional("organizer", ReadOnly(GOOGLES)),
        optional("self", ReadOnly(GOOGLES)),
    ]),
    because: ", because Google does not pass on the answers of more; invite a group's address",
};

const RECURRENCE: Shape =
    List { most: limits::RECURRENCE_LINES, each: &Text(limits::RECURRENCE_LINE_CHARS), because: "" };

const REMINDERS: &[Field] = &[
    optional("useDefault", Bool),
    optional(
        "overrides",
        List {
            most: limits::REMINDERS,
            each: &Object(&[
                required("method", OneOf(&["email", "popup"])),
                required("minutes", Whole(0, limits::REMINDER_MINUTES)),
            ]),
            because: " by Google",
        },
    ),
];

const SOURCE: &[Field] = &[required("url", Link), optional("title", Title(limits::SHORT_CHARS))];

const EXTENDED_PROPERTIES: &[Field] = &[
    optional("private", Texts(properties::check_private)),
    optional("shared", Texts(properties::check_shared)),
];

const DECLINE: &[&str] =
    &["declineNone", "declineAllConflictingInvitations", "declineOnlyNewConflictingInvitations"];

const FOCUS_TIME: &[Field] = &[
    optional("autoDeclineMode", OneOf(DECLINE)),
    optional("chatStatus", OneOf(&["available", "doNotDisturb"])),
    optional("declineMessage", Prose(limits::REMARK_CHARS)),
];

const OUT_OF_OFFICE: &[Field] =
    &[optional("autoDeclineMode", OneOf(DECLINE)), optional("declineMessage", Prose(limits::REMARK_CHARS))];

const WORKING_LOCATION: &[Field] = &[
    required("type", OneOf(&["homeOffice", "officeLocation", "customLocation"])),
    optional("homeOffice", Object(&[])),
    optional("customLocation", Object(&[optional("label", Title(limits::SHORT_CHARS))])),
    optional(
        "officeLocation",
        Object(&[
            optional("buildingId", Text(limits::SHORT_CHARS)),
            optional("deskId", Text(limits::SHORT_CHARS)),
            optional("floorId", Text(limits::SHORT_CHARS)),
            optional("floorSectionId", Text(limits::SHORT_CHARS)),
            optional("label", Title(limits::SHORT_CHARS)),
        ]),
    ),
];

const BIRTHDAY: &[Field] = &[
    optional("type", OneOf(&["birthday"])),
    optional("contact", ReadOnly(GOOGLES)),
    optional("customTypeName", ReadOnly(GOOGLES)),
];

const CONFERENCE_DATA: &[Field] = &[
    optional("conferenceId", Text(limits::SHORT_CHARS)),
    optional(
        "conferenceSolution",
        Object(&[
            required("key", Object(&[required("type", OneOfBut(&["hangoutsMeet"], HANGOUTS))])),
            optional("iconUri", Link),
            optional("name", Title(limits::SHORT_CHARS)),
        ]),
    ),
    optional(
        "createRequest",
        Object(&[
            optional("requestId", Text(limits::SHORT_CHARS)),
            optional(
                "conferenceSolutionKey",
                Object(&[required("type", OneOfBut(&["hangoutsMeet"], HANGOUTS))]),
            ),
            optional("status", ReadOnly(GOOGLES)),
        ]),
    ),
    optional("entryPoints", List { most: limits::ENTRY_POINTS, each: &Object(ENTRY_POINT), because: "" }),
    optional("notes", Prose(limits::CONFERENCE_NOTES_CHARS)),
    optional(
        "parameters",
        Object(&[optional(
            "addOnParameters",
            Object(&[optional("parameters", Texts(properties::check_shared))]),
        )]),
    ),
    optional("signature", Text(limits::REMARK_CHARS)),
];

/// Kinds of conferences that are shown where they exist.
const HANGOUTS: &[(&str, &str)] = &[ADD_ON, EVENT_HANGOUT, NAMED_HANGOUT];
const EVENT_HANGOUT: (&str, &str) = ("eventHangout", "Google no longer makes those");
const NAMED_HANGOUT: (&str, &str) = ("eventNamedHangout", "Google no longer makes those");
/// Google answers 400 "Invalid conference data" to any client but the add-on itself (gogcli#590).
const ADD_ON: (&str, &str) = (
    "addOn",
    "Google takes the conference of an add-on from that add-on alone; \
     put the link into `location` or `description`",
);

const ENTRY_POINT: &[Field] = &[
    required("entryPointType", OneOf(&["video", "phone", "sip", "more"])),
    required("uri", Text(limits::CONFERENCE_URI_CHARS)),
    optional("accessCode", Text(limits::CONFERENCE_CODE_CHARS)),
    optional(
        "entryPointFeatures",
        List { most: limits::ENTRY_POINTS, each: &Text(limits::SHORT_CHARS), because: "" },
    ),
    optional("label", Title(limits::CONFERENCE_LABEL_CHARS)),
    optional("meetingCode", Text(limits::CONFERENCE_CODE_CHARS)),
    optional("passcode", Text(limits::CONFERENCE_CODE_CHARS)),
    optional("password", Text(limits::CONFERENCE_CODE_CHARS)),
    optional("pin", Text(limits::CONFERENCE_CODE_CHARS)),
    optional("regionCode", Text(limits::SHORT_CHARS)),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_means_two_things() {
        let names: Vec<_> = [CONTROL, FLAT, EVENT].into_iter().flatten().map(|field| field.name).collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), distinct.len());
    }

    #[test]
    fn every_field_of_googles_event_is_known() {
        // The properties of schema `Event` in Google's discovery document, revision 20261030.
        let google = "anyoneCanAddSelf attachments attendees attendeesOmitted birthdayProperties \
            colorId conferenceData created creator description end endTimeUnspecified etag \
            eventLabelId eventType extendedProperties focusTimeProperties gadget \
            guestsCanInviteOthers guestsCanModify guestsCanSeeOtherGuests hangoutLink htmlLink \
            iCalUID id kind location locked organizer originalStartTime outOfOfficeProperties \
            privateCopy recurrence recurringEventId reminders sequence source start status \
            summary transparency updated visibility workingLocationProperties";
        let google: BTreeSet<_> = google.split_whitespace().collect();
        let ours: BTreeSet<_> = EVENT.iter().map(|field| field.name).collect();
        assert_eq!(ours, google);
    }
}
