//! Waking the jobs of an account that may run again, at the account's own pace.
//!
//! Every worker looks, and each job is woken by one of them: by whoever takes the step out of `blocked`.
//! The step leaves the job's hop as it is, so that the message which would look at the job after an hour
//! still counts should its waker die before it has published a new one.

use std::time::Duration;

use common::account::{Account, AccountState};
use common::backoff::Schedule;
use common::job::{BlockReason, Job, JobId, JobState, StateName, Step};
use common::message::{Message, Work};
use common::port::{Change, Lane, ListFilter, Page, StoreError};
use common::quotas::Quotas;
use jiff::Timestamp;
use rand::RngExt as _;

use crate::Ports;
use crate::line::join;

/// Jobs read at a time.
const PAGE: u32 = 200;
/// Where somebody else was faster so often in a row, the rest of the page is left to them.
const OUTRUN: u32 = 3;
/// Woken jobs come no earlier: a worker that has just read the account may remember it as it was for a second,
/// and would block them again.
const LEAD: Duration = Duration::from_secs(1);
/// Between two tries to publish.
const AGAIN: Schedule = Schedule { first: Duration::from_secs(1), longest: Duration::from_secs(5) };

/// What a look at an account's blocked jobs has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Jobs that it has woken.
    pub woken: u64,
    /// Jobs that somebody else was waking.
    pub elsewhere: u64,
}

/// Wakes the jobs of `account` that wait for its reauthorization, together with whoever else is at it.
/// While the queue takes nothing it goes on trying.
///
/// # Errors
/// When the records cannot be reached; doing it again is safe.
pub async fn resume(ports: &Ports, quotas: &Quotas, account: &Account) -> Result<Resumed, StoreError> {
    let mut resumed = Resumed::default();
    if account.state != AccountState::Connected {
        return Ok(resumed);
    }
    let filter = ListFilter {
        account: Some(account.id.clone()),
        state: Some(StateName::Blocked),
        ..ListFilter::default()
    };
    let mut after: Option<(Timestamp, JobId)> = None;
    loop {
        let jobs = ports.store.list(&filter, Page { after: after.take(), limit: PAGE }).await?;
        let Some(last) = jobs.last() else {
            return Ok(resumed);
        };
        after = Some((last.submitted_at, last.id.clone()));
        let mut outrun = 0;
        for job in jobs.iter().filter(|job| waits_for_connection(job)) {
            if wake(ports, quotas, account, job).await? {
                resumed.woken += 1;
                outrun = 0;
            } else {
                resumed.elsewhere += 1;
                outrun += 1;
            }
            if outrun == OUTRUN {
                break;
            }
        }
    }
}

fn waits_for_connection(job: &Job) -> bool {
    matches!(&job.state, JobState::Blocked { why: BlockReason::Reauthorization, .. })
}

/// Wakes the job, unless somebody else does.
async fn wake(ports: &Ports, quotas: &Quotas, account: &Account, job: &Job) -> Result<bool, StoreError> {
    let step = Step::Unblock { hop: job.hop };
    let job = match ports.store.take(&job.id, &step, ports.clock.now()).await? {
        Change::Taken(job) => job,
        Change::Refused(_) => return Ok(false),
    };
    // A job that still has to be written has its payload.
    let Some(message) = Message::next_for(&job, Work::Create) else {
        return Ok(false);
    };
    // It has stood in no line while it was blocked.
    let now = ports.clock.now();
    let (turn, delay) = join(ports.throttle.as_ref(), quotas, account, job.turn, job.not_after, now).await;
    let delay = delay.max(LEAD);
    if let Some(turn) = turn {
        // Should that fail, a job that is cancelled before its turn gives nothing back.
        let _ = ports.store.take(&job.id, &Step::Placed { turn, warning: None }, now).await;
    }
    let message = Message { turn, ..message };
    let mut failures = 0;
    while let Err(error) = ports.queue.publish(&message, Lane::Due, delay).await {
        if failures == 0 {
            tracing::warn!("The queue takes nothing; jobs are woken once it does: {error}");
        }
        failures += 1;
        let pause = AGAIN.jittered(failures, rand::rng().random());
        ports.clock.sleep(pause).await;
    }
    Ok(true)
}
