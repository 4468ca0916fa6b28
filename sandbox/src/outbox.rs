//! The invitations that Google would have mailed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::Event;

/// More mails than this and the oldest are forgotten.
pub(crate) const KEPT: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mail {
    pub(crate) at: Timestamp,
    pub(crate) kind: MailKind,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) calendar: String,
    pub(crate) event_id: String,
    pub(crate) summary: String,
    pub(crate) starts: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum MailKind {
    Invitation,
    Update,
    Cancellation,
}

/// Whom a write notifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendUpdates {
    All,
    /// Guests without Google Calendar.
    ExternalOnly,
    None,
}

/// The mail a write causes, if any: nobody is written to about the past, and the owner never.
pub(crate) fn mail(
    kind: MailKind,
    send: SendUpdates,
    event: &Event,
    calendar: &str,
    (starts, ends): (Timestamp, Timestamp),
    now: Timestamp,
    is_google_user: impl Fn(&str) -> bool,
) -> Option<Mail> {
    if ends <= now && !event.is_recurring() {
        return None;
    }
    let to: Vec<String> = event
        .guests()
        .iter()
        .filter_map(|guest| guest.get("email").and_then(Value::as_str))
        .filter(|email| !email.eq_ignore_ascii_case(calendar) && *email != event.creator)
        .filter(|email| match send {
            SendUpdates::All => true,
            SendUpdates::ExternalOnly => !is_google_user(email),
            SendUpdates::None => false,
        })
        .map(str::to_owned)
        .collect();
    (!to.is_empty()).then(|| Mail {
        at: now,
        kind,
        from: event.creator.clone(),
        to,
        calendar: calendar.to_owned(),
        event_id: event.id.clone(),
        summary: event.text("summary").unwrap_or("(No title)").to_owned(),
        starts,
    })
}
