//! A limit as configured: so many requests in so long.

use std::str::FromStr;
use std::time::Duration;

use common::time;

/// So many requests in so long: `100/15m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub(super) requests: u32,
    pub(super) per: Duration,
}

/// The text is not a rate limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of requests and a span in s, m or h, such as 100/15m")]
pub struct NotARateLimit;

impl RateLimit {
    /// So many requests a minute.
    #[must_use]
    pub const fn per_minute(requests: u32) -> Self {
        Self { requests, per: time::minutes(1) }
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { requests: 100, per: time::minutes(15) }
    }
}

impl FromStr for RateLimit {
    type Err = NotARateLimit;

    fn from_str(text: &str) -> Result<Self, NotARateLimit> {
        let (requests, span) = text.split_once('/').ok_or(NotARateLimit)?;
        let requests: u32 = requests.trim().parse().map_err(|_| NotARateLimit)?;
        let span = span.trim();
        let unit = span.chars().next_back().ok_or(NotARateLimit)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return Err(NotARateLimit),
        };
        let number = &span[..span.len() - unit.len_utf8()];
        let number: u32 = if number.is_empty() { 1 } else { number.parse().map_err(|_| NotARateLimit)? };
        if requests == 0 || number == 0 {
            return Err(NotARateLimit);
        }
        Ok(Self { requests, per: Duration::from_secs(u64::from(number) * seconds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_as_requests_and_span() {
        for (text, requests, seconds) in [("100/15m", 100, 900), ("1/s", 1, 1), ("5 / 2h", 5, 7200)] {
            let expected = RateLimit { requests, per: Duration::from_secs(seconds) };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "100", "0/1m", "5/0s", "x/1m", "5/1d", "5/é", "-1/1m"] {
            assert_eq!(RateLimit::from_str(text), Err(NotARateLimit), "{text}");
        }
    }
}
