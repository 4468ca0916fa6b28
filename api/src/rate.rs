//! How many requests a caller may send: windows, counted by all ingresses together.
//!
//! An ingress takes some of a caller's window at a time, so that most requests cost no round trip.

use std::collections::HashMap;
use std::mem;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use common::fingerprint::HashKey;
use common::port::{Allowances, Lease};
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

/// Counts requests: with the other ingresses where they share [`Allowances`], and alone otherwise.
pub(crate) struct Rates {
    shared: Option<Arc<dyn Allowances>>,
    hash_key: HashKey,
    /// Of those whom we have made known: holders of keys and of links.
    known: Mutex<Windows>,
    /// Of addresses, which anybody may have many of.
    addresses: Mutex<Windows>,
}

/// The windows of callers, in two generations: those that were met since the last turn, and those that were not met
/// since. At a turn the older ones go, unlooked at.
struct Windows {
    young: HashMap<Counted, Slot>,
    old: HashMap<Counted, Slot>,
    turned_at: Timestamp,
    /// The longest window that there is: by then whoever was not met may go.
    longest: Duration,
    /// With so many young ones it turns at once.
    most: usize,
}

/// One caller's window; who counts in it waits for the one before, who may be asking the others.
type Slot = Arc<tokio::sync::Mutex<Window>>;

/// So many addresses make a generation. With more, those that were not met since are forgotten, whatever they have
/// used: whoever has so many addresses is not held by counting them.
const MOST: usize = 50_000;
/// So many addresses of a generation are counted with the other ingresses: a flood of them must not fill what is shared.
const SHARED: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    ends: Timestamp,
    /// What was used of it, as far as is known.
    used: u32,
    /// What was used here.
    own: u32,
    /// Requests that are this ingress's, and are not used yet.
    held: u32,
    /// How many were asked for last.
    asked: u32,
    sharing: Sharing,
}

/// With whom a window is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// With nobody.
    Alone,
    /// With the other ingresses.
    Shared,
    /// With them, and nothing of it is left.
    Spent,
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
    pub(crate) fn new(shared: Option<Arc<dyn Allowances>>, hash_key: HashKey) -> Self {
        Self {
            shared,
            hash_key,
            known: Mutex::new(Windows::new(usize::MAX)),
            addresses: Mutex::new(Windows::new(MOST)),
        }
    }

    /// Counts one request of `caller`.
    pub(crate) async fn count(&self, caller: Counted, limit: RateLimit, now: Timestamp) -> Standing {
        let slot = self.slot(&caller, limit, now);
        let mut window = slot.lock().await;
        if window.ends <= now {
            *window = Window::new(time::after(now, limit.per), window.sharing);
        }
        if window.is_to_be_asked_for()
            && let Some(shared) = &self.shared
        {
            let want = window.wanted(limit);
            match shared.lease(&self.name(&caller), limit.requests, limit.per, want).await {
                Ok(lease) => window.leased(want, lease, limit, now),
                Err(_) => window.used_of_share(limit, shared.ingresses()),
            }
        }
        window.count(limit);
        let resets_in = time::until(now, window.ends);
        Standing { policy: caller.policy(), limit, used: window.used, resets_in }
    }

    /// Takes back that a request of `caller` was counted: it was somebody else's.
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
        // It may be large: nobody waits while it is thrown away.
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

impl Windows {
    fn new(most: usize) -> Self {
        let (turned_at, longest) = (Timestamp::UNIX_EPOCH, Duration::ZERO);
        Self { young: HashMap::new(), old: HashMap::new(), turned_at, longest, most }
    }

    /// Answers those that are gone.
    fn turn(&mut self, per: Duration, now: Timestamp) -> HashMap<Counted, Slot> {
        self.longest = self.longest.max(per);
        if self.young.len() < self.most && time::until(self.turned_at, now) < self.longest {
            return HashMap::new();
        }
        self.turned_at = now;
        mem::replace(&mut self.old, mem::take(&mut self.young))
    }

    fn slot(&mut self, caller: &Counted, sharing: Sharing, now: Timestamp) -> Slot {
        if let Some(slot) = self.young.get(caller) {
            return Arc::clone(slot);
        }
        let sharing = match caller {
            Counted::Address(_) if self.young.len() >= SHARED => Sharing::Alone,
            Counted::Address(_) | Counted::Key(_) | Counted::Link(_) => sharing,
        };
        let new = || Arc::new(tokio::sync::Mutex::new(Window::new(now, sharing)));
        let slot = self.old.remove(caller).unwrap_or_else(new);
        self.young.insert(caller.clone(), Arc::clone(&slot));
        slot
    }
}

impl Window {
    fn new(ends: Timestamp, sharing: Sharing) -> Self {
        let sharing = match sharing {
            Sharing::Alone => Sharing::Alone,
            Sharing::Shared | Sharing::Spent => Sharing::Shared,
        };
        Self { ends, used: 0, own: 0, held: 0, asked: 0, sharing }
    }

    fn is_to_be_asked_for(&self) -> bool {
        self.sharing == Sharing::Shared && self.held == 0
    }

    /// How many to ask for: one at first, so that whoever calls seldom leaves all but that to other ingresses; more
    /// each time, so that whoever calls often asks seldom; and fewer at the end, so that little is left unused.
    fn wanted(&self, limit: RateLimit) -> u32 {
        let left = limit.requests.saturating_sub(self.used);
        self.asked.saturating_mul(2).min(limit.requests / 64).min(left / 8).max(1)
    }

    fn leased(&mut self, want: u32, lease: Lease, limit: RateLimit, now: Timestamp) {
        self.ends = time::after(now, lease.resets_in);
        self.asked = want;
        self.held = lease.granted;
        self.used = limit.requests.saturating_sub(lease.left.saturating_add(lease.granted));
        if lease.granted == 0 {
            self.sharing = Sharing::Spent;
        }
    }

    /// The others cannot be asked: what is left is what is left of this ingress's share.
    fn used_of_share(&mut self, limit: RateLimit, ingresses: u32) {
        let share = limit.requests.div_ceil(ingresses);
        self.used = limit.requests.saturating_sub(share.saturating_sub(self.own));
    }

    fn count(&mut self, limit: RateLimit) {
        if self.sharing == Sharing::Spent {
            self.used = limit.requests;
        }
        self.held = self.held.saturating_sub(1);
        self.used = self.used.saturating_add(1);
        self.own = self.own.saturating_add(1);
    }

    fn give_back(&mut self) {
        if self.sharing == Sharing::Shared {
            self.held = self.held.saturating_add(1);
        }
        self.used = self.used.saturating_sub(1);
        self.own = self.own.saturating_sub(1);
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
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use common::port::StoreError;
    use common::seal::Key;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn caller() -> Counted {
        Counted::Key("crk_a".to_owned())
    }

    fn hash_key() -> HashKey {
        HashKey::new(Key::random())
    }

    fn alone() -> Rates {
        Rates::new(None, hash_key())
    }

    #[tokio::test]
    async fn exactly_the_limit_passes_in_a_window_and_the_next_window_is_whole_again() {
        let rates = alone();
        let limit: RateLimit = "3/1m".parse().unwrap();
        for _ in 0..3 {
            assert!(rates.count(caller(), limit, at(0)).await.check().is_ok());
        }
        assert!(rates.count(caller(), limit, at(59)).await.check().is_err());
        assert!(rates.count(Counted::Key("crk_b".to_owned()), limit, at(59)).await.check().is_ok());
        for _ in 0..3 {
            assert!(rates.count(caller(), limit, at(60)).await.check().is_ok());
        }
        assert!(rates.count(caller(), limit, at(60)).await.check().is_err());
    }

    #[tokio::test]
    async fn what_is_given_back_was_not_used() {
        let redis = Arc::new(Counts::default());
        for rates in [alone(), Rates::new(Some(redis), hash_key())] {
            let limit: RateLimit = "2/1m".parse().unwrap();
            for _ in 0..5 {
                assert!(rates.count(caller(), limit, at(0)).await.check().is_ok());
                rates.give_back(&caller(), at(0)).await;
            }
            rates.give_back(&Counted::Link("never counted".to_owned()), at(0)).await;
            assert_eq!(rates.count(caller(), limit, at(0)).await.used, 1);
        }
    }

    #[tokio::test]
    async fn a_flood_of_addresses_is_bounded_and_touches_no_key() {
        let shared = Arc::new(Counts::default());
        let rates = Rates::new(Some(Arc::clone(&shared) as _), hash_key());
        let limit: RateLimit = "2/1m".parse().unwrap();
        rates.count(caller(), limit, at(0)).await;
        // Each from a network of its own, out of one /32.
        let network = |number: u32| {
            Counted::address(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number) << 64 | 1).into())
        };
        for number in 0..300_000 {
            rates.count(network(number), limit, at(0)).await;
        }
        let kept = {
            let windows = rates.addresses.lock().unwrap();
            windows.young.len() + windows.old.len()
        };
        assert!(kept <= 2 * MOST, "{kept}");
        let told = shared.windows.lock().unwrap().len();
        assert!(told <= 1 + 6 * SHARED, "{told}: as many as fill each generation");
        assert_eq!(rates.count(caller(), limit, at(1)).await.used, 2);
        // What nobody has met for two windows is gone without being looked for.
        for second in [60, 120] {
            rates.count(network(7), limit, at(second)).await;
        }
        let windows = rates.addresses.lock().unwrap();
        assert_eq!((windows.young.len(), windows.old.len()), (1, 0));
    }

    /// What ingresses share, in memory.
    #[derive(Default)]
    struct Counts {
        windows: Mutex<HashMap<String, (u32, Timestamp)>>,
        now: Mutex<Timestamp>,
        asked: AtomicUsize,
        away: AtomicBool,
    }

    #[async_trait::async_trait]
    impl Allowances for Counts {
        async fn lease(
            &self,
            caller: &str,
            limit: u32,
            per: Duration,
            want: u32,
        ) -> Result<Lease, StoreError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.away.load(Ordering::Relaxed) {
                return Err(StoreError("as told".to_owned()));
            }
            let now = *self.now.lock().unwrap();
            let mut windows = self.windows.lock().unwrap();
            let window = windows.entry(caller.to_owned()).or_insert((0, time::after(now, per)));
            if window.1 <= now {
                *window = (0, time::after(now, per));
            }
            let granted = want.min(limit.saturating_sub(window.0));
            window.0 += granted;
            Ok(Lease { granted, left: limit - window.0, resets_in: time::until(now, window.1) })
        }

        fn ingresses(&self) -> u32 {
            4
        }
    }

    #[tokio::test]
    async fn all_ingresses_together_let_no_more_through_than_the_limit_and_ask_seldom() {
        for (limit, least) in [("60/1m", 57), ("6000/1m", 5_700)] {
            let shared = Arc::new(Counts::default());
            let key = hash_key();
            let ingresses: Vec<Rates> =
                (0..20).map(|_| Rates::new(Some(Arc::clone(&shared) as _), key.clone())).collect();
            let limit: RateLimit = limit.parse().unwrap();
            let mut passed = 0;
            // One of them is asked most, the others now and then.
            for number in 0..3 * limit.requests as usize {
                let ingress = &ingresses[if number % 3 == 0 { number / 3 % 20 } else { 0 }];
                passed += u32::from(ingress.count(caller(), limit, at(0)).await.check().is_ok());
            }
            assert!((least..=limit.requests).contains(&passed), "{passed} of {}", limit.requests);
            let asked = shared.asked.load(Ordering::Relaxed);
            assert!(
                limit.requests < 1_000 || asked < passed as usize / 4,
                "{asked} round trips for {passed}"
            );
            let spent = shared.asked.load(Ordering::Relaxed);
            for _ in 0..1_000 {
                assert!(ingresses[0].count(caller(), limit, at(30)).await.check().is_err());
            }
            assert_eq!(shared.asked.load(Ordering::Relaxed), spent, "that it is used up is remembered");
            *shared.now.lock().unwrap() = at(60);
            assert!(ingresses[0].count(caller(), limit, at(60)).await.check().is_ok());
        }
    }

    #[tokio::test]
    async fn while_the_others_cannot_be_asked_an_ingress_keeps_to_its_share() {
        let shared = Arc::new(Counts::default());
        let rates = Rates::new(Some(Arc::clone(&shared) as _), hash_key());
        let limit: RateLimit = "40/1m".parse().unwrap();
        for _ in 0..3 {
            assert!(rates.count(caller(), limit, at(0)).await.check().is_ok());
        }
        shared.away.store(true, Ordering::Relaxed);
        let mut passed = 3;
        for _ in 0..100 {
            passed += u32::from(rates.count(caller(), limit, at(1)).await.check().is_ok());
        }
        assert_eq!(passed, 10, "a quarter");
        shared.away.store(false, Ordering::Relaxed);
        assert!(rates.count(caller(), limit, at(2)).await.check().is_ok(), "they can be asked again");
    }

    #[tokio::test]
    async fn headers_say_what_is_left_and_for_how_long() {
        let rates = alone();
        let mut headers = HeaderMap::new();
        rates.count(caller(), RateLimit::default(), at(0)).await;
        rates.count(caller(), RateLimit::default(), at(10)).await.write(&mut headers);
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
