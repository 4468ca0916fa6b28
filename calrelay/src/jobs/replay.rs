//! `calrelay jobs replay`: another try for jobs that have failed or were cancelled.

use common::job::{Job, JobId};
use common::port::ListFilter;
use lifecycle::Pages;

use super::outcome::{Outcomes, SHOWN};
use super::{table, unknown};
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
    let mut replay = match dry_run {
        true => Replay::Dry { shown: Vec::new(), count: 0 },
        false => Replay::Real(Outcomes::default()),
    };
    match choice {
        Choice::Named(ids) => {
            let mut jobs = Vec::new();
            for id in ids {
                jobs.push(installation.store.get(&id).await?.ok_or_else(|| unknown(&id))?);
            }
            replay.take(installation, config, jobs).await?;
        }
        Choice::Fitting(filter) => {
            let mut pages = Pages::of(installation.store.as_ref(), filter);
            while let Some(jobs) = pages.next().await? {
                replay.take(installation, config, jobs).await?;
            }
        }
    }
    Ok(replay.told())
}

/// What has been done, or would have been.
enum Replay {
    Dry { shown: Vec<Job>, count: usize },
    Real(Outcomes),
}

impl Replay {
    async fn take(
        &mut self,
        installation: &Installation,
        config: &JobsConfig,
        jobs: Vec<Job>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Dry { shown, count } => {
                *count += jobs.len();
                shown.extend(jobs);
                shown.truncate(SHOWN);
            }
            Self::Real(outcomes) => {
                let ports = installation.operator_ports();
                for job in jobs {
                    match lifecycle::replay(&ports, &config.quotas, &job, ports.clock.now()).await {
                        Ok(outcome) => outcomes.add(&job.id, outcome),
                        Err(error) => return Err(outcomes.cut_short(&job.id, &error)),
                    }
                }
            }
        }
        Ok(())
    }

    fn told(&self) -> String {
        match self {
            Self::Real(outcomes) => outcomes.told("replayed"),
            Self::Dry { shown, count } => {
                let more = match count - shown.len() {
                    0 => String::new(),
                    more => format!("\n… and {more} more"),
                };
                format!("{}{more}\n{count} jobs; nothing was done, --dry-run was given", table::of(shown))
            }
        }
    }
}
