//! How fast a limit lets units through.
//!
//! Units are let through at 98 % of what the window allows, as a generic cell rate algorithm does:
//! each unit moves the line's next free instant on by [`charge`], and a cost is let through when that
//! instant, with all but one of its units charged, is at most [`slack`] ahead. So no span as long as
//! the window sees more than 98 % + 1 % + 1 unit of `allowed`, which is never more than `allowed`
//! (for less than 100 because units are whole), and a caller that comes late by up to the slack loses
//! nothing. A cost larger than the slack allows for waits until the line has been idle for it.

use std::time::Duration;

use crate::port::{Limit, Window};

/// The share of a limit that is used, in percent: clocks differ, and so do ways to count.
const SHARE: u32 = 98;

/// How long the line is taken by `limit`'s cost. Rounded up: never faster than allowed.
#[must_use]
pub fn charge(limit: &Limit) -> Duration {
    charge_of(limit, limit.cost)
}

/// How long the line is taken by one unit.
#[must_use]
pub fn charge_of_one(limit: &Limit) -> Duration {
    charge_of(limit, 1)
}

/// How far a booked turn moves up to when turns are booked: a little more than the line is taken, so that a line which
/// lost time to somebody who came late makes it good.
#[must_use]
pub fn booking(limit: &Limit, calls: u32) -> Duration {
    let charge = charge(limit);
    (charge + charge / 200).saturating_mul(calls)
}

fn charge_of(limit: &Limit, cost: u32) -> Duration {
    let per = u128::from(limit.allowed.max(1)) * u128::from(SHARE);
    let nanos = (limit.window.span().as_nanos() * 100 * u128::from(cost)).div_ceil(per);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Rounded up to whole microseconds, which is what Redis counts in.
#[must_use]
pub fn whole_micros(span: Duration) -> Duration {
    Duration::from_micros(u64::try_from(span.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX))
}

/// How far a line may run ahead: one hundredth of the window's units, whatever their number.
#[must_use]
pub fn slack(window: Window) -> Duration {
    window.span() / SHARE
}

/// How many units a day gives: at least one, or nothing would ever be let through.
fn share_of_day(allowed: u32) -> u64 {
    (u64::from(allowed) * u64::from(SHARE) / 100).max(1)
}

/// How many units of a day may have been taken already when `limit`'s cost is let through. A cost above the
/// whole share passes when nothing else was taken: Google has the last word.
#[must_use]
pub fn room_of_day(limit: &Limit) -> u64 {
    share_of_day(limit.allowed).saturating_sub(u64::from(limit.cost))
}

/// How far ahead of an instant a line is that is as full as it can be: the next unit is let through when it
/// would be had one been at that instant, and the slack used up.
#[must_use]
pub fn full(limit: &Limit) -> Duration {
    slack(limit.window).saturating_add(charge_of_one(limit))
}
