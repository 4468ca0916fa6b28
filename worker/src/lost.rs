//! Jobs that nothing would bring to a worker any more: a new message is published for each, and the attempt that it
//! brings looks at Google before it writes.
//!
//! A job that waits behind others is overdue too, and is not lost. What was not begun is taken for lost only where the
//! queue and its account's line are short. Should it not be lost after all, one look at Google is what that costs: of
//! its two messages the older one is forgotten.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use common::account::AccountId;
use common::event::Priority;
use common::jitter::spread_by;
use common::job::{Job, OVERDUE, Silence};
use common::port::Overdue;
use common::random;
use common::time::{minutes, until};
use jiff::Timestamp;
use lifecycle::{ReplayError, revive};

use crate::attempt::Attempts;
use crate::metrics;
use crate::ports::Ports;
use crate::settings::Settings;

/// Between two looks, or a little more. So long after its start a worker looks for the first time: what its predecessors
/// had in hand has been delivered by then.
const LOOK: Duration = minutes(1);
/// Jobs that one look revives, at most.
const MANY: usize = 100;
/// Records that one look reads, at most. The next one goes on behind them.
const READ: usize = 1_000;
/// Records read at a time.
const PAGE: u32 = 100;
/// Revived jobs come to workers spread over this.
const SPREAD: Duration = Duration::from_secs(30);
/// A line that takes longer keeps its account's jobs waiting.
const SHORT: Duration = Duration::from_secs(2);

/// How much stands before a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing that would make it overdue.
    Little,
    /// So much that it may be overdue for that alone.
    Much,
}

fn is_lost(silence: Silence, queue: Before, line: Before) -> bool {
    match (silence, queue, line) {
        (Silence::Usual, _, _) => false,
        (Silence::Certain, _, _) | (Silence::Long, Before::Little, Before::Little) => true,
        (Silence::Long, Before::Much, _) | (Silence::Long, _, Before::Much) => false,
    }
}

/// Revives lost jobs, a number of them a minute. Of several workers one does.
pub(crate) async fn revive_lost(ports: &Ports, settings: &Settings, attempts: &Attempts) {
    let look = Look { ports, settings, attempts };
    let (mut behind, mut works) = (None, true);
    loop {
        let (began, pause) = (ports.clock.now(), spread_by(LOOK, random::fraction()));
        ports.clock.sleep(pause).await;
        // This process stood still, or all of them did: what has come due meanwhile is being delivered now.
        if until(began, ports.clock.now()) >= LOOK * 2 {
            continue;
        }
        let revived = look.take(&mut behind).await;
        match &revived {
            Ok(0) => {}
            Ok(count) => tracing::warn!(
                "Revived {count} jobs that nothing would have brought to a worker: their last change was lost"
            ),
            Err(error) if works => tracing::warn!("Overdue jobs could not be looked at: {error}"),
            Err(_) => {}
        }
        works = revived.is_ok();
    }
}

/// What a look works with.
struct Look<'a> {
    ports: &'a Ports,
    settings: &'a Settings,
    attempts: &'a Attempts,
}

impl Look<'_> {
    /// Looks at the longest-due jobs, or on behind those of the look before; answers how many it has revived.
    async fn take(&self, behind: &mut Option<Overdue>) -> Result<usize, ReplayError> {
        let now = self.ports.clock.now();
        let before = now.checked_sub(OVERDUE).unwrap_or(Timestamp::MIN);
        let (mut queue, mut lines) = (None, HashMap::new());
        let (mut read, mut revived) = (0, 0);
        while read < READ {
            let page = self.ports.store.overdue(before, behind.as_ref(), PAGE).await?;
            read += page.len();
            // Behind the end comes the beginning.
            if page.is_empty() {
                *behind = None;
                break;
            }
            for overdue in page {
                let job = &overdue.job;
                let silence = job.silence(overdue.due, now);
                if silence != Silence::Usual {
                    let queue = match queue {
                        Some(queue) => queue,
                        None => *queue.insert(self.queue().await),
                    };
                    let line = self.line(&mut lines, job).await;
                    if is_lost(silence, queue, line) {
                        let delay = SPREAD.mul_f64(random::fraction());
                        if revive(&self.ports.into(), job, delay).await? {
                            metrics::revived();
                            revived += 1;
                        }
                    }
                }
                *behind = Some(overdue);
                if revived == MANY {
                    return Ok(revived);
                }
            }
        }
        Ok(revived)
    }

    /// A queue that its workers go through within a minute has nothing in it that was due long ago.
    async fn queue(&self) -> Before {
        let most = u64::try_from(self.settings.concurrency).unwrap_or(u64::MAX);
        match self.ports.queue.depth().await {
            Ok(depth) if depth.fresh + depth.due <= most && !self.attempts.gateway.is_down() => {
                Before::Little
            }
            Ok(_) | Err(_) => Before::Much,
        }
    }

    async fn line(&self, known: &mut HashMap<AccountId, Before>, job: &Job) -> Before {
        match known.entry(job.account.clone()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => *unknown.insert(self.line_of(&job.account).await),
        }
    }

    async fn line_of(&self, account: &AccountId) -> Before {
        match self.ports.accounts.get(account).await {
            Ok(Some(account)) => {
                // A bulk job stands behind both kinds.
                let line = self.settings.quotas.line(&account, Priority::Bulk, 1).only_looked_at();
                let is_long = self.attempts.gateway.has_long_line(&account);
                if is_long || self.ports.throttle.place(&line).await > SHORT {
                    Before::Much
                } else {
                    Before::Little
                }
            }
            // The attempt says what is wrong.
            Ok(None) => Before::Little,
            Err(_) => Before::Much,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_only_be_waiting_is_not_lost() {
        use Before::{Little, Much};
        for (queue, line) in [(Little, Little), (Little, Much), (Much, Little), (Much, Much)] {
            assert!(!is_lost(Silence::Usual, queue, line));
            assert!(is_lost(Silence::Certain, queue, line));
            assert_eq!(is_lost(Silence::Long, queue, line), (queue, line) == (Little, Little));
        }
    }
}
