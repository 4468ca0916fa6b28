//! The credentials file that Google's console hands out for an OAuth client.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::{Host, Url};

const AUTH_URI: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const REVOKE_URI: &str = "https://oauth2.googleapis.com/revoke";
const USERINFO_URI: &str = "https://openidconnect.googleapis.com/v1/userinfo";
const API_URL: &str = "https://www.googleapis.com/calendar/v3/";

/// An OAuth client, and where its Google is.
///
/// Google's files name the client and the first two addresses. The other three are read too when
/// they are there, which is how the sandbox's file leads to the sandbox.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// What kind of client it is.
    pub kind: ClientKind,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretString,
    /// The project it belongs to.
    pub project_id: Option<String>,
    /// The redirect URIs that were registered when the file was made.
    pub redirect_uris: Vec<String>,
    /// Where users consent.
    pub auth_uri: Url,
    /// Where tokens are made.
    pub token_uri: Url,
    /// Where grants are ended.
    pub revoke_uri: Url,
    /// Says whose a token is.
    pub userinfo_uri: Url,
    /// The Calendar API, with a slash at its end.
    pub api_url: Url,
}

/// The kinds of OAuth client that a person can consent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// A web application: its redirect URIs are registered one by one.
    Web,
    /// A desktop application: any port of the loopback address will do.
    Installed,
}

/// What is wrong with a credentials file; never quotes what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("the credentials file {path} cannot be read: {cause}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// It is not JSON.
    #[error("the credentials file is not JSON (line {line}, column {column})")]
    NotJson {
        /// Where the JSON breaks.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// It is for something else than an OAuth client.
    #[error(
        "the credentials file is of the kind {0}, which is not supported yet; make an OAuth client of the type \
         \"Web application\" or \"Desktop app\""
    )]
    KindNotSupported(String),
    /// It has neither key, or both.
    #[error(
        "the credentials file must hold either \"web\" or \"installed\"; download it again from Google's console"
    )]
    NoKind,
    /// A field is missing or of the wrong type.
    #[error("the credentials file's field {field} {problem}")]
    Field {
        /// Its path.
        field: String,
        /// What it must be.
        problem: &'static str,
    },
}

impl Credentials {
    /// Reads a credentials file.
    ///
    /// # Errors
    /// [`CredentialsError`], in a sentence that names the problem.
    pub fn from_file(path: &Path) -> Result<Self, CredentialsError> {
        let text = std::fs::read_to_string(path).map_err(|error| CredentialsError::Unreadable {
            path: path.to_owned(),
            cause: error.to_string(),
        })?;
        let credentials = Self::parse(&text)?;
        credentials.all_private()?;
        Ok(credentials)
    }

    /// Google's own endpoints are https alone. What answers by http is a sandbox, and a file that names one is for
    /// this machine: elsewhere a client's secret and its users' tokens would travel unencrypted.
    fn all_private(&self) -> Result<(), CredentialsError> {
        let name = match self.kind {
            ClientKind::Web => "web",
            ClientKind::Installed => "installed",
        };
        for (field, url) in [
            ("auth_uri", &self.auth_uri),
            ("token_uri", &self.token_uri),
            ("revoke_uri", &self.revoke_uri),
            ("userinfo_uri", &self.userinfo_uri),
            ("api_url", &self.api_url),
        ] {
            private(url)
                .map_err(|problem| CredentialsError::Field { field: format!("{name}.{field}"), problem })?;
        }
        Ok(())
    }

    /// Parses a credentials file's text.
    ///
    /// # Errors
    /// [`CredentialsError`], in a sentence that names the problem.
    pub fn parse(json: &str) -> Result<Self, CredentialsError> {
        // Some editors put a byte order mark in front.
        let json = json.strip_prefix('\u{feff}').unwrap_or(json);
        let file: Value = serde_json::from_str(json)
            .map_err(|error| CredentialsError::NotJson { line: error.line(), column: error.column() })?;
        if let Some(kind) = file.get("type").and_then(Value::as_str) {
            return Err(CredentialsError::KindNotSupported(known_kind(kind).to_owned()));
        }
        let (kind, name) = match (file.get("web"), file.get("installed")) {
            (Some(_), None) => (ClientKind::Web, "web"),
            (None, Some(_)) => (ClientKind::Installed, "installed"),
            (Some(_), Some(_)) | (None, None) => return Err(CredentialsError::NoKind),
        };
        let fields = file[name].as_object().ok_or_else(|| CredentialsError::Field {
            field: name.to_owned(),
            problem: "must be an object",
        })?;
        Section { name, fields }.credentials(kind)
    }

    /// Whether Google, as far as the file knows, will take this redirect URI.
    #[must_use]
    pub fn lists_redirect(&self, redirect_uri: &str) -> bool {
        match self.kind {
            ClientKind::Web => self.redirect_uris.iter().any(|listed| listed == redirect_uri),
            ClientKind::Installed => Url::parse(redirect_uri).is_ok_and(|url| is_loopback(&url)),
        }
    }
}

/// Names only kinds we know of: the rest of the file may be secret.
fn known_kind(kind: &str) -> &'static str {
    match kind {
        "service_account" => "service_account",
        "authorized_user" => "authorized_user",
        "external_account" => "external_account",
        _ => "unknown",
    }
}

/// The object under `web` or `installed`.
struct Section<'a> {
    name: &'a str,
    fields: &'a Map<String, Value>,
}

impl Section<'_> {
    fn credentials(&self, kind: ClientKind) -> Result<Credentials, CredentialsError> {
        Ok(Credentials {
            kind,
            client_id: self.required("client_id")?,
            client_secret: SecretString::from(self.required("client_secret")?),
            project_id: self.text("project_id")?.map(str::to_owned),
            redirect_uris: self.texts("redirect_uris")?,
            auth_uri: self.url("auth_uri", AUTH_URI, endpoint)?,
            token_uri: self.url("token_uri", TOKEN_URI, endpoint)?,
            revoke_uri: self.url("revoke_uri", REVOKE_URI, endpoint)?,
            userinfo_uri: self.url("userinfo_uri", USERINFO_URI, endpoint)?,
            api_url: self.url("api_url", API_URL, api_url)?,
        })
    }

    fn text(&self, field: &str) -> Result<Option<&str>, CredentialsError> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_str().map(str::trim) {
                Some(text) if !text.is_empty() => Ok(Some(text)),
                Some(_) | None => Err(self.wrong(field, "must be a text that is not empty")),
            },
        }
    }

    fn required(&self, field: &str) -> Result<String, CredentialsError> {
        self.text(field)?.map(str::to_owned).ok_or_else(|| self.wrong(field, "is missing"))
    }

    fn texts(&self, field: &str) -> Result<Vec<String>, CredentialsError> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(value) => serde_json::from_value(value.clone())
                .map_err(|_| self.wrong(field, "must be a list of texts")),
        }
    }

    fn url(
        &self,
        field: &str,
        google: &str,
        parse: fn(&str) -> Result<Url, &'static str>,
    ) -> Result<Url, CredentialsError> {
        parse(self.text(field)?.unwrap_or(google)).map_err(|problem| self.wrong(field, problem))
    }

    fn wrong(&self, field: &str, problem: &'static str) -> CredentialsError {
        CredentialsError::Field { field: format!("{}.{field}", self.name), problem }
    }
}

/// An address to send tokens to.
pub(crate) fn endpoint(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "must be a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must be a URL that begins with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must be a URL without user, password and fragment");
    }
    Ok(url)
}

/// Whether what is sent to a URL can be read on the way.
fn private(url: &Url) -> Result<(), &'static str> {
    match url.scheme() == "https" || is_loopback(url) {
        true => Ok(()),
        false => {
            Err("must begin with https://: tokens are sent there, and http would show them to everybody on \
                      the way; SANDBOX_URL names a sandbox on another machine")
        }
    }
}

/// `GOOGLE_API_URL`: the address of the Calendar API, if not Google's own.
///
/// # Errors
/// What it must be.
pub fn given_api_url(text: &str) -> Result<Url, &'static str> {
    let url = api_url(text)?;
    private(&url)?;
    Ok(url)
}

/// The address under which Calendar's paths lie.
pub(crate) fn api_url(text: &str) -> Result<Url, &'static str> {
    let mut url = endpoint(text)?;
    if url.query().is_some() {
        return Err("must be a URL without a query");
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
