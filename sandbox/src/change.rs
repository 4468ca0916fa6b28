//! What can change in the sandbox: the lines of its journal, and what each does to the world.

use serde::{Deserialize, Serialize};

use crate::calendar::{CalendarInfo, Role};
use crate::client::Client;
use crate::event::Event;
use crate::grant::{AccessToken, RefreshToken, Scopes};
use crate::outbox::Mail;
use crate::user::User;

/// One accepted change. Most carry the whole new value, so that replaying one twice does no harm. Persisted: variants
/// may be added, never renamed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Change {
    User(User),
    Calendar(CalendarInfo),
    Event {
        calendar: String,
        event: Box<Event>,
    },
    Mail(Mail),
    Refresh(RefreshToken),
    Access(AccessToken),
    ForgetRefresh(String),
    ForgetAccess(String),
    Consent {
        user: String,
        client: String,
        scopes: Scopes,
    },
    RedirectUri(String),
    Client(Client),
    Delegated(Scopes),
    /// What somebody may do with another's calendar.
    Role {
        calendar: String,
        user: String,
        role: Option<Role>,
    },
    Clock {
        offset_ms: i64,
    },
    /// Calendars, mails and troubles are gone; people and their grants stay.
    ResetCalendars,
    /// Everything is gone.
    ResetAll,
}
