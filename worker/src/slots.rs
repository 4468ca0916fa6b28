//! The worker's slots: who may take the next one, and when a job that may not comes back.
//!
//! A job holds its slot for as long as Google takes. An account for which Google is slow would hold every
//! slot, and all other accounts would wait for it. So an account that holds slots already leaves some free,
//! and holds no more than its even share while another account has jobs that wait for a slot. A job that
//! is given none is deferred like one that waits for a quota: it comes back about when its account will
//! have a slot free.
//!
//! Of sixteen slots one is left, and a second slow account may take that one: a third then waits until a job of
//! the first ends. With 32 slots and more several are left.

mod standing;
mod waiting;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use common::account::AccountId;
use common::port::Clock;
use jiff::Timestamp;
use tokio::sync::Notify;

use standing::{SlotUse, others_waiting};
pub(crate) use waiting::Waiting;

/// An account holds at most so many slots for each that is free beside the one it asks for: alone 15 of 16,
/// or 240 of 256.
const FOR_EACH_FREE: usize = 15;
/// With fewer slots than this none is kept free: one of four would be a quarter of the worker.
const KEPT_FROM: usize = 8;
/// Accounts that are remembered before those that hold and wait for nothing are forgotten.
const REMEMBERED: usize = 1_000;

/// The slots of one worker. One task takes them; the holder of a slot gives it back.
pub(crate) struct Slots {
    count: usize,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    freed: Notify,
}

/// A slot that is taken; free again when dropped.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    account: Option<(AccountId, Timestamp)>,
}

#[derive(Default)]
struct State {
    taken: usize,
    accounts: HashMap<AccountId, SlotUse>,
}

impl Slots {
    pub(crate) fn new(count: usize, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { count, clock, state: Mutex::default(), freed: Notify::new() })
    }

    /// Waits until a slot is free. Cancel safe.
    pub(crate) async fn one_free(&self) {
        while self.state().taken >= self.count {
            self.freed.notified().await;
        }
    }

    /// Waits until a slot has become free. Cancel safe.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// A slot for work that is no account's, or none's for long. One must be free.
    pub(crate) fn take(self: &Arc<Self>) -> Slot {
        self.state().taken += 1;
        Slot { slots: Arc::clone(self), account: None }
    }

    /// A slot for a job of `account`, if it may have one. One must be free.
    pub(crate) fn take_for(self: &Arc<Self>, account: &AccountId) -> Option<Slot> {
        let now = self.clock.now();
        let mut state = self.state();
        if !state.may_take(account, self.count, now) {
            state.accounts.entry(account.clone()).or_default().refused(now);
            return None;
        }
        state.taken += 1;
        state.forget(now);
        state.accounts.entry(account.clone()).or_default().began(now);
        Some(Slot { slots: Arc::clone(self), account: Some((account.clone(), now)) })
    }

    /// When a job of `account` that was given no slot comes back.
    pub(crate) fn place(&self, account: &AccountId) -> Duration {
        let now = self.clock.now();
        self.state().accounts.entry(account.clone()).or_default().place(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics holding it")
    }
}

impl State {
    fn may_take(&self, account: &AccountId, count: usize, now: Timestamp) -> bool {
        let Some(standing) = self.accounts.get(account) else { return true };
        let held = standing.held();
        if held == 0 || count < KEPT_FROM {
            return true;
        }
        // Beside the one that is asked for.
        let free = count.saturating_sub(self.taken + 1);
        if !standing.is_slow(now) && held < count / 2 {
            return true;
        }
        let contenders = 1 + others_waiting(&self.accounts, account, now);
        held < FOR_EACH_FREE * free && (contenders == 1 || held < (count / contenders).max(1))
    }

    fn forget(&mut self, now: Timestamp) {
        if self.accounts.len() >= REMEMBERED {
            self.accounts.retain(|_, standing| standing.held() > 0 || standing.waits(now));
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let now = self.slots.clock.now();
        let mut state = self.slots.state();
        state.taken -= 1;
        if let Some((account, began)) = &self.account
            && let Some(standing) = state.accounts.get_mut(account)
        {
            standing.ended(*began, now);
        }
        drop(state);
        self.slots.freed.notify_one();
    }
}

#[cfg(test)]
mod tests;
