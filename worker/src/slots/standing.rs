//! How one account stands with the worker's slots.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use common::account::AccountId;
use common::time::{after, minutes, until};
use jiff::Timestamp;

/// From here on an account is slow. A job with a Meet link takes two seconds, and one that waits in hand for
/// its turn under the quotas two more.
const SLOW: Duration = Duration::from_secs(5);
/// No job is taken to last less.
const SHORTEST: Duration = Duration::from_secs(1);
/// No job that is given no slot comes back earlier.
const SOONEST: Duration = Duration::from_secs(1);
/// Or later: Google may have become faster.
const LATEST: Duration = minutes(2);
/// Deferred jobs come back so many times as fast as their account's jobs were last seen to end: no slot that
/// becomes free waits for them.
const AHEAD: u32 = 2;
/// A job that waits in hand asks again as soon as any slot becomes free; for so long it counts as waiting.
const ASKING: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(super) struct SlotUse {
    /// When each of its jobs that hold a slot took it, in order.
    began: VecDeque<Timestamp>,
    /// How long its jobs have lately held theirs; nothing before the first has ended.
    took: Option<Duration>,
    /// When the last of its deferred jobs comes back.
    last_place: Option<Timestamp>,
    /// When a job of it was last given no slot.
    refused: Option<Timestamp>,
}

/// How many accounts beside `account` have jobs that wait for a slot.
pub(super) fn others_waiting(
    accounts: &HashMap<AccountId, SlotUse>,
    account: &AccountId,
    now: Timestamp,
) -> usize {
    accounts.iter().filter(|(other, standing)| *other != account && standing.waits(now)).count()
}

impl SlotUse {
    pub(super) fn held(&self) -> usize {
        self.began.len()
    }

    /// Whether jobs of it wait for a slot, in hand or in the queue.
    pub(super) fn waits(&self, now: Timestamp) -> bool {
        self.last_place.is_some_and(|last| last > now)
            || self.refused.is_some_and(|refused| until(refused, now) < ASKING)
    }

    pub(super) fn refused(&mut self, now: Timestamp) {
        self.refused = Some(now);
    }

    /// Whether Google is slow for it, or might be.
    pub(super) fn is_slow(&self, now: Timestamp) -> bool {
        self.took.is_none_or(|took| took >= SLOW) || self.oldest(now) >= SLOW
    }

    pub(super) fn began(&mut self, now: Timestamp) {
        self.began.push_back(now);
    }

    pub(super) fn ended(&mut self, began: Timestamp, now: Timestamp) {
        if let Some(place) = self.began.iter().position(|at| *at == began) {
            self.began.remove(place);
        }
        let took = until(began, now);
        self.took = Some(self.took.map_or(took, |before| (before * 3 + took) / 4));
    }

    /// One place after the other, as fast as its jobs are seen to end.
    pub(super) fn place(&mut self, now: Timestamp) -> Duration {
        let took = self.took.unwrap_or_default().max(self.oldest(now)).max(SHORTEST);
        let held = u32::try_from(self.held()).unwrap_or(u32::MAX).max(1);
        let next = self.last_place.map_or(now, |last| after(last, took / held / AHEAD));
        let place = next.clamp(after(now, SOONEST), after(now, LATEST));
        self.last_place = Some(place);
        until(now, place)
    }

    /// For how long the oldest of its jobs has held its slot.
    fn oldest(&self, now: Timestamp) -> Duration {
        self.began.front().map_or(Duration::ZERO, |began| until(*began, now))
    }
}
