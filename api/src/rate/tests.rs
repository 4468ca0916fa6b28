use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::port::{Allotment, StoreError};
use common::seal::Key;

use super::windows::SHARED;
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
    // What no request has met for two windows is gone without being looked for.
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
    async fn allot(
        &self,
        caller: &str,
        limit: u32,
        per: Duration,
        want: u32,
    ) -> Result<Allotment, StoreError> {
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
        Ok(Allotment { granted, left: limit - window.0, resets_in: time::until(now, window.1) })
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
        assert!(limit.requests < 1_000 || asked < passed as usize / 4, "{asked} round trips for {passed}");
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
fn one_ipv6_network_is_one_caller() {
    let counted = |text: &str| Counted::address(text.parse().unwrap());
    assert_eq!(counted("2001:db8::1"), counted("2001:db8::ffff:1"));
    assert_ne!(counted("2001:db8::1"), counted("2001:db8:0:1::1"));
    assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
}
