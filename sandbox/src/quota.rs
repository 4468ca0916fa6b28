//! Quotas over true sliding windows: what was used in the last minute decides, not a counter that is reset.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::api_error::ApiError;
use crate::catalogue::Layout;
use crate::config::Quota;
use crate::method::Method;

pub(crate) const MINUTE: SignedDuration = SignedDuration::from_secs(60);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Units used within a span that ends now.
#[derive(Debug, Default)]
pub(crate) struct Window {
    used: VecDeque<(Timestamp, u32)>,
    sum: u64,
}

impl Window {
    /// Forgets what is `span` old or older and says what is left.
    pub(crate) fn within(&mut self, now: Timestamp, span: SignedDuration) -> u64 {
        while let Some(&(at, units)) = self.used.front() {
            if now.duration_since(at) < span {
                break;
            }
            self.used.pop_front();
            self.sum -= u64::from(units);
        }
        self.sum
    }

    pub(crate) fn add(&mut self, now: Timestamp, units: u32) {
        self.used.push_back((now, units));
        self.sum += u64::from(units);
    }
}

/// All windows of the project.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    pub(crate) limits: Quota,
    project: Window,
    users: HashMap<String, Window>,
    calendars: HashMap<String, Window>,
    invitations: HashMap<String, Window>,
}

impl Quotas {
    pub(crate) fn new(limits: Quota) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Uses the method's units, or refuses and uses none.
    pub(crate) fn take(
        &mut self,
        method: Method,
        user: &str,
        calendar: &str,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let cost = method.cost();
        let over = |used: u64, limit: u32| used + u64::from(cost) > u64::from(limit);
        if over(self.project.within(now, MINUTE), self.limits.project_per_minute) {
            return Err(ApiError::of("rateLimitExceeded")
                .saying("Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'calendar-json.googleapis.com' for consumer 'project_number:100000000001'.")
                .over_quota()
                .laid_out(Layout::Frontend));
        }
        let user = window(&mut self.users, user);
        if over(user.within(now, MINUTE), self.limits.user_per_minute) {
            return Err(ApiError::of("userRateLimitExceeded"));
        }
        if method.is_write() {
            let calendar = window(&mut self.calendars, calendar);
            if calendar.within(now, SECOND) >= u64::from(self.limits.calendar_per_second) {
                return Err(ApiError::of("rateLimitExceeded"));
            }
            calendar.add(now, 1);
        }
        user.add(now, cost);
        self.project.add(now, cost);
        Ok(())
    }

    /// Uses up this many of a user's invitations, or refuses and uses none.
    pub(crate) fn invite(&mut self, user: &str, guests: u32, now: Timestamp) -> Result<(), ApiError> {
        if guests == 0 {
            return Ok(());
        }
        let used = window(&mut self.invitations, user);
        if used.within(now, DAY) + u64::from(guests) > u64::from(self.limits.invitations_per_day) {
            return Err(ApiError::of("quotaExceeded"));
        }
        used.add(now, guests);
        Ok(())
    }
}

fn window<'a>(windows: &'a mut HashMap<String, Window>, key: &str) -> &'a mut Window {
    // No `entry`: it would copy the key on every request.
    if !windows.contains_key(key) {
        windows.insert(key.to_owned(), Window::default());
    }
    windows.get_mut(key).expect("inserted just above")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    fn quotas(project: u32, user: u32, calendar: u32) -> Quotas {
        Quotas::new(Quota {
            project_per_minute: project,
            user_per_minute: user,
            calendar_per_second: calendar,
            ..Quota::default()
        })
    }

    #[test]
    fn a_unit_comes_back_exactly_a_minute_after_it_was_used() {
        let mut quotas = quotas(100, 2, 100);
        assert!(quotas.take(Method::Get, "a", "a", at(0)).is_ok());
        assert!(quotas.take(Method::Get, "a", "a", at(30_000)).is_ok());
        assert!(quotas.take(Method::Get, "a", "a", at(59_999)).is_err());
        assert!(quotas.take(Method::Get, "a", "a", at(60_000)).is_ok());
        assert!(quotas.take(Method::Get, "a", "a", at(60_001)).is_err());
    }

    #[test]
    fn a_refused_request_uses_nothing() {
        let mut quotas = quotas(100, 3, 100);
        assert!(quotas.take(Method::Get, "a", "a", at(0)).is_ok());
        for _ in 0..10 {
            assert!(quotas.take(Method::Patch, "a", "a", at(1)).is_err());
        }
        assert!(quotas.take(Method::Get, "a", "a", at(2)).is_ok());
        assert!(quotas.take(Method::Get, "a", "a", at(3)).is_ok());
    }

    #[test]
    fn a_patch_counts_three_times_for_the_minute_and_once_for_the_calendar() {
        let mut quotas = quotas(100, 7, 2);
        assert!(quotas.take(Method::Patch, "a", "a", at(0)).is_ok());
        assert!(quotas.take(Method::Patch, "a", "a", at(1)).is_ok());
        assert!(quotas.take(Method::Insert, "a", "a", at(2)).is_err());
        assert!(quotas.take(Method::Insert, "a", "a", at(1_000)).is_ok());
        assert!(quotas.take(Method::Get, "a", "a", at(1_001)).is_err());
    }

    #[test]
    fn the_project_counts_all_users_and_reads_spare_the_calendar() {
        let mut quotas = quotas(3, 2, 1);
        assert!(quotas.take(Method::Get, "a", "a", at(0)).is_ok());
        assert!(quotas.take(Method::Get, "a", "a", at(0)).is_ok());
        assert!(quotas.take(Method::Get, "b", "b", at(0)).is_ok());
        assert!(quotas.take(Method::Get, "b", "b", at(0)).is_err());
    }
}
