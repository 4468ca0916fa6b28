//! The law: no span as long as the window ever sees more than the limit allows.

use std::collections::VecDeque;

use jiff::Timestamp;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::time;

const LIMITS: [(Window, u32); 5] = [
    (Window::Second, 10),
    (Window::Second, 3),
    (Window::Minute, 60),
    (Window::Minute, 600),
    (Window::Minute, 10_000),
];

/// A clock that the test moves.
struct Hand(Mutex<Timestamp>);

impl Hand {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-12-30T14:00:00Z".parse().unwrap())))
    }

    fn pass(&self, span: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = time::after(*now, span);
    }
}

#[async_trait]
impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, span: Duration) {
        self.pass(span);
    }
}

fn limit(window: Window, allowed: u32, cost: u32) -> Limit {
    Limit { key: ThrottleKey::Project, window, allowed, cost }
}

/// Counts what a sliding window sees, both its ends included.
struct Watcher {
    window: Duration,
    seen: VecDeque<(Timestamp, u32)>,
    sum: u32,
    most: u32,
}

impl Watcher {
    fn new(window: Window) -> Self {
        Self { window: window.span(), seen: VecDeque::new(), sum: 0, most: 0 }
    }

    fn see(&mut self, now: Timestamp, cost: u32) {
        self.seen.push_back((now, cost));
        self.sum += cost;
        while let Some((at, cost)) = self.seen.front()
            && time::until(*at, now) > self.window
        {
            self.sum -= cost;
            self.seen.pop_front();
        }
        self.most = self.most.max(self.sum);
    }
}

/// How callers arrive: how long until the next one.
fn pauses(rng: &mut SmallRng, pattern: u32, window: Duration, allowed: u32) -> Duration {
    let mean = window / allowed;
    match pattern % 5 {
        // Hammering, evenly at about the rate, in clumps, after long idle spans, and anything.
        0 => mean / 50,
        1 => mean.mul_f64(rng.random_range(0.9..1.1)),
        2 if rng.random_bool(0.05) => mean * rng.random_range(1..100),
        2 => Duration::ZERO,
        3 if rng.random_bool(0.005) => window.mul_f64(rng.random_range(0.0..3.0)),
        3 => mean.mul_f64(rng.random_range(0.0..0.5)),
        _ => window.mul_f64(rng.random_range(0.0_f64..1.0).powi(8)),
    }
}

#[tokio::test]
async fn no_sliding_window_ever_exceeds_what_is_allowed() {
    for (window, allowed) in LIMITS {
        for seed in 0..40 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let clock = Hand::new();
            let throttle = MemoryThrottle::new(clock.clone());
            let mut watcher = Watcher::new(window);
            let largest = if seed % 2 == 0 { 1 } else { allowed.min(5) };
            for _ in 0..3_000 {
                clock.pass(pauses(&mut rng, seed as u32 / 2, window.span(), allowed));
                let cost = rng.random_range(1..=largest);
                if throttle.try_take(&[limit(window, allowed, cost)]).await == Take::Granted {
                    watcher.see(clock.now(), cost);
                }
            }
            assert!(watcher.most <= allowed, "{} of {allowed} in a {window:?}, seed {seed}", watcher.most);
            assert!(watcher.most > 0);
        }
    }
}

#[tokio::test]
async fn a_saturating_caller_uses_97_percent() {
    for (window, allowed) in LIMITS {
        // A caller that wakes up a little late, as all callers do.
        let late = window.span() / 200;
        let clock = Hand::new();
        let throttle = MemoryThrottle::new(clock.clone());
        let mut watcher = Watcher::new(window);
        let start = clock.now();
        let mut taken = 0_u32;
        let end = time::after(start, window.span() * 20);
        while clock.now() < end {
            match throttle.try_take(&[limit(window, allowed, 1)]).await {
                Take::Granted => {
                    taken += 1;
                    watcher.see(clock.now(), 1);
                }
                Take::Refused { retry_in } => {
                    assert!(!retry_in.is_zero());
                    clock.pass(retry_in + late);
                }
            }
        }
        let possible = 20.0 * f64::from(allowed);
        assert!(f64::from(taken) >= 0.97 * possible, "{taken} of {possible} a {window:?}");
        assert!(watcher.most <= allowed);
        let used = throttle.used(window).await;
        // One unit more or less is within the window as it slides.
        let least = 0.95 - 1.0 / f64::from(allowed);
        assert!((least..=1.0).contains(&used), "{used} of {allowed} a {window:?}");
    }
}

#[tokio::test]
async fn a_refusal_says_exactly_when_to_come_back() {
    for (window, allowed) in LIMITS {
        for cost in [1, 2, allowed] {
            let clock = Hand::new();
            let throttle = MemoryThrottle::new(clock.clone());
            let limits = [limit(window, allowed, cost)];
            let wait = loop {
                match throttle.try_take(&limits).await {
                    Take::Granted => {}
                    Take::Refused { retry_in } => break retry_in,
                }
            };
            clock.pass(wait - Duration::from_nanos(1));
            assert_ne!(throttle.try_take(&limits).await, Take::Granted, "{limits:?}");
            clock.pass(Duration::from_nanos(1));
            assert_eq!(throttle.try_take(&limits).await, Take::Granted, "{limits:?}");
        }
    }
}

#[tokio::test]
async fn a_cost_above_the_burst_is_granted_to_an_idle_key() {
    for (window, allowed) in LIMITS {
        let throttle = MemoryThrottle::new(Hand::new());
        assert_eq!(throttle.try_take(&[limit(window, allowed, allowed)]).await, Take::Granted);
        let clock = Hand::new();
        let throttle = MemoryThrottle::new(clock.clone());
        throttle.try_take(&[limit(window, allowed, 1)]).await;
        clock.pass(window.span() * 2);
        assert_eq!(throttle.try_take(&[limit(window, allowed, allowed)]).await, Take::Granted);
    }
}

#[tokio::test]
async fn no_sliding_day_exceeds_98_percent() {
    for seed in 0..20 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let clock = Hand::new();
        let throttle = MemoryThrottle::new(clock.clone());
        let mut watcher = Watcher::new(Window::Day);
        for _ in 0..20_000 {
            clock.pass(Duration::from_secs(rng.random_range(0..120)));
            let cost = rng.random_range(1..=200);
            match throttle.try_take(&[limit(Window::Day, 9_000, cost)]).await {
                Take::Granted => watcher.see(clock.now(), cost),
                Take::Refused { retry_in } => {
                    assert!(retry_in <= time::hours(25), "{retry_in:?}");
                    if rng.random_bool(0.01) {
                        clock.pass(retry_in);
                        let again = throttle.try_take(&[limit(Window::Day, 9_000, cost)]).await;
                        assert_eq!(again, Take::Granted);
                        watcher.see(clock.now(), cost);
                    }
                }
            }
        }
        assert!((8_600..=8_820).contains(&watcher.most), "{} in a day, seed {seed}", watcher.most);
    }
}

#[tokio::test]
async fn guests_beyond_a_whole_day_pass_on_an_empty_day() {
    let clock = Hand::new();
    let throttle = MemoryThrottle::new(clock.clone());
    let crowd = [limit(Window::Day, 10, 200)];
    assert_eq!(throttle.try_take(&crowd).await, Take::Granted);
    let Take::Refused { retry_in } = throttle.try_take(&[limit(Window::Day, 10, 1)]).await else {
        panic!("refused");
    };
    clock.pass(retry_in);
    assert_eq!(throttle.try_take(&crowd).await, Take::Granted);
}

#[tokio::test]
async fn a_limit_of_nothing_lets_nothing_through_and_does_not_divide_by_it() {
    let throttle = MemoryThrottle::new(Hand::new());
    for window in Window::ALL {
        let refused = Take::Refused { retry_in: window.span() };
        assert_eq!(throttle.try_take(&[limit(window, 0, 1)]).await, refused);
        assert_eq!(throttle.try_take(&[limit(window, 0, 0)]).await, Take::Granted);
        throttle.try_take(&[limit(window, 1, u32::MAX)]).await;
    }
}

#[tokio::test]
async fn keys_that_fall_idle_are_dropped() {
    let clock = Hand::new();
    let throttle = MemoryThrottle::new(clock.clone());
    for number in 0..100_000 {
        let key = ThrottleKey::User(number.to_string());
        let limit = Limit { key: key.clone(), window: Window::Second, allowed: 10, cost: 1 };
        throttle.try_take(std::slice::from_ref(&limit)).await;
        let (user, priority, charge) = (number.to_string(), Priority::Bulk, Duration::from_millis(100));
        throttle.place(&Line { user, priority, charge }).await;
        throttle.push_back(&key, Duration::from_secs(1)).await;
        clock.pass(Duration::from_millis(20));
    }
    // A hundred keys are in use in any two seconds.
    let lines = throttle.lines.lock().unwrap();
    assert!(lines.meters.entries.len() <= 300, "{}", lines.meters.entries.len());
    assert!(lines.turns.entries.len() <= 300, "{}", lines.turns.entries.len());
    assert!(lines.pushed.entries.len() <= 300, "{}", lines.pushed.entries.len());
}

#[tokio::test]
async fn a_place_that_is_dropped_is_left() {
    let throttle = Arc::new(MemoryThrottle::new(Hand::new()));
    let (user, priority, charge) = ("u".to_owned(), Priority::Normal, Duration::from_secs(1));
    let line = Line { user, priority, charge };
    Placed::join(throttle.clone(), line.clone()).keep();
    let second = Placed::join(throttle.clone(), line.clone());
    let delay = second.delay();
    assert!(!delay.is_zero());
    drop(second);
    assert_eq!(Placed::join(throttle, line).delay(), delay);
}
