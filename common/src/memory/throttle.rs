//! The port `Throttle` in memory: one process, so its share of every limit is the whole.

mod flow;
mod meter;
mod placed;
mod slots;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

pub use placed::Placed;

use crate::event::Priority;
use crate::port::{AHEAD, Clock, FURTHER_AHEAD, Limit, Line, Take, Throttle, ThrottleKey, Turn, Window};
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

/// What the limits of a call say to it.
#[derive(Default)]
struct Look {
    longest: Duration,
    /// The paced limit that makes the longest wait.
    binding: Option<usize>,
    /// A limit lets nothing through for now, whatever the pace.
    closed: bool,
    /// Turns are booked that have not come.
    has_turns: bool,
    /// The project's pace.
    shared: Option<Meter>,
}

impl MemoryThrottle {
    /// A throttle from which nothing was taken yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, lines: Mutex::default() }
    }

    /// A throttle whose lines are as full as they can be: others may just have taken from them.
    #[must_use]
    pub fn full(clock: Arc<dyn Clock>) -> Self {
        let throttle = Self::new(clock);
        {
            let (mut lines, now) = throttle.lines();
            lines.full_at = now;
        }
        throttle
    }

    /// Counts what somebody else has taken.
    pub fn count(&self, limit: &Limit) {
        let (mut lines, now) = self.lines();
        let meter = lines.meter(limit);
        lines.set(limit, meter.taken(limit, Turn::Now, now, now), now);
    }

    /// Gives a day's units back.
    pub fn return_units(&self, limit: &Limit) {
        let (mut lines, _) = self.lines();
        if let Some(meter) = lines.meters.entries.get_mut(&metered(limit)) {
            *meter = meter.given_back(limit.cost);
        }
    }

    /// The keys that are held back, and for how long yet.
    #[must_use]
    pub fn pauses(&self) -> Vec<(ThrottleKey, Duration)> {
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
    /// How long the limits would have a call with this turn wait, and what is to be known for more.
    fn look(&self, limits: &[Limit], turn: Turn, now: Instant) -> Look {
        let mut look = Look::default();
        let mut met: HashMap<Metered, Meter> = HashMap::new();
        for (index, limit) in limits.iter().enumerate() {
            let paused = self.pushed.entries.get(&limit.key).map_or(Duration::ZERO, |until| until.since(now));
            let meter = met.entry(metered(limit)).or_insert_with(|| self.meter(limit));
            let own = meter.wait(limit, turn, now);
            let is_day = limit.window == Window::Day;
            look.closed |= !own.is_zero() && (is_day || limit.allowed == 0);
            look.has_turns |= !is_day && meter.has_turns(limit, now);
            if !is_day && limit.key == ThrottleKey::Project {
                look.shared = Some(*meter);
            }
            let wait = own.max(paused);
            if wait > look.longest && !is_day {
                look.binding = Some(index);
            }
            look.longest = look.longest.max(wait);
            *meter = meter.taken(limit, turn, now, now);
        }
        look
    }

    /// Takes from every limit, for a call at `at`.
    fn take(&mut self, limits: &[Limit], turn: Turn, at: Instant, now: Instant) {
        for limit in limits {
            let meter = self.meter(limit).taken(limit, turn, at, now);
            self.set(limit, meter, now);
        }
    }

    /// Books a turn where the call waits for one.
    fn book(
        &mut self,
        limits: &[Limit],
        calls: u32,
        look: &Look,
        now: Instant,
    ) -> Option<(Duration, ThrottleKey)> {
        let limit = &limits[look.binding.filter(|_| !look.closed)?];
        let meter = self.meter(limit).with_turn(limit, calls, now.after(look.longest));
        self.set(limit, meter, now);
        Some((look.longest, limit.key.clone()))
    }

    fn meter(&self, limit: &Limit) -> Meter {
        let known = self.meters.entries.get(&metered(limit)).copied();
        known.unwrap_or_else(|| Meter::full_at(limit, self.full_at))
    }

    fn set(&mut self, limit: &Limit, meter: Meter, now: Instant) {
        self.meters.make_room(|meter| !meter.is_idle(now));
        self.meters.entries.insert(metered(limit), meter);
    }
}

impl Look {
    /// Whether a call with this turn is reserved as far ahead as it would have to wait.
    fn reserves(&self, turn: Turn, now: Instant) -> bool {
        let furthest = match turn {
            Turn::New { .. } if self.has_turns => Duration::ZERO,
            Turn::New { .. } => AHEAD,
            Turn::Booked | Turn::Further => FURTHER_AHEAD,
            Turn::Now => Duration::ZERO,
        };
        let gap = self.shared.map_or(Duration::ZERO, |meter| meter.gap(now.after(self.longest), now));
        self.longest.is_zero() || !self.closed && self.longest <= furthest && gap <= AHEAD
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

    async fn take(&self, limits: &[Limit], turn: Turn) -> Take {
        let (mut lines, now) = self.lines();
        let look = lines.look(limits, turn, now);
        let after = look.longest;
        if look.reserves(turn, now) {
            lines.take(limits, turn, now.after(after), now);
            return if after.is_zero() { Take::Granted } else { Take::Reserved { after } };
        }
        let booked = match turn {
            Turn::New { calls } => lines.book(limits, calls, &look, now),
            Turn::Booked | Turn::Further | Turn::Now => None,
        };
        booked.map_or(Take::Refused { retry_in: after }, |(turn, key)| Take::Booked { turn, key })
    }

    async fn book(&self, limits: &[Limit], calls: u32, beyond: Duration) -> Option<(Duration, ThrottleKey)> {
        let (mut lines, now) = self.lines();
        let look = lines.look(limits, Turn::New { calls }, now);
        if look.longest <= beyond {
            return None;
        }
        lines.book(limits, calls, &look, now)
    }

    async fn unbook(&self, limits: &[Limit]) {
        let (mut lines, _) = self.lines();
        for limit in limits {
            if let Some(meter) = lines.meters.entries.get_mut(&metered(limit)) {
                *meter = meter.unbooked(limit);
            }
        }
    }

    async fn give_back(&self, limits: &[Limit]) {
        limits.iter().filter(|limit| limit.window == Window::Day).for_each(|day| self.return_units(day));
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
