//! Waiting for room under Google's quotas: a moment in hand, longer only in the queue.
//!
//! A call that has to wait is told its instant, and asks once more then: nothing here asks all the time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::port::{AHEAD, Clock, Limit, Take, Throttle, ThrottleKey};
use common::random;
use common::time::{after, until};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::attempt_error::AttemptError;
use crate::calls::Calls;

/// A job waits in hand for its turn so long, by the clock; beyond that it goes back to the queue.
const IN_HAND: Duration = Duration::from_secs(2);
/// A job that is not begun yet is put off for a turn that is further away: by the time it were leased and had asked, its
/// turn could be too far to wait for in hand.
const NEAR: Duration = Duration::from_secs(1);
/// A job that was put off before it was begun is back so long before its turn, to be leased in time for it.
const EARLY: Duration = Duration::from_millis(300);

/// Asks the throttle before every request.
pub(crate) struct QuotaGate {
    throttle: Arc<dyn Throttle>,
    clock: Arc<dyn Clock>,
    stopping: CancellationToken,
    /// Up to when turns were booked, where that was last heard.
    lines: Mutex<HashMap<ThrottleKey, Timestamp>>,
    throttled: Mutex<HashMap<ThrottleKey, Throttled>>,
}

/// How a key stands with Google.
struct Throttled {
    /// How often in a row it was throttled.
    times: u32,
    /// The present pause.
    until: Timestamp,
}

impl QuotaGate {
    pub(crate) fn new(
        throttle: Arc<dyn Throttle>,
        clock: Arc<dyn Clock>,
        stopping: CancellationToken,
    ) -> Self {
        Self { throttle, clock, stopping, lines: Mutex::default(), throttled: Mutex::default() }
    }

    /// Returns once every limit has room and has been taken from.
    ///
    /// # Errors
    /// [`AttemptError::Quota`] when that would take more than a moment: nothing was taken. Where a turn was booked `calls`
    /// has it, and it is as far away as the error says.
    pub(crate) async fn pass(&self, limits: &[Limit], calls: &Calls) -> Result<(), AttemptError> {
        let began = self.clock.now();
        if let Some(turn) = calls.turn(began) {
            let wait = until(began, turn);
            self.wait(began, wait, true).await?;
        }
        loop {
            let now = self.clock.now();
            match self.throttle.take(limits, calls.comes(now)).await {
                Take::Granted => {
                    calls.pass();
                    return Ok(());
                }
                Take::Reserved { after } => {
                    self.clock.sleep(after).await;
                    calls.pass();
                    if !self.is_paused(limits) {
                        return Ok(());
                    }
                    // Google has throttled an account meanwhile: what was reserved is lost.
                }
                Take::Booked { turn, key } => {
                    let then = after(self.clock.now(), turn);
                    let too_late = calls.too_late(then);
                    if too_late > 0 {
                        self.cancel_turn(limits, too_late).await;
                        return Err(AttemptError::Quota { retry_in: turn, booked: false });
                    }
                    calls.booked(then);
                    self.heard(key, then);
                    self.wait(began, turn, true).await?;
                }
                Take::Refused { retry_in } => {
                    // By then most of the wait is over, and the rest can be reserved.
                    let soon = retry_in.saturating_sub(AHEAD / 2).max(retry_in / 2);
                    let jitter = soon.mul_f64(random::fraction() / 4.0);
                    let pause = (soon + jitter).max(Duration::from_millis(1));
                    self.wait(began, pause, false)
                        .await
                        .map_err(|_| AttemptError::Quota { retry_in, booked: false })?;
                }
            }
        }
    }

    /// Waits in hand, if that is over in time.
    async fn wait(&self, began: Timestamp, pause: Duration, booked: bool) -> Result<(), AttemptError> {
        let passed = until(began, self.clock.now());
        if passed + pause > IN_HAND || self.stopping.is_cancelled() {
            return Err(AttemptError::Quota { retry_in: pause, booked });
        }
        self.clock.sleep(pause).await;
        Ok(())
    }

    /// Whether turns are booked that are further away than a moment, as far as this worker has heard.
    pub(crate) fn has_long_lines(&self) -> bool {
        let now = self.clock.now();
        let mut lines = self.lines.lock().expect("nothing panics holding it");
        lines.retain(|_, last| until(now, *last) > NEAR);
        !lines.is_empty()
    }

    /// The same for those who take from one of these limits.
    pub(crate) fn is_long(&self, limits: &[Limit]) -> bool {
        let now = self.clock.now();
        let lines = self.lines.lock().expect("nothing panics holding it");
        let last = limits.iter().filter_map(|limit| lines.get(&limit.key)).max().copied();
        last.is_some_and(|last| until(now, last) > NEAR)
    }

    /// The turn of a job that has none yet, where its line is known to be longer than what is waited for in hand: books
    /// it, and answers it with how long the job may stay in the queue. None that comes after `not_after` is booked.
    pub(crate) async fn book(
        &self,
        limits: &[Limit],
        calls: u32,
        not_after: Timestamp,
    ) -> Option<(Timestamp, Duration)> {
        if !self.is_long(limits) || self.stopping.is_cancelled() {
            return None;
        }
        let (turn, key) = self.throttle.book(limits, calls, NEAR).await?;
        let then = after(self.clock.now(), turn);
        if then >= not_after {
            self.cancel_turn(limits, calls).await;
            return None;
        }
        self.heard(key, then);
        Some((then, turn.saturating_sub(EARLY)))
    }

    /// A turn that was just booked for so many calls is given up: others would wait for a job that never comes.
    async fn cancel_turn(&self, limits: &[Limit], calls: u32) {
        for _ in 0..calls {
            self.throttle.unbook(limits).await;
        }
    }

    /// A further call that a turn was booked for is not made.
    pub(crate) async fn unbook(&self, limits: &[Limit]) {
        self.throttle.unbook(limits).await;
    }

    /// A call that has passed was not made.
    pub(crate) async fn give_back(&self, limits: &[Limit]) {
        self.throttle.give_back(limits).await;
    }

    fn heard(&self, key: ThrottleKey, last: Timestamp) {
        let mut lines = self.lines.lock().expect("nothing panics holding it");
        let known = lines.entry(key).or_insert(last);
        *known = last.max(*known);
    }

    fn is_paused(&self, limits: &[Limit]) -> bool {
        let now = self.clock.now();
        let throttled = self.throttled.lock().expect("nothing panics holding it");
        limits.iter().any(|limit| throttled.get(&limit.key).is_some_and(|it| it.until > now))
    }

    /// How often in a row Google had throttled this key before. Calls that were under way when it
    /// last did so are told the same again.
    pub(crate) fn throttles(&self, key: &ThrottleKey) -> u32 {
        let now = self.clock.now();
        let throttled = self.throttled.lock().expect("nothing panics holding it");
        throttled.get(key).map_or(0, |it| if it.until > now { it.times - 1 } else { it.times })
    }

    /// Google throttled this key: nothing more for it for `pause`.
    pub(crate) async fn push_back(&self, key: ThrottleKey, pause: Duration) {
        self.throttle.push_back(&key, pause).await;
        let now = self.clock.now();
        let mut throttled = self.throttled.lock().expect("nothing panics holding it");
        let it = throttled.entry(key).or_insert(Throttled { times: 0, until: now });
        if it.until <= now {
            it.times = it.times.saturating_add(1);
        }
        it.until = it.until.max(after(now, pause));
    }

    /// Google answered this key.
    pub(crate) fn answered(&self, key: &ThrottleKey) {
        self.throttled.lock().expect("nothing panics holding it").remove(key);
    }
}
