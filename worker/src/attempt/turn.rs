//! Whose turn it is: a job joins its account's line when it can be done, and leaves it when it has ended.

use std::time::Duration;

use common::account::Account;
use common::event::Priority;
use common::job::{Job, Place, Turn};
use common::time::after;
use jiff::Timestamp;

use super::Attempts;
use super::leased::Leased;

/// A turn that is nearer than this is waited for in hand.
const SOON: Duration = Duration::from_secs(2);
/// So often a bulk job lets the normal jobs in line go first. It is not put off for ever.
const YIELDS: u32 = 3;

/// What a job that could be done now does first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    /// Nothing: its turn has come.
    Go,
    /// It joins the line, as this.
    Join(Turn),
    /// It joins the line again, as this, if normal jobs are waiting in theirs.
    Yield(Turn),
}

fn first_move(turn: Option<Turn>) -> Move {
    let Some(turn) = turn else {
        // Of an older build, which has placed it when it was accepted.
        return Move::Go;
    };
    match (turn.place, turn.priority) {
        (Place::Outside, Priority::Normal | Priority::Bulk) => Move::Join(turn),
        (Place::InLine { .. } | Place::Past, Priority::Bulk) if turn.yields < YIELDS => {
            Move::Yield(Turn { yields: turn.yields + 1, ..turn })
        }
        (Place::InLine { .. } | Place::Past, Priority::Normal | Priority::Bulk) => Move::Go,
    }
}

impl Leased<'_> {
    /// When the turn of a job comes that could be done now; `None` when it has come.
    pub(super) async fn awaited_turn(&self, attempts: &Attempts, account: &Account) -> Option<Timestamp> {
        let delay = match first_move(self.hold.turn()) {
            Move::Go => return None,
            Move::Join(turn) => self.join(attempts, account, Some(turn)).await,
            Move::Yield(turn) => {
                let normal = attempts.settings.quotas.line(account, Priority::Normal, 1).only_looked_at();
                if attempts.ports.throttle.place(&normal).await <= SOON {
                    return None;
                }
                self.join(attempts, account, Some(turn)).await
            }
        };
        if delay <= SOON {
            self.hold.stand(self.hold.turn().map(|turn| turn.at(Place::Past)));
            return None;
        }
        Some(after(attempts.ports.clock.now(), delay))
    }

    /// Joins the account's line as `turn`; answers how long to wait.
    pub(super) async fn join(&self, attempts: &Attempts, account: &Account, turn: Option<Turn>) -> Duration {
        let (throttle, now) = (attempts.ports.throttle.as_ref(), attempts.ports.clock.now());
        let quotas = &attempts.settings.quotas;
        let (turn, delay) = lifecycle::join(throttle, quotas, account, turn, self.job.not_after, now).await;
        self.hold.stand(turn);
        delay
    }
}

/// A job that ended before its turn gives back what it took of its account's line.
pub(super) async fn leave_line(attempts: &Attempts, ended: &Job) {
    if ended.turn.as_ref().is_some_and(Turn::is_in_line)
        && let Ok(Some(account)) = attempts.ports.accounts.get(&ended.account).await
        && let Some(line) = attempts.settings.quotas.taken_by(&account, ended)
    {
        attempts.ports.throttle.leave(&line).await;
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_joins_once_and_a_bulk_job_yields_a_few_times() {
        let turn = |priority, place, yields| Turn { priority, cost: 2, place, yields };
        let in_line = Place::InLine { micros: 7 };
        assert_eq!(first_move(None), Move::Go);
        for priority in [Priority::Normal, Priority::Bulk] {
            let outside = turn(priority, Place::Outside, 0);
            assert_eq!(first_move(Some(outside)), Move::Join(outside));
        }
        for place in [in_line, Place::Past] {
            assert_eq!(first_move(Some(turn(Priority::Normal, place, 0))), Move::Go);
            for yields in 0..YIELDS {
                let yielding = turn(Priority::Bulk, place, yields + 1);
                assert_eq!(first_move(Some(turn(Priority::Bulk, place, yields))), Move::Yield(yielding));
            }
            assert_eq!(first_move(Some(turn(Priority::Bulk, place, YIELDS))), Move::Go);
        }
    }
}
