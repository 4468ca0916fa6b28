//! The throttle of many workers, and what it does while Redis is away, wiped or stalled.

mod newcomers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use adapter_redis::{Redis, RedisThrottle};
use async_trait::async_trait;
use common::event::Priority;
use common::port::{Limit, Line, SystemClock, Take, Throttle as _, ThrottleKey, Window, WorkerCount};
use tests::{Durability, RedisServer, eventually};
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(20);

fn limit(user: &str, window: Window, allowed: u32) -> Limit {
    Limit { key: ThrottleKey::User(user.to_owned()), window, allowed, cost: 1 }
}

fn line(user: &str) -> Line {
    Line { user: user.to_owned(), priority: Priority::Normal, charge: Duration::from_secs(1) }
}

/// As another process has it.
fn process(server: &RedisServer) -> Arc<RedisThrottle> {
    Redis::start(&server.url(), Arc::new(SystemClock)).unwrap().throttle()
}

/// Tells so many workers; zero for not knowing.
struct Told(AtomicU32);

impl Told {
    fn new(workers: u32) -> Arc<Self> {
        Arc::new(Self(AtomicU32::new(workers)))
    }
}

#[async_trait]
impl WorkerCount for Told {
    async fn workers(&self) -> Option<u32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|workers| *workers > 0)
    }
}

async fn granted(throttle: &RedisThrottle, limit: &Limit) -> bool {
    throttle.try_take(std::slice::from_ref(limit)).await == Take::Granted
}

/// Takes until it is refused; answers how often it was granted.
async fn exhaust(throttle: &RedisThrottle, limit: &Limit) -> u32 {
    let mut taken = 0;
    while granted(throttle, limit).await {
        taken += 1;
    }
    taken
}

async fn together_again(throttle: &RedisThrottle) {
    let again = || async {
        throttle.try_take(&[limit("anybody", Window::Second, 1)]).await;
        (!throttle.is_alone()).then_some(())
    };
    eventually("Redis to be used again", SOON, again).await;
}

/// What workers that hammer their limits were granted.
struct Hammering {
    began: Instant,
    ended: Arc<AtomicBool>,
    workers: JoinSet<Vec<(Duration, Duration)>>,
}

impl Hammering {
    /// Four tasks in each of these processes take from all of `limits` as often as they can.
    fn start(throttles: &[Arc<RedisThrottle>], limits: &[Limit]) -> Self {
        Self::beside(Instant::now(), throttles, limits)
    }

    /// The same, on the clock of one that `began` then.
    fn beside(began: Instant, throttles: &[Arc<RedisThrottle>], limits: &[Limit]) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let mut workers = JoinSet::new();
        for throttle in throttles.iter().flat_map(|throttle| [throttle; 4]) {
            let (throttle, limits, ended) = (throttle.clone(), limits.to_vec(), ended.clone());
            workers.spawn(async move {
                let mut taken = Vec::new();
                while !ended.load(Ordering::Relaxed) {
                    let asked = began.elapsed();
                    match throttle.try_take(&limits).await {
                        Take::Granted => taken.push((asked, began.elapsed())),
                        Take::Refused { retry_in } => {
                            tokio::time::sleep(retry_in.min(Duration::from_millis(50))).await;
                        }
                        other @ (Take::Reserved { .. } | Take::Booked { .. }) => {
                            panic!("{other:?}: now or not at all")
                        }
                    }
                }
                taken
            });
        }
        Self { began, ended, workers }
    }

    /// Goes on for so long.
    async fn go_on(&self, span: Duration) -> Duration {
        tokio::time::sleep(span).await;
        self.began.elapsed()
    }

    async fn end(self) -> Vec<(Duration, Duration)> {
        self.ended.store(true, Ordering::Relaxed);
        let mut taken: Vec<_> = self.workers.join_all().await.into_iter().flatten().collect();
        taken.sort();
        taken
    }
}

/// No more than `allowed` were granted for certain in any second: asked after its start, answered before
/// its end.
fn hold(taken: &[(Duration, Duration)], allowed: usize) {
    for (from, _) in taken {
        let end = *from + Duration::from_secs(1);
        let within = taken.iter().filter(|(asked, answered)| asked >= from && *answered <= end).count();
        assert!(within <= allowed, "{within} in the second from {from:?} on");
    }
}

fn between(taken: &[(Duration, Duration)], from: Duration, to: Duration) -> usize {
    taken.iter().filter(|(asked, answered)| *asked >= from && *answered <= to).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_a_limit_and_use_nearly_all_of_it() {
    let server = RedisServer::start(Durability::Nothing).await;
    let processes = [process(&server), process(&server), process(&server)];
    let hammering = Hammering::start(&processes, &[limit("shared", Window::Second, 50)]);
    let end = hammering.go_on(Duration::from_secs(4)).await;
    let taken = hammering.end().await;
    hold(&taken, 50);
    let possible = 50.0 * end.as_secs_f64();
    assert!(taken.len() as f64 >= 0.8 * possible, "{} of {possible}", taken.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_lines_pauses_and_days() {
    let server = RedisServer::start(Durability::Nothing).await;
    let (one, other) = (process(&server), process(&server));
    let line = line("line");
    assert_eq!(one.place(&line).await, Duration::ZERO);
    assert!(other.place(&line).await > Duration::from_millis(900));
    one.leave(&line).await;
    one.leave(&line).await;
    assert!(other.place(&line).await < Duration::from_millis(900));
    one.push_back(&ThrottleKey::Project, Duration::from_secs(60)).await;
    let project = Limit { key: ThrottleKey::Project, window: Window::Second, allowed: 1_000, cost: 1 };
    assert!(!granted(&other, &project).await);
    let day = limit("day", Window::Day, 100);
    assert_eq!(exhaust(&one, &day).await, 98);
    assert_eq!(exhaust(&other, &day).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_away_each_worker_takes_its_share_at_once_and_no_second_sees_more() {
    const ALLOWED: u32 = 30;
    let server = RedisServer::start(Durability::Nothing).await;
    let processes = [process(&server), process(&server), process(&server)];
    let counted: Vec<_> = processes.iter().map(|process| process.join_as_worker(Told::new(0))).collect();
    let all = || async { processes.iter().all(|process| process.workers() == 3).then_some(()) };
    eventually("three workers to be counted", SOON, all).await;

    let limits = [limit("paced", Window::Second, ALLOWED), limit("wide", Window::Minute, 60 * ALLOWED)];
    let hammering = Hammering::start(&processes, &limits);
    hammering.go_on(Duration::from_secs(2)).await;
    server.kill();
    let away = hammering.go_on(Duration::ZERO).await;
    let back = hammering.go_on(Duration::from_secs(5)).await;
    assert!(processes.iter().all(|process| process.is_alone()));
    // It comes back with nothing in it.
    server.start_again().await;
    hammering.go_on(Duration::from_secs(6)).await;
    assert!(processes.iter().all(|process| !process.is_alone()));
    let taken = hammering.end().await;
    hold(&taken, ALLOWED as usize);
    let meanwhile = between(&taken, away + Duration::from_secs(1), back);
    assert!(meanwhile as f64 >= 0.8 * 4.0 * f64::from(ALLOWED), "{meanwhile} while Redis was away");
    drop(counted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_while_redis_is_wiped_and_started_again() {
    const ALLOWED: u32 = 30;
    let server = RedisServer::start(Durability::EverySecond).await;
    let processes = [process(&server)];
    let hammering = Hammering::start(&processes, &[limit("paced", Window::Second, ALLOWED)]);
    hammering.go_on(Duration::from_secs(1)).await;
    for _ in 0..20 {
        // A line that nobody remembers would let one through at once.
        hammering.go_on(Duration::from_millis(50)).await;
        server.wipe();
    }
    for _ in 0..2 {
        hammering.go_on(Duration::from_millis(700)).await;
        server.kill();
        server.start_again().await;
    }
    hammering.go_on(Duration::from_millis(1_500)).await;
    hold(&hammering.end().await, ALLOWED as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_remembered_when_redis_forgets_it() {
    let server = RedisServer::start(Durability::Nothing).await;
    let (one, other) = (process(&server), process(&server));
    let day = limit("day", Window::Day, 100);
    for process in [&one, &other, &one] {
        assert!(granted(process, &Limit { cost: 10, ..day.clone() }).await);
    }
    server.wipe();
    assert!(granted(&other, &Limit { cost: 10, ..day.clone() }).await, "it last saw 20");
    assert!(granted(&one, &Limit { cost: 10, ..day.clone() }).await, "it last saw 30");
    server.kill();
    // Alone, with what was known.
    assert!(granted(&one, &Limit { cost: 20, ..day.clone() }).await);
    assert!(one.is_alone());
    assert!(!granted(&one, &Limit { cost: 40, ..day.clone() }).await);
    server.start_again().await;
    together_again(&one).await;
    together_again(&other).await;
    let left = exhaust(&one, &day).await;
    assert!((20..=38).contains(&left), "{left}");
    assert_eq!(exhaust(&other, &day).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_back_alone_is_held_back_for_all_afterwards() {
    let server = RedisServer::start(Durability::Nothing).await;
    let (one, other) = (process(&server), process(&server));
    let fast = limit("pushed", Window::Second, 1_000);
    assert!(granted(&one, &fast).await);
    server.kill();
    one.push_back(&fast.key, Duration::from_secs(60)).await;
    assert!(!granted(&one, &fast).await);
    server.start_again().await;
    together_again(&one).await;
    together_again(&other).await;
    assert!(!granted(&other, &fast).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_redis_does_not_stall_the_workers() {
    let server = RedisServer::start(Durability::Nothing).await;
    let process = process(&server);
    let wide = limit("wide", Window::Second, 10_000);
    assert!(granted(&process, &wide).await);
    server.freeze();
    let asking = async {
        for _ in 0..200 {
            process.try_take(std::slice::from_ref(&wide)).await;
            process.place(&line("wide")).await;
            process.used(Window::Second).await;
        }
    };
    // Far less than if each had waited for an answer.
    tokio::time::timeout(SOON, asking).await.expect("answers without Redis");
    assert!(process.is_alone());
    server.thaw();
    together_again(&process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_starts_without_redis_goes_on_alone_and_joins_the_others() {
    let server = RedisServer::start(Durability::Nothing).await;
    server.kill();
    let process = process(&server);
    let paced = limit("paced", Window::Second, 100);
    let some = || async { granted(&process, &paced).await.then_some(()) };
    eventually("a grant", SOON, some).await;
    assert!(process.is_alone());
    server.start_again().await;
    together_again(&process).await;
    assert_eq!(server.command(&["EXISTS", "calrelay:throttle:mark"]), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_the_throttle_keeps_expires() {
    let server = RedisServer::start(Durability::Nothing).await;
    let process = process(&server);
    let _counted = process.join_as_worker(Told::new(0));
    let limits = [Window::Second, Window::Minute, Window::Day].map(|window| limit("x", window, 10));
    assert_eq!(process.try_take(&limits).await, Take::Granted);
    process.place(&line("x")).await;
    process.push_back(&ThrottleKey::Project, Duration::from_secs(60)).await;
    let there = || async { (server.command(&["EXISTS", "calrelay:throttle:workers"]) == "1").then_some(()) };
    eventually("the worker to be counted", SOON, there).await;
    let keys = server.command(&["KEYS", "*"]);
    assert_eq!(keys.lines().count(), 7, "{keys}");
    for key in keys.lines() {
        let left: i64 = server.command(&["PTTL", key]).parse().unwrap();
        assert!(left > 0 && left <= 48 * 3_600_000, "{key} lives for {left} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_gone_is_counted_no_more() {
    let server = RedisServer::start(Durability::Nothing).await;
    let (one, other) = (process(&server), process(&server));
    let _stays = one.join_as_worker(Told::new(0));
    let goes = other.join_as_worker(Told::new(0));
    eventually("two workers", SOON, || async { (one.workers() == 2).then_some(()) }).await;
    drop(goes);
    eventually("one worker", Duration::from_secs(40), || async { (one.workers() == 1).then_some(()) }).await;
}
