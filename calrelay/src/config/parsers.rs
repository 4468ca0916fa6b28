//! What the texts of variables mean. An error says what the text must be.

use std::str::FromStr;

use notices::Encryption;
use secrecy::SecretString;
use url::Url;

use crate::{keyfile, logging};

/// `value`, or what was `expected` in its place.
pub fn must<T>(value: Option<T>, expected: &str) -> Result<T, String> {
    value.ok_or_else(|| expected.to_owned())
}

/// Any text.
pub fn any<T: for<'a> From<&'a str>>(text: &str) -> Result<T, String> {
    Ok(T::from(text))
}

/// A port; 0 takes a free one.
pub fn port(text: &str) -> Result<u16, String> {
    must(text.parse().ok(), "a port number")
}

/// A whole number above zero.
pub fn positive(text: &str) -> Result<u32, String> {
    must(text.parse().ok().filter(|number| *number > 0), "a whole number above 0")
}

/// One of a few words.
pub fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("one of: {}", words.join(", "))
    })
}

/// Networks of any kind.
pub fn networks<T: FromStr>(text: &str) -> Result<T, String> {
    must(text.parse().ok(), "IP addresses or networks, separated by commas")
}

/// How e-mail travels.
pub fn encryption(text: &str) -> Result<Encryption, String> {
    one_of(text, &[("starttls", Encryption::StartTls), ("tls", Encryption::Tls), ("none", Encryption::None)])
}

/// The master keys, as they were written.
pub fn master_keys(text: &str) -> Result<SecretString, String> {
    let keys = keyfile::parse(text).ok().map(|_| text.into());
    must(keys, "keys of 32 bytes in base64, separated by commas")
}

/// The root of the Calendar API, as it was written.
pub fn google_api_url(text: &str) -> Result<String, String> {
    must(
        google::given_api_url(text).ok().map(|_| text.to_owned()),
        "the Calendar API's URL: https://, or http:// on this machine, without user, password and query",
    )
}

/// What is logged, as it was written.
pub fn log_filter(text: &str) -> Result<String, String> {
    let filter = logging::filter(text).map(|_| text.to_owned());
    must(filter, "log levels, such as info or worker=debug, separated by commas")
}

/// Origins as browsers write them; a path, even `*`, would promise what is not kept.
pub fn origins(text: &str) -> Result<Vec<String>, String> {
    let origins = text.split(',').map(|text| Some(origin(text.trim())?.origin().ascii_serialization()));
    must(origins.collect(), "origins such as https://crm.example.com, separated by commas")
}

/// A URL of a scheme, a host and a port alone.
pub fn origin(text: &str) -> Option<Url> {
    let url = web_url(text)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    (bare && nobody).then_some(url)
}

/// A URL of a page.
pub fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}
