//! The body that asks for an event, as the contract describes it. What is accepted is decided by
//! [`Submission::parse`](common::event::Submission::parse) alone; a test compares the two.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// An event to create: Google's own fields, or the flat forms of its times and its guest.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "summary": "Production Test Event",
    "description": "Testing calendar integration",
    "startDateTime": "2026-12-30T14:00:00",
    "endDateTime": "2026-12-30T15:00:00",
    "attendeeEmail": "test@example.com",
    "timeZone": "Asia/Kolkata"
}))]
pub(crate) struct EventRequest {
    /// The account to write with.
    #[schema(default = "default", pattern = "^[A-Za-z0-9_-]{1,64}$")]
    account: Option<String>,
    /// The calendar to write to.
    #[schema(default = "primary")]
    calendar_id: Option<String>,
    /// Whether to ask for a Google Meet conference.
    #[schema(default = true)]
    conference: Option<bool>,
    /// Whom Google mails: all, externalOnly or none.
    #[schema(default = "all")]
    send_updates: Option<String>,
    /// Not to be created earlier.
    #[schema(format = DateTime)]
    not_before: Option<String>,
    /// Not to be created later.
    #[schema(format = DateTime)]
    not_after: Option<String>,
    /// normal, or bulk: leaves room for others.
    #[schema(default = "normal")]
    priority: Option<String>,
    /// Flat form of start.dateTime.
    start_date_time: Option<String>,
    /// Flat form of end.dateTime.
    end_date_time: Option<String>,
    /// Flat form of both times' zone: an IANA name.
    #[schema(example = "Asia/Kolkata")]
    time_zone: Option<String>,
    /// Flat form of one guest.
    attendee_email: Option<String>,
    /// The title.
    summary: Option<String>,
    description: Option<String>,
    location: Option<String>,
    start: Option<EventTime>,
    /// Exclusive, for an event of whole days too.
    end: Option<EventTime>,
    attendees: Option<Vec<Guest>>,
    /// RRULE, RDATE and EXDATE lines of RFC 5545.
    recurrence: Option<Vec<String>>,
    reminders: Option<Reminders>,
    /// default, public, private or confidential.
    visibility: Option<String>,
    /// opaque or transparent.
    transparency: Option<String>,
    /// confirmed or tentative.
    status: Option<String>,
    /// 1 to 11.
    color_id: Option<String>,
    anyone_can_add_self: Option<bool>,
    guests_can_invite_others: Option<bool>,
    guests_can_modify: Option<bool>,
    guests_can_see_other_guests: Option<bool>,
    extended_properties: Option<Properties>,
    source: Option<Source>,
    attachments: Option<Vec<Attachment>>,
}

/// An instant, or a whole day.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventTime {
    /// RFC 3339; without an offset, timeZone must be there.
    date_time: Option<String>,
    /// A whole day.
    #[schema(format = Date)]
    date: Option<String>,
    /// An IANA name.
    time_zone: Option<String>,
}

/// Somebody who is invited.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Guest {
    email: String,
    display_name: Option<String>,
    optional: Option<bool>,
    resource: Option<bool>,
    comment: Option<String>,
    additional_guests: Option<u32>,
    /// needsAction, declined, tentative or accepted.
    response_status: Option<String>,
}

/// When people are reminded.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reminders {
    use_default: Option<bool>,
    overrides: Option<Vec<Reminder>>,
}

/// One reminder.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reminder {
    /// email or popup.
    method: String,
    minutes: u32,
}

/// Data of the caller's own.
#[derive(Serialize, ToSchema)]
pub(crate) struct Properties {
    private: Option<BTreeMap<String, String>>,
    shared: Option<BTreeMap<String, String>>,
}

/// Where the event comes from.
#[derive(Serialize, ToSchema)]
pub(crate) struct Source {
    title: String,
    url: String,
}

/// A file of the event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attachment {
    file_url: String,
    title: Option<String>,
    mime_type: Option<String>,
    icon_link: Option<String>,
}

#[cfg(test)]
mod tests {
    use common::event::{BodyError, Submission};
    use serde_json::{Map, Value};
    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn every_field_of_the_contract_is_known_to_the_parser() {
        let schema = serde_json::to_value(EventRequest::schema()).unwrap();
        let names = schema["properties"].as_object().unwrap().keys().cloned();
        let body: Map<String, Value> = names.map(|name| (name, Value::from(f64::MIN))).collect();
        assert!(body.len() >= 25, "{body:?}");
        let Err(BodyError::Fields(errors)) = Submission::parse(&serde_json::to_vec(&body).unwrap()) else {
            panic!("numbers are no event");
        };
        let unknown: Vec<_> = errors.iter().filter(|error| error.code.as_str() == "unknown-field").collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
