//! Waiting for room under Google's quotas: a moment in hand, longer only in the queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::port::{Clock, Limit, Take, Throttle, ThrottleKey, Window};
use common::time::after;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::trouble::Trouble;

/// A job waits in hand for its turn so long; beyond that it goes back to the queue.
const IN_HAND: Duration = Duration::from_secs(2);

/// Asks the throttle before every request.
pub(crate) struct Turnstile {
    throttle: Arc<dyn Throttle>,
    clock: Arc<dyn Clock>,
    stopping: CancellationToken,
    waiting: Mutex<HashMap<ThrottleKey, u32>>,
    throttled: Mutex<HashMap<ThrottleKey, Throttled>>,
}

/// How a key stands with Google.
struct Throttled {
    /// How often in a row it was throttled.
    times: u32,
    /// The present pause.
    until: Timestamp,
}

impl Turnstile {
    pub(crate) fn new(
        throttle: Arc<dyn Throttle>,
        clock: Arc<dyn Clock>,
        stopping: CancellationToken,
    ) -> Self {
        Self { throttle, clock, stopping, waiting: Mutex::default(), throttled: Mutex::default() }
    }

    /// Returns once every limit has room and has been taken from.
    ///
    /// # Errors
    /// [`Trouble::Quota`] when that would take more than a moment: nothing was taken.
    pub(crate) async fn pass(&self, limits: &[Limit]) -> Result<(), Trouble> {
        let mut left = IN_HAND;
        let mut place: Option<InHand<'_>> = None;
        loop {
            let retry_in = match self.throttle.try_take(limits).await {
                Take::Granted => return Ok(()),
                Take::Refused { retry_in } => retry_in,
            };
            if retry_in > left || self.stopping.is_cancelled() {
                return Err(Trouble::Quota { retry_in });
            }
            if place.is_none() {
                // More than can be served in that moment would only wait in vain.
                place = Some(self.wait_in_hand(limits).ok_or(Trouble::Quota { retry_in })?);
            }
            let pause = retry_in.max(Duration::from_millis(1));
            left = left.saturating_sub(pause);
            self.clock.sleep(pause).await;
        }
    }

    fn wait_in_hand(&self, limits: &[Limit]) -> Option<InHand<'_>> {
        let line = limits.iter().find(|limit| limit.window == Window::Minute)?;
        let served = u128::from(line.allowed) * IN_HAND.as_millis() / line.window.span().as_millis();
        let mut waiting = self.waiting.lock().expect("nothing panics holding it");
        let count = waiting.entry(line.key.clone()).or_default();
        if u128::from(*count) > served {
            return None;
        }
        *count += 1;
        Some(InHand { turnstile: self, key: line.key.clone() })
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

/// A place among those that wait in hand.
struct InHand<'a> {
    turnstile: &'a Turnstile,
    key: ThrottleKey,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        let mut waiting = self.turnstile.waiting.lock().expect("nothing panics holding it");
        if let Some(count) = waiting.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.key);
            }
        }
    }
}
