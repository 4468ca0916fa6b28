//! The header `Prefer` (RFC 7240): how long a caller likes to wait for a job's end.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName};

/// The request header.
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Says which preferences were honoured.
pub(crate) const APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// No request waits longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(25);

/// What a caller prefers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Preference {
    /// Wait this long, never above [`LONGEST`].
    pub(crate) wait: Option<Duration>,
    /// Answer at once, or when the wait is over, with 202.
    pub(crate) respond_async: bool,
}

impl Preference {
    /// The preferences of a request. What is unknown or malformed is ignored, as the RFC wants it;
    /// of repeated preferences the first counts.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let mut preference = Self::default();
        let values = headers.get_all(PREFER).filter_map(|value| value.to_str().ok());
        for part in values.flat_map(|value| value.split(',')) {
            // Parameters after a semicolon belong to the preference and mean nothing to us.
            let part = part.split(';').next().unwrap_or_default();
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("respond-async") && value.is_empty() {
                preference.respond_async = true;
            } else if name.eq_ignore_ascii_case("wait")
                && preference.wait.is_none()
                && let Ok(seconds) = value.parse::<u32>()
            {
                preference.wait = Some(Duration::from_secs(seconds.into()).min(LONGEST));
            }
        }
        preference
    }

    /// How long to wait when the route itself would wait for `usual`.
    pub(crate) fn budget(self, usual: Duration) -> Duration {
        match self.wait {
            Some(wait) => wait,
            None if self.respond_async => Duration::ZERO,
            None => usual,
        }
    }

    /// The value of `Preference-Applied`, if any preference was honoured.
    pub(crate) fn applied(self) -> Option<String> {
        let wait = self.wait.map(|wait| format!("wait={}", wait.as_secs()));
        let asynchronous = self.respond_async.then(|| "respond-async".to_owned());
        let honoured: Vec<String> = asynchronous.into_iter().chain(wait).collect();
        (!honoured.is_empty()).then(|| honoured.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn preference(value: &'static str) -> Preference {
        let mut headers = HeaderMap::new();
        headers.insert(PREFER, HeaderValue::from_static(value));
        Preference::from_headers(&headers)
    }

    #[test]
    fn waits_are_capped_and_nonsense_is_ignored() {
        for (value, seconds) in [
            ("wait=10", Some(10)),
            ("Wait = 10", Some(10)),
            ("wait=\"7\"", Some(7)),
            ("wait=100", Some(25)),
            ("handling=strict, wait=3, wait=4", Some(3)),
            ("wait=3;foo=bar", Some(3)),
            ("wait=-1", None),
            ("wait=soon", None),
            ("waiting=3", None),
        ] {
            assert_eq!(preference(value).wait, seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn a_wait_beats_respond_async_and_both_are_echoed() {
        let usual = Duration::from_secs(10);
        assert_eq!(preference("handling=lenient").budget(usual), usual);
        assert_eq!(preference("respond-async").budget(usual), Duration::ZERO);
        assert_eq!(preference("respond-async, wait=4").budget(usual), Duration::from_secs(4));
        assert_eq!(preference("wait=4, respond-async").applied().unwrap(), "respond-async, wait=4");
        assert_eq!(preference("handling=lenient").applied(), None);
    }
}
