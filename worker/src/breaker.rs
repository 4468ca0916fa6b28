//! A circuit breaker: while most accounts fail alike, Google is down, and is asked by one job at a time.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::account::AccountId;
use common::backoff::Schedule;
use common::port::Clock;
use common::time::{after, until};
use jiff::Timestamp;

use crate::attempt_error::Circuit;

/// An account's last result counts for this long, and once.
const VOTE: Duration = Duration::from_secs(30);
/// From this many accounts on the accounts vote; below it the last calls do.
const ACCOUNTS: usize = 5;
/// That many calls.
const CALLS: usize = 10;
/// Out of ten votes.
const FAILED_OF_TEN: usize = 8;
/// Between two probes of an endpoint that many jobs ask at once.
pub(crate) const PROBES: Schedule =
    Schedule { first: Duration::from_secs(1), longest: Duration::from_secs(30) };

/// Between two probes of one that each account asks once an hour: soon after it is back no job waits any more.
pub(crate) const OFTEN: Schedule =
    Schedule { first: Duration::from_secs(1), longest: Duration::from_secs(10) };
/// While a probe is under way: an endpoint that hangs lets it wait for as long as a call may take.
const PROBING: Duration = Duration::from_secs(5);
/// A call that was given up after so long says that the endpoint hangs.
const HANGS: Duration = Duration::from_secs(10);

/// Watches one endpoint.
pub(crate) struct Breaker {
    clock: Arc<dyn Clock>,
    probes: Schedule,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    votes: HashMap<AccountId, Vote>,
    calls: VecDeque<Outcome>,
    open: Option<Open>,
}

#[derive(Clone, Copy)]
struct Vote {
    at: Timestamp,
    outcome: Outcome,
}

struct Open {
    probes: u32,
    next: Timestamp,
    probing: bool,
}

/// What a call says about the endpoint: any answer but a 5xx says that it is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It answered.
    Up,
    /// Transport error or 5xx.
    Down,
}

/// The right to make one call. Dropped without a report it says nothing, unless the call was under way for long: then
/// a request lost patience with an endpoint that hangs.
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    account: AccountId,
    circuit: Circuit,
    /// Since when the endpoint has been asked.
    asked: Option<Timestamp>,
    reported: bool,
}

impl Breaker {
    pub(crate) fn new(clock: Arc<dyn Clock>, probes: Schedule) -> Self {
        Self { clock, probes, state: Mutex::default() }
    }

    /// May a call be made now?
    ///
    /// # Errors
    /// While the circuit is open: how long until the next probe.
    pub(crate) fn admit(&self, account: &AccountId) -> Result<Permit<'_>, Duration> {
        let now = self.clock.now();
        let mut state = self.state.lock().expect("nothing panics holding it");
        let circuit = match &mut state.open {
            None => Circuit::Closed,
            Some(open) if !open.probing && open.next <= now => {
                open.probing = true;
                Circuit::Probing
            }
            Some(open) if open.probing => return Err(until(now, open.next).max(PROBING)),
            Some(open) => return Err(until(now, open.next).max(self.probes.first)),
        };
        Ok(Permit { breaker: self, account: account.clone(), circuit, asked: None, reported: false })
    }

    /// Whether it is open.
    pub(crate) fn is_open(&self) -> bool {
        self.state.lock().expect("nothing panics holding it").open.is_some()
    }

    /// While it is open and no probe is due: how long until one is.
    pub(crate) fn left_alone_for(&self) -> Option<Duration> {
        let now = self.clock.now();
        let state = self.state.lock().expect("nothing panics holding it");
        state.open.as_ref().filter(|open| open.next > now).map(|open| until(now, open.next))
    }

    fn report(&self, circuit: Circuit, account: &AccountId, outcome: Outcome) {
        let now = self.clock.now();
        let mut state = self.state.lock().expect("nothing panics holding it");
        match (outcome, &mut state.open) {
            (Outcome::Up, Some(_)) => *state = State::default(),
            (Outcome::Down, Some(open)) => {
                if circuit == Circuit::Probing {
                    open.probing = false;
                    open.probes = open.probes.saturating_add(1);
                    open.next = after(now, self.probes.ceiling(open.probes));
                }
            }
            (Outcome::Up | Outcome::Down, None) => {
                state.vote(account, outcome, now);
                if state.says_down(now) {
                    state.open =
                        Some(Open { probes: 1, next: after(now, self.probes.first), probing: false });
                }
            }
        }
    }

    fn abandon(&self, circuit: Circuit) {
        if circuit == Circuit::Probing
            && let Some(open) = &mut self.state.lock().expect("nothing panics holding it").open
        {
            open.probing = false;
        }
    }
}

impl State {
    fn vote(&mut self, account: &AccountId, outcome: Outcome, now: Timestamp) {
        self.votes.retain(|_, vote| until(vote.at, now) < VOTE);
        self.votes.insert(account.clone(), Vote { at: now, outcome });
        self.calls.push_back(outcome);
        if self.calls.len() > CALLS {
            self.calls.pop_front();
        }
    }

    fn says_down(&self, now: Timestamp) -> bool {
        let current: Vec<Outcome> =
            self.votes.values().filter(|vote| until(vote.at, now) < VOTE).map(|vote| vote.outcome).collect();
        if current.len() >= ACCOUNTS {
            mostly_down(current.into_iter())
        } else {
            self.calls.len() >= CALLS && mostly_down(self.calls.iter().copied())
        }
    }
}

fn mostly_down(outcomes: impl ExactSizeIterator<Item = Outcome>) -> bool {
    let all = outcomes.len();
    let down = outcomes.filter(|outcome| *outcome == Outcome::Down).count();
    down * 10 >= all * FAILED_OF_TEN
}

impl Permit<'_> {
    /// Whether the circuit was closed when the permit was given.
    pub(crate) fn circuit(&self) -> Circuit {
        self.circuit
    }

    /// The call goes out now.
    pub(crate) fn asks(&mut self) {
        self.asked = Some(self.breaker.clock.now());
    }

    /// Says how the call went.
    pub(crate) fn report(mut self, outcome: Outcome) {
        self.reported = true;
        self.breaker.report(self.circuit, &self.account, outcome);
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({:?})", self.circuit)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        let now = self.breaker.clock.now();
        if self.asked.is_some_and(|asked| until(asked, now) > HANGS) {
            self.breaker.report(self.circuit, &self.account, Outcome::Down);
        } else {
            self.breaker.abandon(self.circuit);
        }
    }
}

#[cfg(test)]
mod tests;
