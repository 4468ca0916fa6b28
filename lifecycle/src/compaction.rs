//! Records of jobs that succeeded a while ago are kept in few bytes: most of what a store holds is of these.

use std::time::Duration;

use common::job::{Job, JobState};
use common::port::StoreError;
use common::time;
use jiff::Timestamp;

use crate::ports::Ports;

/// So long after its end a job's record stays as it is: callers look at it, and its conference may change.
const SETTLED: Duration = time::hours(1);
/// Between two looks where there was nothing to do.
const IDLE: Duration = Duration::from_secs(30);
/// Between two looks where there was: some 200 records each, well above the pace of Google's largest quota.
const BUSY: Duration = Duration::from_millis(250);

/// Keeps making records compact; never ends. Cancel safe.
pub async fn compact_records(ports: &Ports) {
    loop {
        let before = ports.clock.now().checked_sub(SETTLED).unwrap_or(Timestamp::MIN);
        let pause = match compact_some(ports, before).await {
            Ok(0) => IDLE,
            Ok(_) => BUSY,
            Err(error) => {
                tracing::debug!("Records could not be made compact: {error}");
                IDLE
            }
        };
        ports.clock.sleep(pause).await;
    }
}

/// Answers how many jobs it looked at.
async fn compact_some(ports: &Ports, before: Timestamp) -> Result<usize, StoreError> {
    let jobs = ports.store.oversized(before).await?;
    for seen in &jobs {
        ports.store.compact(seen, &shortened(ports, seen).await).await?;
    }
    Ok(jobs.len())
}

/// With its result in few bytes, where it can be opened; its account may be gone, or a key missing.
async fn shortened(ports: &Ports, job: &Job) -> Job {
    let JobState::Succeeded { result } = &job.state else {
        return job.clone();
    };
    let account = ports.accounts.get(&job.account).await.ok().flatten();
    let keys = account.and_then(|account| account.seal_keys(ports.accounts.ring()).ok());
    let opened = keys.and_then(|keys| Some((keys.open(job.id.as_str(), result).ok()?, keys)));
    let Some((opened, keys)) = opened else {
        return job.clone();
    };
    let result = opened.seal_compact(&keys, job.id.as_str());
    job.with_result(result)
}
