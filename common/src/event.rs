//! The event that a caller asks for: a request body, parsed once at the edge, and never again.
//!
//! [`Submission::parse`] takes Google's own form of an event or the flat one, reports everything
//! that is wrong with it at once, and makes an [`EventDraft`]: the resource that Google will get.
//! It knows no clock: whether a time has passed is for others to say.

mod body;
mod calendar_id;
mod canonical;
mod conference;
mod date_time;
mod delivery;
mod draft;
mod fetched;
mod former;
mod guests;
mod kind;
pub mod limits;
mod meaning;
mod outline;
mod problems;
mod properties;
mod recurrence;
mod rule;
mod schema;
mod schema_json;
mod shape;
mod submission;
mod suggest;
mod text;
mod times;
mod zone;

#[cfg(test)]
mod any_body;
#[cfg(test)]
mod corpus;

pub use self::body::{BodyError, read as read_object};
pub use self::calendar_id::{CalendarId, NotACalendarId};
pub use self::delivery::{Priority, SendUpdates};
pub use self::draft::{EventDraft, UnreadableDraft};
pub use self::outline::Outline;
pub use self::schema_json::properties as schema_properties;
pub use self::submission::Submission;
pub use self::text::is_email;
