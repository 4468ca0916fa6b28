//! A query string, with the parameters every Google method takes.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::api_error::ApiError;
use crate::reply::Print;

#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        Self(pairs.into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Google's booleans: absent is false.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    pub(crate) fn print(&self) -> Print {
        match self.get("prettyPrint") {
            Some("false") => Print::Compact,
            Some(_) | None => Print::Pretty,
        }
    }

    /// A whole number of at least 1.
    pub(crate) fn count(&self, name: &'static str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if number >= 1 => Ok(Some(number)),
            Ok(_) | Err(_) => Err(ApiError::invalid(format!(
                "Invalid value '{text}'. Values must be within the range: [1, 2147483647]"
            ))),
        }
    }

    /// A moment with an offset, as list bounds must be.
    pub(crate) fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(moment) => Ok(Some(moment)),
            Err(_) => Err(ApiError::of("badRequest")),
        }
    }

    pub(crate) fn zone(&self, name: &'static str) -> Result<Option<TimeZone>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(text) => TimeZone::get(text).map(Some).map_err(|_| ApiError::invalid("Invalid Value")),
        }
    }
}
