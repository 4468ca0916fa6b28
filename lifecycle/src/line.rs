//! A job's place in its account's line, for what brings the job to its turn, and for what ends it before.

use std::time::Duration;

use common::account::Account;
use common::deadline::in_time;
use common::job::{Job, Place, Step, Turn};
use common::message::Message;
use common::port::Throttle;
use common::quotas::Quotas;
use common::time::after;
use jiff::Timestamp;

use crate::ports::Ports;

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

/// Records where the job of a message is placed in its line. Should that fail, a job that is cancelled before its turn
/// gives nothing back.
pub(crate) async fn note_place(ports: &Ports, message: &Message) {
    if let Some(turn) = message.turn {
        let step = Step::Placed { turn, warning: None };
        let _ = ports.store.take(&message.job, &step, ports.clock.now()).await;
    }
}

/// A job that ends before its turn gives back what it took of its account's line.
pub(crate) async fn leave(ports: &Ports, quotas: &Quotas, job: &Job) {
    if let Ok(Some(account)) = ports.accounts.get(&job.account).await
        && let Some(line) = quotas.taken_by(&account, job)
    {
        ports.throttle.leave(&line).await;
    }
}
