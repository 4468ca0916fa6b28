//! How many requests a caller may send: windows, counted in this process.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use common::time;
use jiff::Timestamp;

use crate::problem::{Kind, Problem};

/// So many requests in so long: `100/15m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    requests: u32,
    per: Duration,
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

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// The holder of the API key with this name.
    Key(String),
    /// The person who has the connect link with this nonce.
    Link(String),
    /// Everybody else who calls from this address.
    Address(IpAddr),
}

impl Counted {
    /// The caller at `address`; a household's IPv6 network counts as one.
    pub(crate) fn address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        })
    }

    fn policy(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Link(_) => "link",
            Self::Address(_) => "address",
        }
    }
}

/// Counts requests.
#[derive(Default)]
pub(crate) struct Rates(Mutex<Windows>);

#[derive(Default)]
struct Windows {
    of: HashMap<Counted, Window>,
    /// With so many windows, those that have ended are thrown out.
    sweep_at: usize,
}

/// Fewer windows than this are not looked through.
const FEW: usize = 10_000;
/// More windows than this are not kept: whoever has so many addresses is not held by counting them.
const MOST: usize = 200_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    ends: Timestamp,
    used: u32,
}

/// Where a caller stands after a request: goes into the reply's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    policy: &'static str,
    limit: RateLimit,
    used: u32,
    resets_in: Duration,
}

impl Rates {
    /// Counts one request of `caller`.
    pub(crate) fn count(&self, caller: Counted, limit: RateLimit, now: Timestamp) -> Standing {
        let policy = caller.policy();
        let mut windows = self.0.lock().expect("nothing panics holding it");
        windows.make_room(now);
        let fresh = Window { ends: time::after(now, limit.per), used: 0 };
        let window = windows.of.entry(caller).or_insert(fresh);
        if window.ends <= now {
            *window = fresh;
        }
        window.used = window.used.saturating_add(1);
        Standing { policy, limit, used: window.used, resets_in: time::until(now, window.ends) }
    }

    /// Takes back that a request of `caller` was counted: it was somebody else's.
    pub(crate) fn give_back(&self, caller: &Counted) {
        let mut windows = self.0.lock().expect("nothing panics holding it");
        if let Some(window) = windows.of.get_mut(caller) {
            window.used = window.used.saturating_sub(1);
        }
    }
}

impl Windows {
    /// Each window is looked at a few times in its life, however many there are.
    fn make_room(&mut self, now: Timestamp) {
        if self.of.len() < self.sweep_at.max(FEW) {
            return;
        }
        self.of.retain(|_, window| window.ends > now);
        if self.of.len() >= MOST {
            self.of.retain(|caller, _| matches!(caller, Counted::Key(_)));
        }
        self.sweep_at = 2 * self.of.len();
    }
}

impl Standing {
    /// Refuses a request that is one too many.
    pub(crate) fn check(self) -> Result<Self, Problem> {
        if self.used <= self.limit.requests {
            return Ok(self);
        }
        let (requests, per) = (self.limit.requests, self.limit.per.as_secs());
        let detail = format!("At most {requests} requests in {per} seconds are allowed here.");
        Err(Problem::new(Kind::RateLimited, detail).retry_after(self.resets_in))
    }

    /// Writes the headers of draft-ietf-httpapi-ratelimit-headers-11.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
        const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
        let Self { policy, limit, used, resets_in } = self;
        let left = limit.requests.saturating_sub(used);
        // Rounded up, as Retry-After is: neither may promise an instant that is too early.
        let seconds = resets_in.as_millis().div_ceil(1000).max(1);
        let text = format!("\"{policy}\";q={};w={}", limit.requests, limit.per.as_secs());
        headers.insert(POLICY, HeaderValue::from_str(&text).expect("digits and a plain name"));
        let text = format!("\"{policy}\";r={left};t={seconds}");
        headers.insert(LIMIT, HeaderValue::from_str(&text).expect("digits and a plain name"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn caller() -> Counted {
        Counted::Key("crk_a".to_owned())
    }

    #[test]
    fn exactly_the_limit_passes_in_a_window_and_the_next_window_is_whole_again() {
        let rates = Rates::default();
        let limit: RateLimit = "3/1m".parse().unwrap();
        for _ in 0..3 {
            assert!(rates.count(caller(), limit, at(0)).check().is_ok());
        }
        assert!(rates.count(caller(), limit, at(59)).check().is_err());
        assert!(rates.count(Counted::Key("crk_b".to_owned()), limit, at(59)).check().is_ok());
        for _ in 0..3 {
            assert!(rates.count(caller(), limit, at(60)).check().is_ok());
        }
        assert!(rates.count(caller(), limit, at(60)).check().is_err());
    }

    #[test]
    fn what_is_given_back_was_not_used() {
        let rates = Rates::default();
        let limit: RateLimit = "2/1m".parse().unwrap();
        for _ in 0..5 {
            assert!(rates.count(caller(), limit, at(0)).check().is_ok());
            rates.give_back(&caller());
        }
        rates.give_back(&Counted::Link("never counted".to_owned()));
        assert_eq!(rates.count(caller(), limit, at(0)).used, 1);
    }

    #[test]
    fn windows_that_have_ended_go_and_keys_outlive_a_flood_of_addresses() {
        let rates = Rates::default();
        let limit: RateLimit = "2/1m".parse().unwrap();
        let address = |number: u32| Counted::Address(IpAddr::V4(number.into()));
        rates.count(caller(), limit, at(0));
        for number in 0..1_000_000 {
            rates.count(address(number), limit, at(0));
            assert!(rates.0.lock().unwrap().of.len() <= 2 * MOST);
        }
        assert_eq!(rates.count(caller(), limit, at(1)).used, 2);
        for number in 0..500_000 {
            rates.count(address(number), limit, at(60));
        }
        let windows = rates.0.lock().unwrap();
        assert!(windows.of.values().all(|window| window.ends > at(60)));
    }

    #[test]
    fn headers_say_what_is_left_and_for_how_long() {
        let rates = Rates::default();
        let mut headers = HeaderMap::new();
        rates.count(caller(), RateLimit::default(), at(0));
        rates.count(caller(), RateLimit::default(), at(10)).write(&mut headers);
        assert_eq!(headers.get("ratelimit-policy").unwrap(), "\"key\";q=100;w=900");
        assert_eq!(headers.get("ratelimit").unwrap(), "\"key\";r=98;t=890");
    }

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

    #[test]
    fn one_ipv6_network_is_one_caller() {
        let counted = |text: &str| Counted::address(text.parse().unwrap());
        assert_eq!(counted("2001:db8::1"), counted("2001:db8::ffff:1"));
        assert_ne!(counted("2001:db8::1"), counted("2001:db8:0:1::1"));
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
    }
}
