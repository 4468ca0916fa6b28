//! How much of Google an installation may use.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::port::{Limit, ThrottleKey, Window};

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
    /// An account's line for placing jobs, and its per-minute limit.
    #[must_use]
    pub fn line(&self, account: &Account, cost: u32) -> Limit {
        Limit {
            key: ThrottleKey::User(account.user_key.clone()),
            window: Window::Minute,
            allowed: self.account_per_minute,
            cost,
        }
    }

    /// The line for jobs that may wait: a fifth of the rate is left to the others.
    #[must_use]
    pub fn bulk_line(&self, account: &Account, cost: u32) -> Limit {
        let line = self.line(account, cost);
        Limit { allowed: (line.allowed / 5).saturating_mul(4).max(1), ..line }
    }

    /// Every limit that one request counts against.
    #[must_use]
    pub fn of(&self, account: &Account, what: Use<'_>) -> Vec<Limit> {
        let project = |window, allowed| Limit { key: ThrottleKey::Project, window, allowed, cost: 1 };
        let mut limits = vec![
            self.line(account, 1),
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
