//! How many requests a caller may send: windows, counted by all ingresses together.
//!
//! An ingress takes some of a caller's window at a time, so that most requests cost no round trip.

mod limit;
#[cfg(test)]
mod tests;
mod windows;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use common::fingerprint::HashKey;
use common::port::Allowances;
use common::time;
use jiff::Timestamp;

use crate::problem::{Kind, Problem};
pub use limit::{NotARateLimit, RateLimit};
use windows::{MOST, Sharing, Slot, Window, Windows};

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// The holder of the API key with this name.
    Key(String),
    /// The person who has the connect link with this nonce.
    Link(String),
    /// Every other caller from this address.
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

/// Counts requests: with the other ingresses where they share [`Allowances`], and alone otherwise.
pub(crate) struct Rates {
    shared: Option<Arc<dyn Allowances>>,
    hash_key: HashKey,
    /// Of those whom we have made known: holders of keys and of links.
    known: Mutex<Windows>,
    /// Of addresses, which anybody may have many of.
    addresses: Mutex<Windows>,
}

/// Where a caller stands after a request: goes into the reply's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateStatus {
    policy: &'static str,
    limit: RateLimit,
    used: u32,
    resets_in: Duration,
}

impl Rates {
    pub(crate) fn new(shared: Option<Arc<dyn Allowances>>, hash_key: HashKey) -> Self {
        Self {
            shared,
            hash_key,
            known: Mutex::new(Windows::new(usize::MAX)),
            addresses: Mutex::new(Windows::new(MOST)),
        }
    }

    /// Counts one request of `caller`.
    pub(crate) async fn count(&self, caller: Counted, limit: RateLimit, now: Timestamp) -> RateStatus {
        let slot = self.slot(&caller, limit, now);
        let mut window = slot.lock().await;
        if window.ends <= now {
            *window = Window::new(time::after(now, limit.per), window.sharing);
        }
        if window.is_to_be_asked_for()
            && let Some(shared) = &self.shared
        {
            let want = window.wanted(limit);
            match shared.allot(&self.name(&caller), limit.requests, limit.per, want).await {
                Ok(allotment) => window.allotted(want, allotment, limit, now),
                Err(_) => window.used_of_share(limit, shared.ingresses()),
            }
        }
        window.count(limit);
        let resets_in = time::until(now, window.ends);
        RateStatus { policy: caller.policy(), limit, used: window.used, resets_in }
    }

    /// Takes back that a request of `caller` was counted: it was another caller's.
    pub(crate) async fn give_back(&self, caller: &Counted, now: Timestamp) {
        let slot = {
            let windows = self.windows(caller).lock().expect("nothing panics holding it");
            windows.young.get(caller).or_else(|| windows.old.get(caller)).cloned()
        };
        if let Some(slot) = slot {
            let mut window = slot.lock().await;
            if window.ends > now {
                window.give_back();
            }
        }
    }

    fn windows(&self, caller: &Counted) -> &Mutex<Windows> {
        match caller {
            Counted::Key(_) | Counted::Link(_) => &self.known,
            Counted::Address(_) => &self.addresses,
        }
    }

    fn slot(&self, caller: &Counted, limit: RateLimit, now: Timestamp) -> Slot {
        let sharing = match self.shared {
            Some(_) => Sharing::Shared,
            None => Sharing::Alone,
        };
        let mut windows = self.windows(caller).lock().expect("nothing panics holding it");
        let gone = windows.turn(limit.per, now);
        let slot = windows.slot(caller, sharing, now);
        drop(windows);
        // It may be large: no request waits while it is thrown away.
        drop(gone);
        slot
    }

    /// What a caller is called where all ingresses count: it says nothing of who that is.
    fn name(&self, caller: &Counted) -> String {
        let policy = caller.policy();
        let who = match caller {
            Counted::Key(name) | Counted::Link(name) => self.hash_key.name(policy, name),
            Counted::Address(address) => self.hash_key.name(policy, &address.to_string()),
        };
        format!("{policy}:{who}")
    }
}

impl RateStatus {
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
