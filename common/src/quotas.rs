//! How much of Google an installation may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::event::Priority;
use crate::job::{Job, Place, Tally, Turn};
use crate::pace;
use crate::port::{Limit, Line, ThrottleKey, Window};

/// Google's limits, as configured. The defaults are those of projects made since May 2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// Requests a minute, all accounts together.
    pub project_per_minute: u32,
    /// Requests a day, all accounts together.
    pub project_per_day: u32,
    /// Requests a minute for one Google user.
    pub account_per_minute: u32,
    /// Writes a second to one calendar.
    pub calendar_per_second: u32,
    /// Guests a day invited by one Google user.
    pub invites_per_day: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            project_per_minute: 10_000,
            project_per_day: 1_000_000,
            account_per_minute: 600,
            calendar_per_second: 10,
            invites_per_day: 9_000,
        }
    }
}

/// What a request to Google does, as far as quotas care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use<'a> {
    /// Reads.
    Read,
    /// Writes to the calendar with this keyed hash, inviting so many guests.
    Write {
        /// Keyed hash of the calendar.
        calendar: &'a str,
        /// Guests that are invited by it.
        guests: u32,
    },
}

impl Quotas {
    /// The limit of an account's requests.
    #[must_use]
    pub fn per_minute(&self, account: &Account, cost: u32) -> Limit {
        Limit {
            key: ThrottleKey::User(account.user_key.clone()),
            window: Window::Minute,
            allowed: self.account_per_minute,
            cost,
        }
    }

    /// The line that jobs of this priority wait in for their account, and what one of this cost takes of it. Bulk
    /// jobs take their turns at four fifths of the account's rate.
    #[must_use]
    pub fn line(&self, account: &Account, priority: Priority, cost: u32) -> Line {
        let limit = self.per_minute(account, cost);
        let limit = match priority {
            Priority::Normal => limit,
            Priority::Bulk => Limit { allowed: (limit.allowed / 5).saturating_mul(4).max(1), ..limit },
        };
        Line { user: account.user_key.clone(), priority, charge: pace::whole_micros(pace::charge(&limit)) }
    }

    /// The line of a job, and what it takes of it; a job of an older build counts as a normal one of one request.
    #[must_use]
    pub fn line_of(&self, account: &Account, turn: Option<Turn>) -> Line {
        let (priority, cost) = turn.map_or((Priority::Normal, 1), |turn| (turn.priority, turn.cost));
        self.line(account, priority, cost)
    }

    /// What `job` has taken of its account's line and gives back if it ends now; nothing once its turn has come.
    ///
    /// An older build has not recorded what its jobs took: it was one normal request's charge at least.
    #[must_use]
    pub fn taken_by(&self, account: &Account, job: &Job) -> Option<Line> {
        let Some(turn) = job.turn else {
            return (job.tally == Tally::default()).then(|| self.line_of(account, None));
        };
        match turn.place {
            Place::InLine { micros } => Some(Line {
                user: account.user_key.clone(),
                priority: turn.priority,
                charge: Duration::from_micros(micros),
            }),
            Place::Outside | Place::Past => None,
        }
    }

    /// Every limit that one request counts against.
    #[must_use]
    pub fn of(&self, account: &Account, what: Use<'_>) -> Vec<Limit> {
        let project = |window, allowed| Limit { key: ThrottleKey::Project, window, allowed, cost: 1 };
        let mut limits = vec![
            self.per_minute(account, 1),
            project(Window::Minute, self.project_per_minute),
            project(Window::Day, self.project_per_day),
        ];
        if let Use::Write { calendar, guests } = what {
            limits.push(Limit {
                key: ThrottleKey::Calendar(calendar.to_owned()),
                window: Window::Second,
                allowed: self.calendar_per_second,
                cost: 1,
            });
            if guests > 0 {
                limits.push(Limit {
                    key: ThrottleKey::Guests(account.user_key.clone()),
                    window: Window::Day,
                    allowed: self.invites_per_day,
                    cost: guests,
                });
            }
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{AccountId, AccountState, Generation};
    use crate::port::{ClientRef, GoogleUser};
    use crate::sample;
    use crate::seal::Key;

    fn account() -> Account {
        let key = Key::random();
        Account {
            id: AccountId::default_account(),
            generation: Generation(1),
            state: AccountState::Connected,
            seal_key: key.seal("default", &key),
            older_seal_keys: Vec::new(),
            user: key.seal("default", &GoogleUser { sub: "1".to_owned(), email: String::new() }),
            user_key: "u".to_owned(),
            refresh_token: None,
            client: ClientRef { client_id: String::new(), token_uri: String::new() },
            scopes: Vec::new(),
            connected_at: sample::noon(),
            guest_limit: None,
        }
    }

    #[test]
    fn bulk_jobs_take_their_turns_at_four_fifths_of_the_rate() {
        let quotas = Quotas::default();
        let charge = |priority, cost| quotas.line(&account(), priority, cost).charge.as_micros();
        assert_eq!((charge(Priority::Normal, 1), charge(Priority::Normal, 2)), (102_041, 204_082));
        assert_eq!((charge(Priority::Bulk, 1), charge(Priority::Bulk, 2)), (127_552, 255_103));
    }

    #[test]
    fn what_a_job_gives_back_is_what_its_record_says_whatever_the_quotas_are_by_now() {
        let now = Quotas { account_per_minute: 60, ..Quotas::default() };
        let turn = |priority, place| Some(Turn { priority, cost: 2, place, yields: 0 });
        let fresh = Tally::default();
        let line = |priority, micros| {
            Some(Line { user: "u".to_owned(), priority, charge: Duration::from_micros(micros) })
        };
        for (turn, tally, expected) in [
            (turn(Priority::Normal, Place::InLine { micros: 7 }), fresh, line(Priority::Normal, 7)),
            (turn(Priority::Bulk, Place::InLine { micros: 9 }), fresh.deferred(), line(Priority::Bulk, 9)),
            (turn(Priority::Normal, Place::Outside), fresh, None),
            (turn(Priority::Bulk, Place::Past), fresh, None),
            // Of an older build.
            (None, fresh, line(Priority::Normal, 1_020_409)),
            (None, fresh.deferred(), None),
        ] {
            let job = sample::job("o", "a").with(|fields| {
                fields.turn = turn;
                fields.tally = tally;
            });
            assert_eq!(now.taken_by(&account(), &job), expected, "{turn:?}");
        }
    }
}
