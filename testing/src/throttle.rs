//! The suite of the port `Throttle`, in real time: some servers bring their own clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use common::event::Priority;
use common::port::{Limit, Line, Take, Throttle, ThrottleKey, Turn, Window};

fn limit(user: &str, window: Window, allowed: u32) -> Limit {
    Limit { key: ThrottleKey::User(user.to_owned()), window, allowed, cost: 1 }
}

async fn granted(throttle: &Arc<dyn Throttle>, limits: &[Limit]) -> bool {
    throttle.try_take(limits).await == Take::Granted
}

/// How long it is refused for, if it is.
async fn refused(throttle: &Arc<dyn Throttle>, limits: &[Limit]) -> Duration {
    match throttle.try_take(limits).await {
        Take::Refused { retry_in } => retry_in,
        Take::Granted | Take::Reserved { .. } | Take::Booked { .. } => Duration::ZERO,
    }
}

/// Takes until it is refused; answers how often it was granted.
async fn exhaust(throttle: &Arc<dyn Throttle>, limits: &[Limit]) -> u32 {
    let mut taken = 0;
    while granted(throttle, limits).await {
        taken += 1;
    }
    taken
}

/// Tasks that hammer a limit are granted what it allows, and nearly all of it.
pub async fn hammering_gets_what_is_allowed_and_no_more(throttle: Arc<dyn Throttle>) {
    const ALLOWED: u32 = 50;
    const SPAN: Duration = Duration::from_secs(3);
    let start = Instant::now();
    let mut hammering = JoinSet::new();
    for _ in 0..16 {
        let throttle = throttle.clone();
        hammering.spawn(async move {
            let mut taken: Vec<(Duration, Duration)> = Vec::new();
            while start.elapsed() < SPAN {
                let before = start.elapsed();
                match throttle.try_take(&[limit("hammered", Window::Second, ALLOWED)]).await {
                    Take::Granted => taken.push((before, start.elapsed())),
                    Take::Refused { retry_in } => tokio::time::sleep(retry_in.min(SPAN)).await,
                    other @ (Take::Reserved { .. } | Take::Booked { .. }) => {
                        panic!("{other:?}: now or not at all")
                    }
                }
            }
            taken
        });
    }
    let mut taken: Vec<_> = hammering.join_all().await.into_iter().flatten().collect();
    taken.sort();
    // Those granted for certain within one second: asked after its start, answered before its end.
    for (from, _) in &taken {
        let end = *from + Duration::from_secs(1);
        let within = taken.iter().filter(|(asked, answered)| asked >= from && *answered <= end).count();
        assert!(within <= ALLOWED as usize, "{within} in one second");
    }
    let possible = f64::from(ALLOWED) * SPAN.as_secs_f64();
    assert!(taken.len() as f64 >= 0.8 * possible, "{} of {possible}", taken.len());
}

/// When one of several limits refuses, nothing is taken from the others.
pub async fn all_or_nothing(throttle: Arc<dyn Throttle>) {
    let narrow = limit("narrow", Window::Minute, 1);
    let wide = limit("wide", Window::Minute, 60);
    assert!(granted(&throttle, std::slice::from_ref(&narrow)).await);
    for _ in 0..200 {
        assert!(!granted(&throttle, &[wide.clone(), narrow.clone()]).await);
        assert!(!granted(&throttle, &[narrow.clone(), wide.clone()]).await);
    }
    assert!(granted(&throttle, &[wide]).await, "refusals took nothing from the wide one");
}

/// The wait is that of the limit with the longest, and after it the answer is yes.
pub async fn a_refusal_says_when_to_come_back(throttle: Arc<dyn Throttle>) {
    let long = limit("long", Window::Minute, 1);
    let short = limit("short", Window::Second, 5);
    exhaust(&throttle, std::slice::from_ref(&long)).await;
    exhaust(&throttle, std::slice::from_ref(&short)).await;
    let wait = refused(&throttle, &[short.clone(), long]).await;
    assert!(wait > Duration::from_secs(30), "{wait:?}");
    let wait = refused(&throttle, std::slice::from_ref(&short)).await;
    assert!(wait <= Duration::from_millis(250), "{wait:?}");
    tokio::time::sleep(wait + Duration::from_millis(5)).await;
    assert!(granted(&throttle, &[short]).await);
}

/// Keys are apart, also those of different kinds with one name, and so are windows.
pub async fn keys_are_apart(throttle: Arc<dyn Throttle>) {
    let of = |key| Limit { key, window: Window::Minute, allowed: 1, cost: 1 };
    for key in [
        ThrottleKey::Project,
        ThrottleKey::User("x".to_owned()),
        ThrottleKey::User("y".to_owned()),
        ThrottleKey::Calendar("x".to_owned()),
        ThrottleKey::Guests("x".to_owned()),
    ] {
        assert!(granted(&throttle, &[of(key.clone())]).await, "{key:?}");
        assert!(!granted(&throttle, &[of(key.clone())]).await, "{key:?}");
    }
    assert!(granted(&throttle, &[limit("x", Window::Day, 10)]).await);
}

/// A day's limit is used up, and then it is refused for hours.
pub async fn a_day_is_used_up(throttle: Arc<dyn Throttle>) {
    let day = limit("day", Window::Day, 100);
    assert_eq!(exhaust(&throttle, std::slice::from_ref(&day)).await, 98);
    let wait = refused(&throttle, std::slice::from_ref(&day)).await;
    assert!(wait > common::time::hours(20) && wait <= common::time::hours(25), "{wait:?}");
    assert!(throttle.used(Window::Day).await > 0.9);
}

/// A cost that the pace would never let through at once passes when the key is idle.
pub async fn a_large_cost_passes_when_the_key_is_idle(throttle: Arc<dyn Throttle>) {
    let patch = Limit { cost: 3, ..limit("patch", Window::Minute, 60) };
    assert!(granted(&throttle, std::slice::from_ref(&patch)).await);
    assert!(refused(&throttle, std::slice::from_ref(&patch)).await > Duration::from_secs(2));
}

/// After a push back nothing passes for that key, and everything for others.
pub async fn a_push_back_holds_its_key(throttle: Arc<dyn Throttle>) {
    let (pushed, other) = (limit("pushed", Window::Second, 100), limit("other", Window::Second, 100));
    throttle.push_back(&pushed.key, Duration::from_secs(2)).await;
    throttle.push_back(&pushed.key, Duration::from_millis(1)).await;
    let wait = refused(&throttle, std::slice::from_ref(&pushed)).await;
    assert!(wait > Duration::from_secs(1) && wait <= Duration::from_secs(2), "{wait:?}");
    let day = Limit { window: Window::Day, ..pushed.clone() };
    assert!(!granted(&throttle, &[other.clone(), day]).await, "whatever the window");
    assert!(granted(&throttle, &[other]).await);
    tokio::time::sleep(wait + Duration::from_millis(20)).await;
    assert!(granted(&throttle, &[pushed]).await);
}

fn line(user: &str, priority: Priority) -> Line {
    Line { user: user.to_owned(), priority, charge: Duration::from_secs(1) }
}

/// Places follow each other at the rate of their charges; leaving gives the place to the next.
pub async fn places_follow_at_the_rate(throttle: Arc<dyn Throttle>) {
    let line = line("line", Priority::Normal);
    assert_eq!(throttle.place(&line).await, Duration::ZERO);
    let mut last = Duration::ZERO;
    for _ in 0..100 {
        last = throttle.place(&line).await;
    }
    let expected = Duration::from_secs(100);
    assert!(last > expected.mul_f64(0.95) && last < expected.mul_f64(1.1), "{last:?}");
    for _ in 0..100 {
        throttle.leave(&line).await;
    }
    let next = throttle.place(&line).await;
    assert!(next < Duration::from_secs(2), "{next:?}");
    let other = Line { user: "another line".to_owned(), ..line };
    assert_eq!(throttle.place(&other).await, Duration::ZERO);
    let limit = limit("line", Window::Minute, 60);
    assert!(granted(&throttle, &[limit]).await, "a place is a hint, not a permission");
}

/// Normal jobs never stand behind bulk jobs, and bulk jobs stand behind both.
pub async fn bulk_jobs_stand_behind_all_and_before_nobody(throttle: Arc<dyn Throttle>) {
    let (normal, bulk) = (line("both", Priority::Normal), line("both", Priority::Bulk));
    for _ in 0..100 {
        throttle.place(&bulk).await;
    }
    assert_eq!(throttle.place(&normal).await, Duration::ZERO);
    let behind_bulk = throttle.place(&bulk).await;
    assert!(behind_bulk > Duration::from_secs(95), "{behind_bulk:?}");
    for _ in 0..200 {
        throttle.place(&normal).await;
    }
    let behind_both = throttle.place(&bulk).await;
    assert!(behind_both > Duration::from_secs(195), "{behind_both:?}");
    // What bulk jobs took, bulk jobs give back.
    for _ in 0..102 {
        throttle.leave(&bulk).await;
    }
    let last = throttle.place(&normal).await;
    assert!(last > Duration::from_secs(195) && last <= Duration::from_secs(201), "{last:?}");
    let behind_normal = throttle.place(&bulk).await;
    assert!(
        behind_normal <= Duration::from_secs(202),
        "{behind_normal:?}: what normal jobs took is counted once"
    );
    // And what normal jobs took, normal jobs: nobody is left.
    for _ in 0..202 {
        throttle.leave(&normal).await;
    }
    let alone = throttle.place(&bulk).await;
    assert!(alone <= Duration::from_secs(1), "{alone:?}");
}

/// Whoever takes nothing learns how long the line is and does not make it longer.
pub async fn a_line_that_is_only_looked_at_stays_as_it_is(throttle: Arc<dyn Throttle>) {
    let line = line("looked at", Priority::Normal);
    let look = Line { charge: Duration::ZERO, ..line.clone() };
    assert_eq!(throttle.place(&look).await, Duration::ZERO);
    throttle.place(&Line { charge: Duration::from_secs(60), ..line.clone() }).await;
    for _ in 0..100 {
        throttle.place(&look).await;
        throttle.leave(&look).await;
    }
    let seen = throttle.place(&look).await;
    let taken = throttle.place(&line).await;
    assert!(seen > Duration::from_secs(55) && seen <= Duration::from_secs(60), "{seen:?}");
    assert!(taken <= seen, "{taken:?} after {seen:?}");
}

/// A line is given back exactly what was taken of it, whatever the charges were.
pub async fn what_is_given_back_is_what_was_taken(throttle: Arc<dyn Throttle>) {
    let line = line("given back", Priority::Normal);
    let of = |number: u64| Line { charge: Duration::from_micros(number * 204_082), ..line.clone() };
    throttle.place(&Line { charge: Duration::from_secs(60), ..line.clone() }).await;
    for number in 1..=100 {
        throttle.place(&of(number)).await;
    }
    for number in (1..=100).rev() {
        throttle.leave(&of(number)).await;
    }
    let next = throttle.place(&line).await;
    assert!(next > Duration::from_secs(50) && next <= Duration::from_secs(60), "{next:?}");
}

/// What is used is the share of the key that uses most.
pub async fn the_share_in_use_is_that_of_the_busiest_key(throttle: Arc<dyn Throttle>) {
    assert!(throttle.used(Window::Day).await < 0.01);
    for _ in 0..50 {
        assert!(granted(&throttle, &[limit("busy", Window::Day, 100)]).await);
    }
    assert!(granted(&throttle, &[limit("calm", Window::Day, 100)]).await);
    let used = throttle.used(Window::Day).await;
    assert!((used - 0.5).abs() < 0.02, "{used}");
    assert!(throttle.used(Window::Minute).await < 0.01, "windows are apart");
}

/// Everybody who comes at once is told an instant, and asks once more at most: then no second sees more than its limit.
pub async fn a_crowd_asks_twice_each_and_no_second_sees_more(throttle: Arc<dyn Throttle>) {
    const ALLOWED: u32 = 50;
    let start = Instant::now();
    let mut crowd = JoinSet::new();
    for _ in 0..150 {
        let throttle = throttle.clone();
        crowd.spawn(async move {
            let limits = [limit("crowd", Window::Second, ALLOWED)];
            let mut turn = Turn::New { calls: 1 };
            let mut asked = 0;
            loop {
                asked += 1;
                match throttle.take(&limits, turn).await {
                    Take::Granted => return (start.elapsed(), asked),
                    Take::Reserved { after } => {
                        tokio::time::sleep(after).await;
                        return (start.elapsed(), asked);
                    }
                    Take::Booked { turn: wait, key } => {
                        assert_eq!(key, limits[0].key);
                        tokio::time::sleep(wait).await;
                        turn = Turn::Booked;
                    }
                    Take::Refused { retry_in } => tokio::time::sleep(retry_in).await,
                }
            }
        });
    }
    let mut calls = crowd.join_all().await;
    calls.sort();
    let asked: u32 = calls.iter().map(|(_, asked)| asked).sum();
    assert!(asked <= 320, "{asked} questions of 150");
    // Timers of a busy machine end late, and two calls a little closer than they were told to be.
    for (from, _) in &calls {
        let end = *from + Duration::from_millis(900);
        let within = calls.iter().filter(|(at, _)| at >= from && *at <= end).count();
        assert!(within <= ALLOWED as usize, "{within} in nine tenths of a second");
    }
}

/// A turn is booked where it is far, takes nothing, and binds those who come later and have none.
pub async fn a_booked_turn_takes_nothing_and_binds_who_comes_later(throttle: Arc<dyn Throttle>) {
    let limits = [limit("booked", Window::Minute, 60)];
    let beyond = Duration::from_secs(2);
    assert_eq!(throttle.book(&limits, 1, beyond).await, None, "the turn is now");
    exhaust(&throttle, &limits).await;
    assert_eq!(throttle.book(&limits, 1, beyond).await, None, "the turn is near");
    let far = Limit { cost: 5, ..limits[0].clone() };
    let (turn, key) = throttle.book(&[far], 1, beyond).await.expect("booked");
    assert!(turn > Duration::from_secs(4) && turn < Duration::from_secs(6), "{turn:?}");
    assert_eq!(key, limits[0].key);
    let Take::Booked { turn: next, .. } = throttle.take(&limits, Turn::New { calls: 1 }).await else {
        panic!("a call without a turn goes behind the one that is booked");
    };
    assert!(next > Duration::from_secs(4), "{next:?}");
    // Nothing was taken: who follows a call of its own is bound by the law alone.
    let Take::Reserved { after } = throttle.take(&limits, Turn::Further).await else {
        panic!("a further call is reserved");
    };
    assert!(after <= Duration::from_millis(1_100), "{after:?}");
}

/// What is reserved for one key never has all others wait for long.
pub async fn a_busy_key_does_not_hold_up_the_project(throttle: Arc<dyn Throttle>) {
    let project = Limit { key: ThrottleKey::Project, window: Window::Minute, allowed: 60, cost: 1 };
    let busy = [limit("slow", Window::Minute, 20), project.clone()];
    assert!(granted(&throttle, &busy).await);
    for _ in 0..5 {
        let take = throttle.take(&busy, Turn::New { calls: 1 }).await;
        assert!(matches!(take, Take::Booked { .. }), "{take:?}");
        let take = throttle.take(&busy, Turn::Booked).await;
        assert!(matches!(take, Take::Refused { .. }), "{take:?}");
    }
    let wait = refused(&throttle, &[limit("quick", Window::Minute, 600), project]).await;
    assert!(wait <= Duration::from_millis(1_100), "{wait:?}");
}

/// Units of a day that were not used are there again.
pub async fn what_is_given_back_to_a_day_can_be_taken_again(throttle: Arc<dyn Throttle>) {
    let day = Limit { cost: 49, ..limit("guests", Window::Day, 100) };
    assert_eq!(exhaust(&throttle, std::slice::from_ref(&day)).await, 2);
    throttle.give_back(std::slice::from_ref(&day)).await;
    assert_eq!(exhaust(&throttle, std::slice::from_ref(&day)).await, 1);
}
