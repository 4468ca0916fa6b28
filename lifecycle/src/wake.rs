//! Waking the jobs of an account that may run again, at the account's own pace.
//!
//! Every worker looks, and each job is woken by one of them: by the worker whose step out of `blocked` is taken.
//! The step leaves the job's hop as it is, so that the message which would look at the job after an hour
//! still counts should its waker die before it has published a new one.

use std::collections::HashSet;
use std::time::Duration;

use common::account::{Account, AccountState};
use common::backoff::Schedule;
use common::job::{BlockReason, Job, JobId, JobState, Step};
use common::message::{Message, Work};
use common::port::{Change, Lane, StoreError};
use common::quotas::Quotas;
use common::random;

use crate::line::{join, note_place};
use crate::ports::Ports;

/// Jobs that are left together to a worker that is faster.
const PAGE: usize = 200;
/// Where another worker was faster so often in a row, the rest of the page is left to it.
const OUTRUN: u32 = 3;
/// Woken jobs come no earlier: a worker that has just read the account may remember it as it was for a second,
/// and would block them again.
const LEAD: Duration = Duration::from_secs(1);
/// Between two tries to publish.
const AGAIN: Schedule = Schedule { first: Duration::from_secs(1), longest: Duration::from_secs(5) };

/// What a look at an account's blocked jobs has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wakeups {
    /// Jobs that it has woken.
    pub woken: u64,
    /// Jobs that another worker was waking.
    pub elsewhere: u64,
}

/// Wakes the jobs of `account` that wait for its reauthorization, together with the other workers that do so.
/// While the queue takes nothing it goes on trying.
///
/// # Errors
/// When the records cannot be reached; doing it again is safe.
pub async fn wake_account(ports: &Ports, quotas: &Quotas, account: &Account) -> Result<Wakeups, StoreError> {
    if account.state != AccountState::Connected {
        return Ok(Wakeups::default());
    }
    let blocked = ports.store.blocked(&HashSet::from([account.id.clone()])).await?;
    let jobs: Vec<JobId> = blocked.into_iter().map(|(_, job)| job).collect();
    wake_jobs(ports, quotas, account, &jobs).await
}

/// Wakes those of these jobs of `account`, which is connected, that wait for its reauthorization.
///
/// # Errors
/// When the records cannot be reached; doing it again is safe.
pub async fn wake_jobs(
    ports: &Ports,
    quotas: &Quotas,
    account: &Account,
    jobs: &[JobId],
) -> Result<Wakeups, StoreError> {
    let mut found = Wakeups::default();
    for page in jobs.chunks(PAGE) {
        let mut outrun = 0;
        for id in page {
            match wake(ports, quotas, account, id).await? {
                Waker::This => {
                    found.woken += 1;
                    outrun = 0;
                }
                Waker::Other => {
                    found.elsewhere += 1;
                    outrun += 1;
                }
                Waker::None => {}
            }
            if outrun == OUTRUN {
                break;
            }
        }
    }
    Ok(found)
}

/// Who wakes a job.
enum Waker {
    /// This one.
    This,
    /// Another, which was faster.
    Other,
    /// None: the job waits for something else.
    None,
}

fn waits_for_connection(job: &Job) -> bool {
    matches!(&job.state, JobState::Blocked { why: BlockReason::Reauthorization, .. })
}

/// Wakes the job, unless another worker does.
async fn wake(ports: &Ports, quotas: &Quotas, account: &Account, id: &JobId) -> Result<Waker, StoreError> {
    let hop = match ports.store.get(id).await? {
        Some(job) if waits_for_connection(&job) => job.hop,
        Some(job) if !matches!(job.state, JobState::Blocked { .. }) => return Ok(Waker::Other),
        Some(_) | None => return Ok(Waker::None),
    };
    let job = match ports.store.take(id, &Step::Unblock { hop }, ports.clock.now()).await? {
        Change::Taken(job) => job,
        Change::Refused(_) => return Ok(Waker::Other),
    };
    // A job that still has to be written has its payload.
    let Some(message) = Message::next_for(&job, Work::Create) else {
        return Ok(Waker::None);
    };
    // It has stood in no line while it was blocked.
    let now = ports.clock.now();
    let (turn, delay) = join(ports.throttle.as_ref(), quotas, account, job.turn, job.not_after, now).await;
    let (message, delay) = (Message { turn, ..message }, delay.max(LEAD));
    note_place(ports, &message).await;
    let mut failures = 0;
    while let Err(error) = ports.queue.publish(&message, Lane::Due, delay).await {
        if failures == 0 {
            tracing::warn!("The queue takes nothing; jobs are woken once it does: {error}");
        }
        failures += 1;
        let pause = AGAIN.jittered(failures, random::fraction());
        ports.clock.sleep(pause).await;
    }
    Ok(Waker::This)
}
