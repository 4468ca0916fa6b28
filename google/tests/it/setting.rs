//! A server, and the adapters that speak to it.

use std::time::Duration;

use common::event::{CalendarId, SendUpdates};
use common::fingerprint::Fingerprint;
use common::job::JobId;
use common::port::{Calendar as _, CalendarError, NewEvent, StoredEvent};
use google::{Credentials, GoogleCalendar, GoogleOauth, Timeouts};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::server::Server;

pub const REDIRECT: &str = "http://localhost:3001/oauth2callback";
/// What must be in no error.
pub const ADDRESS: &str = "ada@example.com";

/// Long enough for an answer that comes, short enough to wait for one that does not.
pub const SHORT: Timeouts =
    Timeouts { connect: Duration::from_millis(300), total: Duration::from_millis(600) };
/// For answers that come.
const LONG: Timeouts = Timeouts { connect: Duration::from_secs(20), total: Duration::from_secs(30) };

pub struct Setting {
    pub server: Server,
    pub calendar: GoogleCalendar,
    pub oauth: GoogleOauth,
}

impl Setting {
    pub async fn new() -> Self {
        Self::with(LONG).await
    }

    pub async fn impatient() -> Self {
        Self::with(SHORT).await
    }

    async fn with(timeouts: Timeouts) -> Self {
        let server = Server::start().await;
        let credentials = credentials(|path| server.url(path));
        let (calendar, oauth) =
            google::connect_with(credentials, REDIRECT.to_owned(), None, timeouts).unwrap();
        Self { server, calendar, oauth }
    }

    /// Inserts a small event.
    pub async fn insert(&self) -> Result<StoredEvent, CalendarError> {
        insert(&self.calendar).await
    }
}

/// A credentials file whose addresses `url` makes from paths.
pub fn credentials(url: impl Fn(&str) -> String) -> Credentials {
    let file = json!({"web": {
        "client_id": "the-client", "client_secret": "the-secret", "redirect_uris": [REDIRECT],
        "auth_uri": url("/auth"), "token_uri": url("/token"), "revoke_uri": url("/revoke"),
        "userinfo_uri": url("/userinfo"), "api_url": url("/calendar/v3/"),
    }});
    Credentials::parse(&file.to_string()).unwrap()
}

pub async fn insert(calendar: &GoogleCalendar) -> Result<StoredEvent, CalendarError> {
    let resource = resource(json!({"summary": "Tea"}));
    calendar
        .insert(
            &token(),
            &NewEvent {
                calendar: &address(),
                id: &id(),
                resource: &resource,
                fingerprint: Some(&fingerprint()),
                conference: false,
                send_updates: SendUpdates::All,
                attachments: false,
            },
        )
        .await
}

pub fn token() -> SecretString {
    SecretString::from("ya29.token")
}

pub fn address() -> CalendarId {
    CalendarId::parse(ADDRESS).unwrap()
}

pub fn id() -> JobId {
    JobId::parse("0123456789abcdefghijklmnop").unwrap()
}

pub fn fingerprint() -> Fingerprint {
    Fingerprint::stored("f00d".to_owned(), Some("cafe".to_owned()))
}

pub fn resource(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

/// A stored event as Google answers it.
pub fn stored() -> Value {
    json!({
        "kind": "calendar#event", "etag": "\"3424091776564000\"", "id": id().as_str(), "status": "confirmed",
        "htmlLink": "https://www.google.com/calendar/event?eid=MDEy", "summary": "Tea",
        "hangoutLink": "https://meet.google.com/nix-thaw-twy",
        "extendedProperties": {"private": {"calrelayBody": "f00d", "calrelayBody2": "cafe"}},
    })
}
