//! `calrelay jobs replay`: another try for jobs that have failed or were cancelled.

use common::job::{Job, JobId};
use common::port::{ListFilter, Page};
use worker::Replayed;

use super::outcome::{Outcomes, replayed};
use super::{PAGE, table, unknown};
use crate::config::JobsConfig;
use crate::installation::Installation;

/// Which jobs.
pub enum Choice {
    /// These.
    Named(Vec<JobId>),
    /// All that fit.
    Fitting(ListFilter),
}

/// Replays them, or shows which they would be.
///
/// # Errors
/// When a named job is unknown, or the records or the queue cannot be used; what was replayed by then
/// stays replayed, and doing it again is safe.
pub async fn run(
    installation: &Installation,
    config: &JobsConfig,
    choice: Choice,
    dry_run: bool,
) -> anyhow::Result<String> {
    let jobs = chosen(installation, choice).await?;
    if dry_run {
        let count = jobs.len();
        return Ok(format!("{}\n{count} jobs; nothing was done, --dry-run was given", table::of(&jobs)));
    }
    let ports = installation.operator_ports();
    let mut outcomes = Outcomes::default();
    for job in &jobs {
        match worker::replay(&ports, &config.quotas, job, ports.clock.now()).await {
            Ok(Replayed::Again { .. }) => outcomes.again += 1,
            Ok(other @ (Replayed::UnderWay | Replayed::Ended(_))) => {
                outcomes.left.push(format!("{}: {}", job.id, replayed(other)));
            }
            Err(error) => return Err(outcomes.cut_short(&job.id, &error)),
        }
    }
    Ok(outcomes.told("replayed"))
}

/// The records, read before anything is changed: a replayed job no longer fits.
async fn chosen(installation: &Installation, choice: Choice) -> anyhow::Result<Vec<Job>> {
    let mut jobs = Vec::new();
    match choice {
        Choice::Named(ids) => {
            for id in ids {
                jobs.push(installation.store.get(&id).await?.ok_or_else(|| unknown(&id))?);
            }
        }
        Choice::Fitting(filter) => {
            let mut after = None;
            loop {
                let page = Page { after: after.take(), limit: PAGE };
                let some = installation.store.list(&filter, page).await?;
                let Some(last) = some.last() else {
                    break;
                };
                after = Some((last.submitted_at, last.id.clone()));
                jobs.extend(some);
            }
        }
    }
    Ok(jobs)
}
