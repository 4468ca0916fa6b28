//! What a job writes: the event and where it goes. Sealed wherever it rests.

use serde::{Deserialize, Serialize};

use crate::event::{CalendarId, EventDraft, SendUpdates};

/// The private part of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    /// The calendar to write to; often an e-mail address.
    pub calendar: CalendarId,
    /// The event.
    pub event: EventDraft,
    /// Whether Google is to make a video conference for it.
    pub conference: bool,
    /// Whom Google mails.
    pub send_updates: SendUpdates,
}

impl Payload {
    /// Whether the event is to have a conference: one that Google makes, or one that the caller brings.
    #[must_use]
    pub fn has_conference(&self) -> bool {
        self.conference || self.event.brings_conference()
    }
}

#[cfg(test)]
mod golden;
