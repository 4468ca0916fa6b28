//! The windows that requests are counted in.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use common::port::Allotment;
use common::time;
use jiff::Timestamp;

use super::{Counted, RateLimit};

/// The windows of callers, in two generations: those that were met since the last turn, and those that were not met
/// since. At a turn the older ones go, unlooked at.
pub(super) struct Windows {
    pub(super) young: HashMap<Counted, Slot>,
    pub(super) old: HashMap<Counted, Slot>,
    turned_at: Timestamp,
    /// The longest window that there is: by then a caller that was not met may go.
    longest: Duration,
    /// With so many young ones it turns at once.
    most: usize,
}

/// One caller's window; who counts in it waits for the one before, who may be asking the others.
pub(super) type Slot = Arc<tokio::sync::Mutex<Window>>;

/// So many addresses make a generation. With more, those that were not met since are forgotten, whatever they have
/// used: a caller with so many addresses is not held by counting them.
pub(super) const MOST: usize = 50_000;
/// So many addresses of a generation are counted with the other ingresses: a flood of them must not fill what is shared.
pub(super) const SHARED: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) ends: Timestamp,
    /// What was used of it, as far as is known.
    pub(super) used: u32,
    /// What was used here.
    own: u32,
    /// Requests that are this ingress's, and are not used yet.
    held: u32,
    /// How many were asked for last.
    asked: u32,
    pub(super) sharing: Sharing,
}

/// With whom a window is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// With no other ingress.
    Alone,
    /// With the other ingresses.
    Shared,
    /// With them, and nothing of it is left.
    Spent,
}

impl Windows {
    pub(super) fn new(most: usize) -> Self {
        let (turned_at, longest) = (Timestamp::UNIX_EPOCH, Duration::ZERO);
        Self { young: HashMap::new(), old: HashMap::new(), turned_at, longest, most }
    }

    /// Answers those that are gone.
    pub(super) fn turn(&mut self, per: Duration, now: Timestamp) -> HashMap<Counted, Slot> {
        self.longest = self.longest.max(per);
        if self.young.len() < self.most && time::until(self.turned_at, now) < self.longest {
            return HashMap::new();
        }
        self.turned_at = now;
        mem::replace(&mut self.old, mem::take(&mut self.young))
    }

    pub(super) fn slot(&mut self, caller: &Counted, sharing: Sharing, now: Timestamp) -> Slot {
        if let Some(slot) = self.young.get(caller) {
            return Arc::clone(slot);
        }
        let sharing = match caller {
            Counted::Address(_) if self.young.len() >= SHARED => Sharing::Alone,
            Counted::Address(_) | Counted::Key(_) | Counted::Link(_) => sharing,
        };
        let new = || Arc::new(tokio::sync::Mutex::new(Window::new(now, sharing)));
        let slot = self.old.remove(caller).unwrap_or_else(new);
        self.young.insert(caller.clone(), Arc::clone(&slot));
        slot
    }
}

impl Window {
    pub(super) fn new(ends: Timestamp, sharing: Sharing) -> Self {
        let sharing = match sharing {
            Sharing::Alone => Sharing::Alone,
            Sharing::Shared | Sharing::Spent => Sharing::Shared,
        };
        Self { ends, used: 0, own: 0, held: 0, asked: 0, sharing }
    }

    pub(super) fn is_to_be_asked_for(&self) -> bool {
        self.sharing == Sharing::Shared && self.held == 0
    }

    /// How many to ask for: one at first, so that a caller that calls seldom leaves all but that to other ingresses; more
    /// each time, so that one that calls often asks seldom; and fewer at the end, so that little is left unused.
    pub(super) fn wanted(&self, limit: RateLimit) -> u32 {
        let left = limit.requests.saturating_sub(self.used);
        self.asked.saturating_mul(2).min(limit.requests / 64).min(left / 8).max(1)
    }

    pub(super) fn allotted(&mut self, want: u32, allotment: Allotment, limit: RateLimit, now: Timestamp) {
        self.ends = time::after(now, allotment.resets_in);
        self.asked = want;
        self.held = allotment.granted;
        self.used = limit.requests.saturating_sub(allotment.left.saturating_add(allotment.granted));
        if allotment.granted == 0 {
            self.sharing = Sharing::Spent;
        }
    }

    /// The others cannot be asked: what is left is what is left of this ingress's share.
    pub(super) fn used_of_share(&mut self, limit: RateLimit, ingresses: u32) {
        let share = limit.requests.div_ceil(ingresses);
        self.used = limit.requests.saturating_sub(share.saturating_sub(self.own));
    }

    pub(super) fn count(&mut self, limit: RateLimit) {
        if self.sharing == Sharing::Spent {
            self.used = limit.requests;
        }
        self.held = self.held.saturating_sub(1);
        self.used = self.used.saturating_add(1);
        self.own = self.own.saturating_add(1);
    }

    pub(super) fn give_back(&mut self) {
        if self.sharing == Sharing::Shared {
            self.held = self.held.saturating_add(1);
        }
        self.used = self.used.saturating_sub(1);
        self.own = self.own.saturating_sub(1);
    }
}
