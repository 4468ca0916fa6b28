//! `Retry-After`: Google does not promise it, and it is honoured when it comes.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header};

/// How long the answer asks us to wait: seconds, or an HTTP date. The date is held against the
/// answer's own `Date`, so that a clock that is wrong here does not matter; against `now` without.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit is still "very long".
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = date(headers, header::DATE).unwrap_or(now);
    Some(until.duration_since(now).unwrap_or_default())
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked(value: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        if let Some(date) = date {
            headers.insert(header::DATE, HeaderValue::from_str(date).unwrap());
        }
        // Sun, 22 Nov 2026 12:00:00 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_348_800);
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        assert_eq!(asked("0", None), Some(0));
        assert_eq!(asked(" 17 ", None), Some(17));
        assert_eq!(asked("99999999999999999999999", None), Some(u64::from(u32::MAX)));
        assert_eq!(asked("Sun, 22 Nov 2026 12:00:30 GMT", None), Some(30));
        assert_eq!(asked("Sun, 22 Nov 2026 11:00:00 GMT", None), Some(0), "already past");
    }

    #[test]
    fn a_date_counts_from_the_servers_own() {
        let server = Some("Sun, 22 Nov 2026 08:00:00 GMT");
        assert_eq!(asked("Sun, 22 Nov 2026 08:00:30 GMT", server), Some(30));
        assert_eq!(asked("Sun, 22 Nov 2026 12:00:30 GMT", Some("yesterday")), Some(30));
    }

    #[test]
    fn anything_else_is_as_if_it_were_not_there() {
        for odd in ["", "-1", "1.5", "soon", "Sun, 99 Nov 2026 12:00:30 GMT"] {
            assert_eq!(asked(odd, None), None, "{odd}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::UNIX_EPOCH), None);
    }
}
