//! The port `Throttle` in memory: one process, so its share of every limit is the whole.

mod flow;
mod meter;
mod placed;
mod slots;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

pub(super) use placed::Placed;

use crate::event::Priority;
use crate::port::{Clock, Limit, Line, Take, Throttle, ThrottleKey, Window};
use crate::swept::Swept;
use flow::{Flow, Instant};
use meter::Meter;

/// The throttle of this process.
pub struct MemoryThrottle {
    clock: Arc<dyn Clock>,
    lines: Mutex<Lines>,
}

type Metered = (ThrottleKey, Window);
/// Whose line, and which of the two.
type Queue = (String, Priority);

#[derive(Default)]
struct Lines {
    flow: Flow,
    /// Every line was as full as it can be then.
    full_at: Instant,
    /// What was taken.
    meters: Swept<Metered, Meter>,
    /// When the next one to join a line has its turn.
    turns: Swept<Queue, Instant>,
    /// Nothing more for these keys until then.
    pushed: Swept<ThrottleKey, Instant>,
}

impl MemoryThrottle {
    /// A throttle from which nothing was taken yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, lines: Mutex::default() }
    }

    /// A throttle whose lines are as full as they can be: others may just have taken from them.
    pub(crate) fn full(clock: Arc<dyn Clock>) -> Self {
        let throttle = Self::new(clock);
        {
            let (mut lines, now) = throttle.lines();
            lines.full_at = now;
        }
        throttle
    }

    /// Counts what somebody else has taken.
    pub(crate) fn count(&self, limit: &Limit) {
        let (mut lines, now) = self.lines();
        let meter = lines.meter(limit);
        lines.set(limit, meter.taken(limit, now), now);
    }

    /// The keys that are held back, and for how long yet.
    pub(crate) fn pauses(&self) -> Vec<(ThrottleKey, Duration)> {
        let (lines, now) = self.lines();
        let pushed = lines.pushed.entries.iter().map(|(key, until)| (key.clone(), until.since(now)));
        pushed.filter(|(_, left)| !left.is_zero()).collect()
    }

    /// The lines, and now.
    fn lines(&self) -> (MutexGuard<'_, Lines>, Instant) {
        let now = self.clock.now();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let now = lines.flow.at(now);
        (lines, now)
    }

    fn join(&self, line: &Line) -> Duration {
        let (mut lines, now) = self.lines();
        lines.turns.make_room(|turn| *turn > now);
        let next = |priority| {
            let next = lines.turns.entries.get(&(line.user.clone(), priority)).copied().unwrap_or(now);
            next.max(now)
        };
        let mine = next(line.priority);
        // Each line keeps to its own clock, so that either gets back what was taken of it and no more.
        let ahead = match line.priority {
            Priority::Normal => Duration::ZERO,
            Priority::Bulk => next(Priority::Normal).since(now),
        };
        if !line.charge.is_zero() {
            lines.turns.entries.insert(queue(line), mine.after(line.charge));
        }
        mine.since(now).saturating_add(ahead)
    }

    fn wind_back(&self, line: &Line) {
        let (mut lines, now) = self.lines();
        let queue = queue(line);
        let Some(turn) = lines.turns.entries.get_mut(&queue) else {
            return;
        };
        *turn = turn.before(line.charge);
        if *turn <= now {
            lines.turns.entries.remove(&queue);
        }
    }
}

impl Lines {
    /// Takes from one line and answers how it stood before, or how long to wait.
    fn take(&mut self, limit: &Limit, now: Instant) -> Result<Option<Meter>, Duration> {
        let pushed = self.pushed.entries.get(&limit.key).map_or(Duration::ZERO, |until| until.since(now));
        let before = self.meters.entries.get(&metered(limit)).copied();
        let meter = self.meter(limit);
        let wait = meter.wait(limit, now).max(pushed);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.set(limit, meter.taken(limit, now), now);
        Ok(before)
    }

    fn meter(&self, limit: &Limit) -> Meter {
        let known = self.meters.entries.get(&metered(limit)).copied();
        known.unwrap_or_else(|| Meter::full_at(limit, self.full_at))
    }

    fn set(&mut self, limit: &Limit, meter: Meter, now: Instant) {
        self.meters.make_room(|meter| !meter.is_idle(now));
        self.meters.entries.insert(metered(limit), meter);
    }

    fn put_back(&mut self, limit: &Limit, before: Option<Meter>) {
        match before {
            Some(meter) => self.meters.entries.insert(metered(limit), meter),
            None => self.meters.entries.remove(&metered(limit)),
        };
    }
}

fn metered(limit: &Limit) -> Metered {
    (limit.key.clone(), limit.window)
}

fn queue(line: &Line) -> Queue {
    (line.user.clone(), line.priority)
}

#[async_trait]
impl Throttle for MemoryThrottle {
    async fn place(&self, line: &Line) -> Duration {
        self.join(line)
    }

    async fn leave(&self, line: &Line) {
        self.wind_back(line);
    }

    async fn try_take(&self, limits: &[Limit]) -> Take {
        let (mut lines, now) = self.lines();
        let mut taken = Vec::with_capacity(limits.len());
        let mut longest = Duration::ZERO;
        for limit in limits {
            match lines.take(limit, now) {
                Ok(before) => taken.push((limit, before)),
                Err(wait) => longest = longest.max(wait),
            }
        }
        if longest.is_zero() {
            return Take::Granted;
        }
        // In reverse, so that a line that was taken from twice is as it was.
        for (limit, before) in taken.into_iter().rev() {
            lines.put_back(limit, before);
        }
        Take::Refused { retry_in: longest }
    }

    async fn push_back(&self, key: &ThrottleKey, pause: Duration) {
        let (mut lines, now) = self.lines();
        lines.pushed.make_room(|until| *until > now);
        let until = lines.pushed.entries.entry(key.clone()).or_insert(now);
        *until = (*until).max(now.after(pause));
    }

    async fn used(&self, window: Window) -> f64 {
        let (lines, now) = self.lines();
        let meters = lines.meters.entries.iter().filter(|((_, of), _)| *of == window);
        meters.map(|(_, meter)| meter.used(window, now)).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests;
