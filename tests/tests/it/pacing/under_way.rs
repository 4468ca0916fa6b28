//! Holds the clock while requests are under way.
//!
//! On a clock that runs twenty times as fast, the ten milliseconds that a busy machine takes over a request are a fifth of
//! a second, and requests that were spaced out when they were let go arrive in heaps. So a request takes no longer
//! than [`LONGEST`] here: then time waits for it. Nothing else is changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use common::event::{CalendarId, SendUpdates};
use common::job::JobId;
use common::port::{
    Calendar, CalendarError, Clock, Limit, Line, NewEvent, StoredEvent, Take, Throttle, ThrottleKey, Turn,
    Window,
};

/// From its permission to its answer, by the fast clock.
pub const LONGEST: Duration = Duration::from_millis(100);

/// How many requests are under way.
#[derive(Default)]
pub struct UnderWay(AtomicUsize);

impl UnderWay {
    /// Whether there are any.
    pub fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// A throttle from whose permission on a request is under way.
pub struct Leaving {
    pub throttle: Arc<dyn Throttle>,
    pub clock: Arc<dyn Clock>,
    pub under_way: Arc<UnderWay>,
}

/// A calendar with whose answer it no longer is.
pub struct Arriving {
    pub calendar: Arc<dyn Calendar>,
    pub under_way: Arc<UnderWay>,
}

#[async_trait]
impl Throttle for Leaving {
    async fn place(&self, line: &Line) -> Duration {
        self.throttle.place(line).await
    }

    async fn leave(&self, line: &Line) {
        self.throttle.leave(line).await;
    }

    async fn take(&self, limits: &[Limit], turn: Turn) -> Take {
        let take = match self.throttle.take(limits, turn).await {
            // It is not under way before its time.
            Take::Reserved { after } => {
                self.clock.sleep(after).await;
                Take::Granted
            }
            take @ (Take::Granted | Take::Booked { .. } | Take::Refused { .. }) => take,
        };
        if take == Take::Granted {
            self.under_way.0.fetch_add(1, Ordering::SeqCst);
        }
        take
    }

    async fn book(&self, limits: &[Limit], calls: u32, beyond: Duration) -> Option<(Duration, ThrottleKey)> {
        self.throttle.book(limits, calls, beyond).await
    }

    async fn unbook(&self, limits: &[Limit]) {
        self.throttle.unbook(limits).await;
    }

    async fn give_back(&self, limits: &[Limit]) {
        self.throttle.give_back(limits).await;
    }

    async fn push_back(&self, key: &ThrottleKey, pause: Duration) {
        self.throttle.push_back(key, pause).await;
    }

    async fn used(&self, window: Window) -> f64 {
        self.throttle.used(window).await
    }
}

impl Arriving {
    fn arrived<T>(&self, answer: T) -> T {
        self.under_way.0.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

type Secret = secrecy::SecretString;

#[async_trait]
impl Calendar for Arriving {
    async fn insert(&self, token: &Secret, event: &NewEvent<'_>) -> Result<StoredEvent, CalendarError> {
        self.arrived(self.calendar.insert(token, event).await)
    }

    async fn get(
        &self,
        token: &Secret,
        calendar: &CalendarId,
        id: &JobId,
    ) -> Result<StoredEvent, CalendarError> {
        self.arrived(self.calendar.get(token, calendar, id).await)
    }

    async fn delete(
        &self,
        token: &Secret,
        calendar: &CalendarId,
        id: &JobId,
        send_updates: SendUpdates,
    ) -> Result<(), CalendarError> {
        self.arrived(self.calendar.delete(token, calendar, id, send_updates).await)
    }
}
