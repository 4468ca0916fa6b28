//! Joining an account's line, for what brings a job to its turn: attempts, wakers, operators' commands.

use std::time::Duration;

use common::account::Account;
use common::deadline::in_time;
use common::job::{Place, Turn};
use common::port::Throttle;
use common::quotas::Quotas;
use common::time::after;
use jiff::Timestamp;

/// Joins the account's line as `turn`, which is `None` for a job of an older build. Answers where the job is then, and
/// how long it waits. One whose turn would come beyond its deadline does not stay in line, where others would wait for
/// it, and is tried before the deadline.
pub async fn join(
    throttle: &dyn Throttle,
    quotas: &Quotas,
    account: &Account,
    turn: Option<Turn>,
    not_after: Timestamp,
    now: Timestamp,
) -> (Option<Turn>, Duration) {
    let line = quotas.line_of(account, turn);
    let delay = throttle.place(&line).await;
    let place = if after(now, delay) < not_after {
        line.joined()
    } else {
        throttle.leave(&line).await;
        Place::Past
    };
    (turn.map(|turn| turn.at(place)), in_time(delay, not_after, now))
}
