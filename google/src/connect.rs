//! Makes the adapters from a credentials file.

use url::Url;

use crate::calendar::GoogleCalendar;
use crate::credentials::{self, Credentials};
use crate::http::{Http, Timeouts};
use crate::oauth::GoogleOauth;

/// Why the adapters cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// `GOOGLE_API_URL` is no URL of an API.
    #[error("the Calendar API's URL (GOOGLE_API_URL) {0}")]
    ApiUrl(&'static str),
    /// The redirect URI is none.
    #[error("the redirect URI (GOOGLE_REDIRECT_URI) {0}")]
    RedirectUri(&'static str),
    /// There can be no HTTP client; on a bare system the certificate authorities are missing.
    #[error("no HTTPS client can be made ({0}); is the package ca-certificates installed?")]
    Client(String),
}

/// Google Calendar and Google's OAuth endpoints as `credentials` name them, over one shared pool of
/// connections. `api_url` (`GOOGLE_API_URL`) goes before the file's own.
///
/// # Errors
/// [`ConnectError`]; nothing is called yet.
pub fn connect(
    credentials: Credentials,
    redirect_uri: String,
    api_url: Option<String>,
) -> Result<(GoogleCalendar, GoogleOauth), ConnectError> {
    connect_with(credentials, redirect_uri, api_url, Timeouts::default())
}

/// [`connect`] with other time limits.
///
/// # Errors
/// [`ConnectError`].
pub fn connect_with(
    credentials: Credentials,
    redirect_uri: String,
    api_url: Option<String>,
    timeouts: Timeouts,
) -> Result<(GoogleCalendar, GoogleOauth), ConnectError> {
    let api = match api_url {
        Some(text) => credentials::given_api_url(&text).map_err(ConnectError::ApiUrl)?,
        None => credentials.api_url.clone(),
    };
    // Kept as it was written: Google compares redirect URIs letter by letter.
    credentials::endpoint(&redirect_uri).map_err(ConnectError::RedirectUri)?;
    if !credentials.lists_redirect(&redirect_uri) {
        tracing::warn!(
            "The credentials file does not list the redirect URI {redirect_uri}: unless it was added since the \
             download, Google will answer redirect_uri_mismatch"
        );
    }
    let called: [&Url; 4] =
        [&api, &credentials.token_uri, &credentials.revoke_uri, &credentials.userinfo_uri];
    let http = Http::new(timeouts, &called).map_err(ConnectError::Client)?;
    let oauth = GoogleOauth::new(http.clone(), credentials, redirect_uri);
    Ok((GoogleCalendar::new(http, api), oauth))
}
