//! A clock that is turned by hand: time passes when a test says so, and never otherwise.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use common::port::Clock;
use common::time::after;
use jiff::Timestamp;
use tokio::sync::watch;

/// Noon in London, 4 in the morning in California.
const START: &str = "2026-12-30T12:00:00Z";

pub struct Hands {
    now: watch::Sender<Timestamp>,
    asleep: Mutex<Vec<Duration>>,
    /// Every sleep so far.
    begun: Mutex<Vec<Duration>>,
}

/// Somebody asleep; awake when dropped.
struct Sleeper<'a>(&'a Hands, Duration);

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut asleep = self.0.asleep.lock().unwrap();
        let mine = asleep.iter().position(|span| *span == self.1).expect("noted when it fell asleep");
        asleep.swap_remove(mine);
    }
}

impl Hands {
    pub fn new() -> Self {
        Self {
            now: watch::Sender::new(START.parse().unwrap()),
            asleep: Mutex::default(),
            begun: Mutex::default(),
        }
    }

    pub fn turn(&self, span: Duration) {
        self.now.send_modify(|now| *now = after(*now, span));
    }

    /// Whether somebody sleeps for exactly `span`.
    pub fn is_slept_for(&self, span: Duration) -> bool {
        self.asleep.lock().unwrap().contains(&span)
    }

    /// Whether somebody sleeps for longer than `least` and no longer than `most`.
    pub fn is_slept_between(&self, least: Duration, most: Duration) -> bool {
        self.asleep.lock().unwrap().iter().any(|span| *span > least && *span <= most)
    }

    /// How often somebody has begun to sleep for longer than `least` and no longer than `most`.
    pub fn begun_between(&self, least: Duration, most: Duration) -> usize {
        self.begun.lock().unwrap().iter().filter(|span| **span > least && **span <= most).count()
    }

    /// Turns the hands forward to `then`; leaves them where they are if that is past.
    pub fn turn_to(&self, then: Timestamp) {
        self.now.send_modify(|now| *now = then.max(*now));
    }
}

#[async_trait]
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep(&self, span: Duration) {
        let mut time = self.now.subscribe();
        self.asleep.lock().unwrap().push(span);
        self.begun.lock().unwrap().push(span);
        let _sleeper = Sleeper(self, span);
        let then = after(*time.borrow_and_update(), span);
        time.wait_for(|now| *now >= then).await.expect("the clock outlives whoever sleeps by it");
    }
}
