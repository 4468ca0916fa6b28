//! A Google in memory that fails on demand: [`FakeCalendar`] and [`FakeTokenEndpoint`].
//!
//! Both are held to the suites that the real adapters pass ([`calendar`](crate::calendar),
//! [`token_endpoint`](crate::token_endpoint)). `next` is about one call; everything else lasts.

mod behaviour;
mod calendar;
mod endpoint;
mod ledger;

pub use behaviour::{Answering, Behaviour, Rule};
pub use calendar::{Event, FakeCalendar};
pub use endpoint::FakeTokenEndpoint;
pub use ledger::{Call, Method};

use common::job::JobId;
use common::port::{CalendarError, ClientRef, GoogleUser, RefreshToken};
use secrecy::SecretString;

/// The scope that lets calrelay write events.
pub const EVENTS_SCOPE: &str = "https://www.googleapis.com/auth/calendar.events";

/// Google's words when a calendar takes no conference.
pub const NO_CONFERENCE: &str = "Invalid conference type value.";

/// Google refuses the conference alone.
#[must_use]
pub fn conference_refused() -> CalendarError {
    let (status, reason) = (400, "invalid".to_owned());
    CalendarError::ConferenceRefused { status, reason, message: NO_CONFERENCE.to_owned() }
}

/// The one OAuth client.
#[must_use]
pub fn client() -> ClientRef {
    ClientRef { token_uri: "https://accounts.example/token".to_owned(), client_id: "client".to_owned() }
}

/// The Google user of this name.
#[must_use]
pub fn user(name: &str) -> GoogleUser {
    GoogleUser { sub: format!("sub-{name}"), email: format!("{name}@example.com") }
}

/// The refresh token that this user's consent of that number has made.
#[must_use]
pub fn refresh_token(user: &str, consent: u64) -> RefreshToken {
    RefreshToken(SecretString::from(format!("refresh {user} {consent}")))
}

/// Where the conference of a job's event is.
#[must_use]
pub fn link(id: &JobId) -> String {
    format!("https://meet.google.com/{id}")
}
