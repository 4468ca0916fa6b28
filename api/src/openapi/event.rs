//! The body that asks for an event, as the contract describes it: the parser's own table of fields, with
//! words for people beside.

use common::event::schema_properties;
use serde_json::{Map, Value, json};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An event to create.
pub(crate) struct EventRequest;

/// Where it stands in the contract; what it says is put there by [`describe`].
impl ToSchema for EventRequest {}

impl PartialSchema for EventRequest {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().into()
    }
}

/// Fields whose objects have a name of their own, which programs in typed languages use.
const NAMED: &[(&str, &str)] = &[
    ("start", "EventTime"),
    ("end", "EventTime"),
    ("attendees", "Guest"),
    ("attachments", "Attachment"),
    ("reminders", "Reminders"),
    ("source", "Source"),
    ("extendedProperties", "Properties"),
    ("conferenceData", "ConferenceData"),
    ("birthdayProperties", "BirthdayProperties"),
    ("focusTimeProperties", "FocusTimeProperties"),
    ("outOfOfficeProperties", "OutOfOfficeProperties"),
    ("workingLocationProperties", "WorkingLocationProperties"),
];

/// What a name and its possible values do not say. A default is said here and not as `default`, because
/// makers of typed clients take a field with one for a field that must be there.
const SAID: &[(&str, &str)] = &[
    (
        "account",
        "The account to write with: 1 to 64 letters, digits, underscores or hyphens. `default` if left out.",
    ),
    ("calendarId", "The calendar to write to. `primary` if left out."),
    (
        "conference",
        "Whether to ask for a Google Meet conference. Left out: for a timed event, not for an all-day one.",
    ),
    ("sendUpdates", "Whom Google mails. `all` if left out."),
    ("notBefore", "Not to be created earlier: an instant with an offset."),
    ("notAfter", "Not to be created later: an instant with an offset."),
    ("priority", "`bulk` leaves room for others. `normal` if left out."),
    ("startDateTime", "Flat form of start.dateTime."),
    ("endDateTime", "Flat form of end.dateTime."),
    ("timeZone", "The zone of both times, where they have none of their own: an IANA name, or a Windows id."),
    ("attendeeEmail", "Flat form of one guest."),
    ("summary", "The title."),
    ("start", "When it begins."),
    ("end", "When it is over: exclusive, for an event of whole days too."),
    ("recurrence", "RRULE, EXRULE, RDATE and EXDATE lines of RFC 5545."),
    ("eventType", "`default` if left out."),
];

/// Writes the body and the objects in it into the document.
pub(super) fn describe(document: &mut Value) {
    let mut properties = schema_properties();
    let mut schemas = Map::new();
    for (field, name) in NAMED {
        let schema = properties.get_mut(*field).expect("a field of the body");
        let place = if schema.get("items").is_some() { &mut schema["items"] } else { &mut *schema };
        let mut object = place.take();
        let nullable = object["type"].is_array();
        object["type"] = json!("object");
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        *place = if nullable { json!({"anyOf": [reference, {"type": "null"}]}) } else { reference };
        schemas.insert((*name).to_owned(), object);
    }
    schemas["EventTime"]["description"] = json!("An instant, or a whole day.");
    schemas["EventTime"]["properties"]["date"]["format"] = json!("date");
    for (field, sentence) in SAID {
        properties.get_mut(*field).expect("a field of the body")["description"] = json!(sentence);
    }
    for (field, pattern) in [("account", "^[A-Za-z0-9_-]{1,64}$"), ("calendarId", r"^[^\s/\\]{1,254}$")] {
        properties[field]["pattern"] = json!(pattern);
    }
    for field in ["notBefore", "notAfter"] {
        properties[field]["format"] = json!("date-time");
    }
    let needed = [
        ["start", "end"],
        ["startDateTime", "endDateTime"],
        ["start", "endDateTime"],
        ["startDateTime", "end"],
    ];
    let body = json!({
        "type": "object",
        "description": "An event to create: Google's own fields, or the flat forms of its times and its guest. \
            Any field may be null, which is the same as leaving it out; other fields are refused by name.",
        "properties": properties,
        "anyOf": needed.map(|fields| json!({"required": fields})),
        "example": {
            "summary": "Production Test Event",
            "description": "Testing calendar integration",
            "startDateTime": "2026-12-30T14:00:00",
            "endDateTime": "2026-12-30T15:00:00",
            "attendeeEmail": "test@example.com",
            "timeZone": "Asia/Kolkata",
        },
    });
    schemas.insert("EventRequest".to_owned(), body);
    let all = document["components"]["schemas"].as_object_mut().expect("a contract has schemas");
    all.extend(schemas);
}
