//! A clock that a test turns by hand: time passes when the test says so, and never otherwise.
#![expect(clippy::unwrap_used, reason = "this clock is for tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::port::Clock;
use crate::sample::noon;
use crate::time::after;

/// The clock. A sleep ends when the test has turned the clock as far, and the test can ask who sleeps.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
    asleep: Mutex<Vec<Duration>>,
    /// Every sleep so far.
    begun: Mutex<Vec<Duration>>,
}

/// A sleep that goes on; it has ended when this is dropped.
struct Sleep<'a>(&'a ManualClock, Duration);

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        let mut asleep = self.0.asleep.lock().unwrap();
        let mine = asleep.iter().position(|span| *span == self.1).expect("noted when it began");
        asleep.swap_remove(mine);
    }
}

impl ManualClock {
    /// A clock that shows [`noon`].
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::at(noon())
    }

    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Arc<Self> {
        let now = watch::Sender::new(now);
        Arc::new(Self { now, asleep: Mutex::default(), begun: Mutex::default() })
    }

    /// Turns the clock forward by `span`.
    pub fn turn(&self, span: Duration) {
        self.now.send_modify(|now| *now = after(*now, span));
    }

    /// Turns the clock forward to `then`; leaves it where it is if that is past.
    pub fn turn_to(&self, then: Timestamp) {
        self.now.send_modify(|now| *now = then.max(*now));
    }

    /// Sets the clock to `now`, backwards too.
    pub fn set(&self, now: Timestamp) {
        self.now.send_replace(now);
    }

    /// Whether a task sleeps for exactly `span`.
    #[must_use]
    pub fn is_slept_for(&self, span: Duration) -> bool {
        self.asleep.lock().unwrap().contains(&span)
    }

    /// Whether a task sleeps for longer than `least` and no longer than `most`.
    #[must_use]
    pub fn is_slept_between(&self, least: Duration, most: Duration) -> bool {
        self.asleep.lock().unwrap().iter().any(|span| *span > least && *span <= most)
    }

    /// How often a task has begun to sleep for longer than `least` and no longer than `most`.
    #[must_use]
    pub fn begun_between(&self, least: Duration, most: Duration) -> usize {
        self.begun.lock().unwrap().iter().filter(|span| **span > least && **span <= most).count()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep(&self, span: Duration) {
        let mut time = self.now.subscribe();
        self.asleep.lock().unwrap().push(span);
        self.begun.lock().unwrap().push(span);
        let _sleep = Sleep(self, span);
        let then = after(*time.borrow_and_update(), span);
        time.wait_for(|now| *now >= then).await.expect("the clock outlives who sleeps by it");
    }
}
