//! Did you mean …? The nearest known name to one that is not known.

/// What to write in place of a name that belongs to another part of Google's API, or to another API.
pub(super) fn advice(name: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(other, _)| *other == name).map(|(_, advice)| *advice)
}

const WRAPPER: &str = "send the event's fields as members of the body itself";
const MEET: &str = "leave it out: `conference` (true or false) says whether the event gets a Meet link";
const ALL_DAY: &str = "for an all-day event send `start.date` and `end.date`";

/// Parameters of `events.insert`, wrappers that Google's clients and guides use, and other calendars'
/// ways of saying it.
const ADVICE: &[(&str, &str)] = &[
    ("resource", WRAPPER),
    ("requestBody", WRAPPER),
    ("event", WRAPPER),
    ("eventData", WRAPPER),
    ("sendNotifications", "send `sendUpdates`: `all`, `externalOnly` or `none`"),
    ("sendInvites", "send `sendUpdates`: `all`, `externalOnly` or `none`"),
    ("conferenceDataVersion", MEET),
    ("supportsAttachments", "leave it out: `attachments` are accepted as they are"),
    ("maxAttendees", "leave it out: all `attendees` are invited"),
    ("eventLabelVersion", "event labels are not supported; send `colorId`"),
    ("allDay", ALL_DAY),
    ("isAllDay", ALL_DAY),
    ("all_day", ALL_DAY),
    ("eventId", "leave it out and send the header Idempotency-Key, which names the event"),
    ("duration", "send the event's end, as `end` or `endDateTime`"),
];

/// The known name that `name` was probably meant to be.
///
/// One that differs in case alone wins, then another word for the same thing, then the nearest
/// within two edits, or within one for short names.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    if length > 64 {
        return None;
    }
    let allowed = if length < 5 { 1 } else { 2 };
    let folded = fold(name);
    let meant: Vec<_> =
        SYNONYMS.iter().filter(|(other, _)| fold(other) == folded).map(|(_, field)| *field).collect();
    known
        .into_iter()
        .map(|candidate| match strsim::levenshtein(&folded, &fold(candidate)) {
            0 => (0, candidate),
            _ if meant.contains(&candidate) => (0, candidate),
            distance => (distance, candidate),
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What other systems call the fields of an event.
const SYNONYMS: &[(&str, &str)] = &[
    ("title", "summary"),
    ("subject", "summary"),
    ("name", "summary"),
    ("name", "displayName"),
    ("body", "description"),
    ("notes", "description"),
    ("details", "description"),
    ("place", "location"),
    ("guests", "attendees"),
    ("invitees", "attendees"),
    ("participants", "attendees"),
    ("email", "attendeeEmail"),
    ("guestEmail", "attendeeEmail"),
    ("startTime", "startDateTime"),
    ("startAt", "startDateTime"),
    ("startDate", "startDateTime"),
    ("endTime", "endDateTime"),
    ("endAt", "endDateTime"),
    ("endDate", "endDateTime"),
    ("tz", "timeZone"),
    ("color", "colorId"),
    ("calendar", "calendarId"),
    ("accountId", "account"),
    ("rrule", "recurrence"),
    ("meet", "conference"),
    ("createMeet", "conference"),
];

/// Case and word separators do not count: `start_date_time` is `startDateTime`.
fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn near_misses_are_recognised_and_far_ones_are_not() {
        let known = ["summary", "startDateTime", "start", "end", "attendees"];
        for (name, expected) in [
            ("Summary", Some("summary")),
            ("sumary", Some("summary")),
            ("sumarry", Some("summary")),
            ("start_date_time", Some("startDateTime")),
            ("StartDatetime", Some("startDateTime")),
            ("attendes", Some("attendees")),
            ("ends", Some("end")),
            ("title", Some("summary")),
            ("start_time", Some("startDateTime")),
            ("tz", None),
            ("colour", None),
            ("e", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }

    #[test]
    fn one_word_may_stand_for_different_fields_in_different_places() {
        assert_eq!(nearest("name", ["email", "displayName"]), Some("displayName"));
        assert_eq!(nearest("name", ["summary", "start"]), Some("summary"));
    }

    #[test]
    fn advice_is_given_for_names_that_no_table_knows() {
        let known = [schema::CONTROL, schema::FLAT, schema::EVENT];
        for (name, advice) in ADVICE {
            assert!(known.iter().flat_map(|table| table.iter()).all(|field| field.name != *name), "{name}");
            assert!(advice.len() > 20, "{name}");
        }
        assert_eq!(advice("summary"), None);
    }
}
