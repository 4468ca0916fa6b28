//! While Redis is away: one worker's share of every limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::totals::{Line, Spent};
use super::workers::Workers;
use common::memory::MemoryThrottle;
use common::port::{Clock, Limit, Take, Throttle as _, ThrottleKey, Turn, Window};

/// Takes its share, and remembers what it took from days.
pub(super) struct Alone {
    pub(super) throttle: MemoryThrottle,
    clock: Arc<dyn Clock>,
    workers: Arc<Workers>,
    days: Mutex<HashMap<Line, Spent>>,
}

impl Alone {
    /// The share of one of `workers`, however many they become, from now on. Nobody knows what was taken just
    /// before, so that every line is as full as it can be; of `days` it is known what had been taken.
    pub(super) fn new(clock: Arc<dyn Clock>, workers: Arc<Workers>, days: Vec<(Limit, u64)>) -> Self {
        let throttle = MemoryThrottle::full(Arc::clone(&clock));
        let mut known = HashMap::new();
        let count = workers.count();
        for (day, seen) in days {
            let mine = u32::try_from(seen.div_ceil(u64::from(count))).unwrap_or(u32::MAX);
            throttle.count(&Limit { cost: mine, ..share(&day, count) });
            known.insert((day.key, day.window), Spent { seen, alone: 0 });
        }
        Self { throttle, clock, workers, days: Mutex::new(known) }
    }

    /// Takes from this share, to be told later.
    pub(super) async fn take(&self, limits: &[Limit], turn: Turn) -> Take {
        let take = self.permit(limits, turn).await;
        if matches!(take, Take::Granted | Take::Reserved { .. }) {
            let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
            for day in limits.iter().filter(|limit| limit.window == Window::Day && limit.cost > 0) {
                days.entry((day.key.clone(), day.window)).or_default().alone += u64::from(day.cost);
            }
        }
        take
    }

    /// Takes from this share what Redis counts too; nothing while it is not known how large the share is.
    pub(super) async fn permit(&self, limits: &[Limit], turn: Turn) -> Take {
        match self.workers.sharing(self.clock.now()) {
            Ok(workers) => self.throttle.take(&shares(limits, workers), turn).await,
            Err(retry_in) => Take::Refused { retry_in },
        }
    }

    /// A turn in this share.
    pub(super) async fn book(
        &self,
        limits: &[Limit],
        calls: u32,
        beyond: Duration,
    ) -> Option<(Duration, ThrottleKey)> {
        let workers = self.workers.sharing(self.clock.now()).ok()?;
        self.throttle.book(&shares(limits, workers), calls, beyond).await
    }

    /// Winds a turn in this share back.
    pub(super) async fn unbook(&self, limits: &[Limit]) {
        self.throttle.unbook(&shares(limits, self.workers.count())).await;
    }

    /// Gives back to days what a call that was not made took from this share.
    pub(super) fn give_back(&self, limits: &[&Limit]) {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        for day in limits {
            self.throttle.return_units(&share(day, self.workers.count()));
            if let Some(spent) = days.get_mut(&(day.key.clone(), day.window)) {
                spent.alone = spent.alone.saturating_sub(u64::from(day.cost));
            }
        }
    }

    /// What is known of days.
    pub(super) fn days(&self) -> Vec<(Line, Spent)> {
        let days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        days.iter().map(|(line, spent)| (line.clone(), *spent)).collect()
    }

    /// Redis knows these now: they are not told again.
    pub(super) fn told(&self, days: &[(Line, Spent)]) {
        let mut known = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        for (line, told) in days {
            if let Some(spent) = known.get_mut(line) {
                spent.seen += told.alone;
                spent.alone -= told.alone;
            }
        }
    }
}

fn shares(limits: &[Limit], workers: u32) -> Vec<Limit> {
    limits.iter().map(|limit| share(limit, workers)).collect()
}

/// What one of `workers` may take. So many together never take more than the limit, except from a limit
/// that is smaller than their number: they then take turns, on average.
fn share(limit: &Limit, workers: u32) -> Limit {
    let workers = workers.max(1);
    let (allowed, turns) = if limit.allowed == 0 || limit.allowed >= workers {
        (limit.allowed / workers, 1)
    } else {
        (1, workers.div_ceil(limit.allowed))
    };
    Limit { allowed, cost: limit.cost.saturating_mul(turns), ..limit.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::port::ThrottleKey;

    #[test]
    fn shares_add_up_to_the_limit_at_most() {
        for allowed in [0, 1, 2, 3, 10, 600, 10_000] {
            for workers in [1, 2, 3, 7, 20] {
                let limit = Limit { key: ThrottleKey::Project, window: Window::Minute, allowed, cost: 2 };
                let mine = share(&limit, workers);
                let together = f64::from(workers) * f64::from(mine.allowed) * 2.0 / f64::from(mine.cost);
                assert!(together <= f64::from(allowed), "{workers} of {allowed}: {mine:?}");
                assert_eq!(mine.allowed == 0, allowed == 0, "{mine:?}");
            }
        }
    }
}
