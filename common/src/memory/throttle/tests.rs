//! The law: no span as long as the window ever sees more than the limit allows.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use jiff::Timestamp;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::manual_clock::ManualClock;
use crate::pace;
use crate::time;

const LIMITS: [(Window, u32); 5] = [
    (Window::Second, 10),
    (Window::Second, 3),
    (Window::Minute, 60),
    (Window::Minute, 600),
    (Window::Minute, 10_000),
];

/// A quarter of a day after the last midnight in California.
fn clock() -> Arc<ManualClock> {
    ManualClock::at("2026-12-30T14:00:00Z".parse().unwrap())
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
            let clock = clock();
            let throttle = MemoryThrottle::new(clock.clone());
            let mut watcher = Watcher::new(window);
            let largest = if seed % 2 == 0 { 1 } else { allowed.min(5) };
            for _ in 0..3_000 {
                clock.turn(pauses(&mut rng, seed as u32 / 2, window.span(), allowed));
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
        let clock = clock();
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
                    clock.turn(retry_in + late);
                }
                other @ (Take::Reserved { .. } | Take::Booked { .. }) => {
                    panic!("{other:?}: now or not at all")
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
            let clock = clock();
            let throttle = MemoryThrottle::new(clock.clone());
            let limits = [limit(window, allowed, cost)];
            let wait = loop {
                match throttle.try_take(&limits).await {
                    Take::Granted => {}
                    Take::Refused { retry_in } => break retry_in,
                    other @ (Take::Reserved { .. } | Take::Booked { .. }) => {
                        panic!("{other:?}: now or not at all")
                    }
                }
            };
            clock.turn(wait - Duration::from_nanos(1));
            assert_ne!(throttle.try_take(&limits).await, Take::Granted, "{limits:?}");
            clock.turn(Duration::from_nanos(1));
            assert_eq!(throttle.try_take(&limits).await, Take::Granted, "{limits:?}");
        }
    }
}

#[tokio::test]
async fn a_cost_above_the_burst_is_granted_to_an_idle_key() {
    for (window, allowed) in LIMITS {
        let throttle = MemoryThrottle::new(clock());
        assert_eq!(throttle.try_take(&[limit(window, allowed, allowed)]).await, Take::Granted);
        let clock = clock();
        let throttle = MemoryThrottle::new(clock.clone());
        throttle.try_take(&[limit(window, allowed, 1)]).await;
        clock.turn(window.span() * 2);
        assert_eq!(throttle.try_take(&[limit(window, allowed, allowed)]).await, Take::Granted);
    }
}

#[tokio::test]
async fn no_sliding_day_exceeds_98_percent() {
    for seed in 0..20 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let clock = clock();
        let throttle = MemoryThrottle::new(clock.clone());
        let mut watcher = Watcher::new(Window::Day);
        for _ in 0..20_000 {
            clock.turn(Duration::from_secs(rng.random_range(0..120)));
            let cost = rng.random_range(1..=200);
            match throttle.try_take(&[limit(Window::Day, 9_000, cost)]).await {
                Take::Granted => watcher.see(clock.now(), cost),
                Take::Refused { retry_in } => {
                    assert!(retry_in <= time::hours(25), "{retry_in:?}");
                    if rng.random_bool(0.01) {
                        clock.turn(retry_in);
                        let again = throttle.try_take(&[limit(Window::Day, 9_000, cost)]).await;
                        assert_eq!(again, Take::Granted);
                        watcher.see(clock.now(), cost);
                    }
                }
                other @ (Take::Reserved { .. } | Take::Booked { .. }) => {
                    panic!("{other:?}: now or not at all")
                }
            }
        }
        assert!((8_600..=8_820).contains(&watcher.most), "{} in a day, seed {seed}", watcher.most);
    }
}

#[tokio::test]
async fn guests_beyond_a_whole_day_pass_on_an_empty_day() {
    let clock = clock();
    let throttle = MemoryThrottle::new(clock.clone());
    let crowd = [limit(Window::Day, 10, 200)];
    assert_eq!(throttle.try_take(&crowd).await, Take::Granted);
    let Take::Refused { retry_in } = throttle.try_take(&[limit(Window::Day, 10, 1)]).await else {
        panic!("refused");
    };
    clock.turn(retry_in);
    assert_eq!(throttle.try_take(&crowd).await, Take::Granted);
}

#[tokio::test]
async fn a_limit_of_nothing_lets_nothing_through_and_does_not_divide_by_it() {
    let throttle = MemoryThrottle::new(clock());
    for window in Window::ALL {
        let refused = Take::Refused { retry_in: window.span() };
        assert_eq!(throttle.try_take(&[limit(window, 0, 1)]).await, refused);
        assert_eq!(throttle.try_take(&[limit(window, 0, 0)]).await, Take::Granted);
        throttle.try_take(&[limit(window, 1, u32::MAX)]).await;
    }
}

#[tokio::test]
async fn keys_that_fall_idle_are_dropped() {
    let clock = clock();
    let throttle = MemoryThrottle::new(clock.clone());
    for number in 0..100_000 {
        let key = ThrottleKey::User(number.to_string());
        let limit = Limit { key: key.clone(), window: Window::Second, allowed: 10, cost: 1 };
        throttle.try_take(std::slice::from_ref(&limit)).await;
        let (user, priority, charge) = (number.to_string(), Priority::Bulk, Duration::from_millis(100));
        throttle.place(&Line { user, priority, charge }).await;
        throttle.push_back(&key, Duration::from_secs(1)).await;
        clock.turn(Duration::from_millis(20));
    }
    // A hundred keys are in use in any two seconds.
    let lines = throttle.lines.lock().unwrap();
    assert!(lines.meters.entries.len() <= 300, "{}", lines.meters.entries.len());
    assert!(lines.turns.entries.len() <= 300, "{}", lines.turns.entries.len());
    assert!(lines.pushed.entries.len() <= 300, "{}", lines.pushed.entries.len());
}

#[tokio::test]
async fn a_place_that_is_dropped_is_left() {
    let throttle = Arc::new(MemoryThrottle::new(clock()));
    let (user, priority, charge) = ("u".to_owned(), Priority::Normal, Duration::from_secs(1));
    let line = Line { user, priority, charge };
    Placed::join(throttle.clone(), line.clone()).keep();
    let second = Placed::join(throttle.clone(), line.clone());
    let delay = second.delay();
    assert!(!delay.is_zero());
    drop(second);
    assert_eq!(Placed::join(throttle, line).delay(), delay);
}

/// Many callers, each of whom does what it is told: comes at its turn, or a little late, or never.
struct Crowd {
    clock: Arc<ManualClock>,
    throttle: MemoryThrottle,
    habits: Habits,
    /// When somebody acts next: the instant, the caller, how it comes.
    next: BinaryHeap<Reverse<(Timestamp, usize, Comes)>>,
    asked: u32,
    calls: Vec<Timestamp>,
    rng: SmallRng,
}

#[derive(Default, Clone, Copy)]
struct Habits {
    /// The longest that somebody comes late by.
    late: Duration,
    /// The chance that a booked turn is missed.
    missing: f64,
    /// The share of callers that call twice.
    twice: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Comes {
    New,
    Booked,
    Further,
    FurtherBooked,
}

impl Crowd {
    fn new(seed: u64, callers: usize, within: Duration, habits: Habits) -> Self {
        let clock = clock();
        let throttle = MemoryThrottle::new(clock.clone());
        let rng = SmallRng::seed_from_u64(seed);
        let (next, asked, calls) = Default::default();
        let mut crowd = Self { clock, throttle, habits, next, asked, calls, rng };
        for caller in 0..callers {
            let arrives = within.mul_f64(crowd.rng.random());
            crowd.plan(arrives, caller, Comes::New);
        }
        crowd
    }

    fn plan(&mut self, span: Duration, caller: usize, comes: Comes) {
        self.next.push(Reverse((time::after(self.clock.now(), span), caller, comes)));
    }

    /// Runs until everybody has called.
    async fn run(&mut self, limits: impl Fn(usize) -> Vec<Limit>) {
        let Habits { late, missing, twice } = self.habits;
        while let Some(Reverse((then, caller, comes))) = self.next.pop() {
            self.clock.turn(time::until(self.clock.now(), then));
            self.asked += 1;
            let calls_twice = (caller as f64 * 0.618).fract() < twice;
            let turn = match comes {
                Comes::New => Turn::New { calls: if calls_twice { 2 } else { 1 } },
                Comes::Booked | Comes::FurtherBooked => Turn::Booked,
                Comes::Further => Turn::Further,
            };
            let after = match self.throttle.take(&limits(caller), turn).await {
                Take::Granted => Duration::ZERO,
                Take::Reserved { after } => after,
                Take::Booked { turn, .. } => {
                    if self.rng.random_bool(missing) {
                        // It comes back much later, and is somebody new then.
                        self.plan(turn + time::minutes(2), caller, Comes::New);
                    } else {
                        let delay = late.mul_f64(self.rng.random());
                        self.plan(turn + delay, caller, Comes::Booked);
                    }
                    continue;
                }
                Take::Refused { retry_in } => {
                    let delay = late.mul_f64(self.rng.random());
                    // When it would be reserved, if nobody else came.
                    self.plan(retry_in - AHEAD / 2 + delay, caller, comes);
                    continue;
                }
            };
            self.calls.push(time::after(self.clock.now(), after));
            let later = after + Duration::from_secs(2);
            match comes {
                Comes::New if calls_twice => self.plan(later, caller, Comes::Further),
                Comes::Booked if calls_twice => self.plan(later, caller, Comes::FurtherBooked),
                Comes::New | Comes::Booked | Comes::Further | Comes::FurtherBooked => {}
            }
        }
        self.calls.sort();
    }

    /// How often a caller asked for each of its calls.
    fn asked_a_call(&self) -> f64 {
        f64::from(self.asked) / self.calls.len() as f64
    }

    /// The most that any minute saw.
    fn most(&self) -> u32 {
        let mut watcher = Watcher::new(Window::Minute);
        self.calls.iter().for_each(|call| watcher.see(*call, 1));
        watcher.most
    }

    /// How many a minute there were between these two instants after the first.
    fn pace(&self, from: Duration, to: Duration) -> f64 {
        let first = self.calls[0];
        let span = time::after(first, from)..time::after(first, to);
        self.calls.iter().filter(|call| span.contains(*call)).count() as f64 / (to - from).as_secs_f64()
            * 60.0
    }
}

/// The minutes of the project and of one of `accounts`.
fn of_account(project: u32, account: u32, accounts: usize) -> impl Fn(usize) -> Vec<Limit> {
    move |caller| {
        let user = ThrottleKey::User((caller % accounts).to_string());
        vec![
            Limit { key: user, window: Window::Minute, allowed: account, cost: 1 },
            limit(Window::Minute, project, 1),
        ]
    }
}

#[tokio::test]
async fn a_crowd_at_the_projects_limit_asks_twice_a_call_at_most_and_uses_97_percent_of_it() {
    for (seed, late, twice) in [(1, 0, 0.0), (2, 5, 0.0), (3, 300, 0.0), (4, 5, 0.5), (5, 5, 1.0)] {
        let habits = Habits { late: Duration::from_millis(late), missing: 0.0, twice };
        let mut crowd = Crowd::new(seed, 6_000, Duration::from_secs(1), habits);
        crowd.run(of_account(1_500, 600, 500)).await;
        let (most, pace) = (crowd.most(), crowd.pace(Duration::from_secs(5), Duration::from_secs(200)));
        assert!(most <= 1_500, "{most}, late by {late}");
        assert!(pace >= 0.97 * 0.98 * 1_500.0, "{pace}, late by {late}, {twice} call twice");
        let asked = crowd.asked_a_call();
        assert!(asked <= 2.05, "{asked}, late by {late}, {twice} call twice");
    }
}

#[tokio::test]
async fn no_minute_sees_more_than_its_limit_whoever_comes_late_misses_a_turn_or_calls_twice() {
    for seed in 0..30 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let accounts = [1, 3, 40][rng.random_range(0..3)];
        let late = Duration::from_millis(rng.random_range(0..3_000));
        let habits = Habits { late, missing: rng.random_range(0.0..0.3), twice: rng.random_range(0.0..1.0) };
        let within = Duration::from_secs(rng.random_range(0..120));
        let mut crowd = Crowd::new(seed, 2_000, within, habits);
        crowd.run(of_account(700, 300, accounts)).await;
        let (most, asked) = (crowd.most(), crowd.asked_a_call());
        assert!(most <= if accounts == 1 { 300 } else { 700 }, "{most} in a minute, seed {seed}");
        // Who comes later than a line may run ahead has lost the line's time, and others ask once more for it.
        assert!(asked <= 3.0 || late > pace::slack(Window::Minute), "{asked} questions a call, seed {seed}");
    }
}

#[tokio::test]
async fn turns_that_nobody_takes_are_taken_by_those_who_come() {
    let habits = Habits { late: Duration::from_millis(5), missing: 0.1, twice: 0.0 };
    let mut crowd = Crowd::new(7, 8_000, Duration::from_secs(240), habits);
    crowd.run(of_account(1_500, 600, 500)).await;
    let (most, pace) = (crowd.most(), crowd.pace(Duration::from_secs(60), Duration::from_secs(240)));
    assert!(most <= 1_500, "{most}");
    assert!(pace >= 0.97 * 0.98 * 1_500.0, "{pace}");
}

#[tokio::test]
async fn a_turn_that_was_booked_for_nothing_is_given_up() {
    let clock = clock();
    let throttle = MemoryThrottle::new(clock.clone());
    let limits = [limit(Window::Minute, 60, 1)];
    let far = async || match throttle.take(&limits, Turn::New { calls: 2 }).await {
        Take::Booked { turn, .. } => turn,
        other @ (Take::Granted | Take::Reserved { .. } | Take::Refused { .. }) => panic!("{other:?}"),
    };
    while throttle.try_take(&limits).await == Take::Granted {}
    assert!(matches!(throttle.take(&limits, Turn::New { calls: 2 }).await, Take::Reserved { .. }));
    let first = far().await;
    let second = far().await;
    let unit = pace::booking(&limits[0], 1);
    assert_eq!(second - first, unit * 2);
    throttle.unbook(&limits).await;
    assert_eq!(far().await - second, unit);
}
