//! An event that Google would take: checked, complete but for what only calrelay knows.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::canonical;
use super::times::Times;

/// The event to create, as Google's Event resource.
///
/// What it serialises to rests (sealed) in queue messages and outlives deployments.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredDraft", into = "StoredDraft")]
pub struct EventDraft {
    resource: Map<String, Value>,
    span: Span,
}

/// The bytes do not hold a draft that this version can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an event draft that this version of calrelay reads")]
pub struct UnreadableDraft;

impl EventDraft {
    /// A draft of a resource that has been checked.
    pub(super) fn new(resource: Map<String, Value>, times: &Times) -> Self {
        let ends_at = times.over();
        let span = match times {
            _ if resource.contains_key("recurrence") => Span::Recurring,
            Times::Timed { .. } => Span::Timed { ends_at },
            Times::AllDay { .. } => Span::AllDay { ends_at },
        };
        Self { resource: canonical::sorted(resource), span }
    }

    /// What to send to `events.insert`, its keys in order: everything but the id, calrelay's
    /// private property and the request for a conference.
    #[must_use]
    pub const fn resource(&self) -> &Map<String, Value> {
        &self.resource
    }

    /// When the event is over; nothing for one that recurs. An all-day event is over when its
    /// last day is over everywhere on Earth, as the calendar's zone is not known here.
    #[must_use]
    pub const fn ends_at(&self) -> Option<Timestamp> {
        match self.span {
            Span::Timed { ends_at } | Span::AllDay { ends_at } => Some(ends_at),
            Span::Recurring => None,
        }
    }

    /// How many people are invited; rooms and other resources are not people.
    #[must_use]
    pub fn guests(&self) -> usize {
        let resource = |attendee: &&Value| attendee.get("resource") == Some(&Value::Bool(true));
        self.list("attendees").iter().filter(|a| !resource(a)).count()
    }

    /// Whether Google must be told to expect attachments.
    #[must_use]
    pub fn has_attachments(&self) -> bool {
        !self.list("attachments").is_empty()
    }

    /// Whether the event brings a conference of its own, which Google must be told to expect.
    #[must_use]
    pub fn brings_conference(&self) -> bool {
        self.resource.contains_key("conferenceData")
    }

    fn list(&self, field: &str) -> &[Value] {
        self.resource.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// Prints what kind of event it is, and nothing of what it says.
impl fmt::Debug for EventDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventDraft")
            .field("span", &self.span)
            .field("guests", &self.guests())
            .finish_non_exhaustive()
    }
}

/// What kind of times the event has. Stored: variants may be added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Span {
    Timed { ends_at: Timestamp },
    AllDay { ends_at: Timestamp },
    Recurring,
}

/// The layout in which drafts are stored now.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct StoredDraft {
    v: u8,
    times: Span,
    event: Map<String, Value>,
}

impl From<EventDraft> for StoredDraft {
    fn from(draft: EventDraft) -> Self {
        Self { v: VERSION, times: draft.span, event: draft.resource }
    }
}

impl TryFrom<StoredDraft> for EventDraft {
    type Error = UnreadableDraft;

    fn try_from(stored: StoredDraft) -> Result<Self, Self::Error> {
        let whole = ["start", "end"].iter().all(|side| stored.event.get(*side).is_some_and(Value::is_object));
        if stored.v == VERSION && whole {
            Ok(Self { resource: canonical::sorted(stored.event), span: stored.times })
        } else {
            Err(UnreadableDraft)
        }
    }
}
