//! `calrelay jobs`: what became of jobs, and another try; beside running processes or without any.

mod outcome;
mod replay;
mod restore;
mod table;

use anyhow::anyhow;
use common::job::{JobId, StateName};
use common::port::ListFilter;
use lifecycle::Pages;

use crate::cli::JobsCommand;
use crate::config::{JobsConfig, Place};
use crate::installation::Installation;
use crate::output;
use replay::Choice;

/// Does it.
///
/// # Errors
/// When the installation cannot be used, or what was asked makes no sense.
pub async fn run(command: JobsCommand) -> anyhow::Result<()> {
    let config = JobsConfig::from_env(|name| std::env::var(name).ok())?;
    let keys = config.encryption_keys.as_ref();
    let installation = match &config.place {
        Place::Folder(dir) => Installation::in_folder(dir, keys).await?,
        Place::Servers(servers) => Installation::beside_servers(servers, keys, config.retention).await?,
    };
    let said = answer(&installation, &config, command).await;
    installation.close().await;
    Ok(output::answer(&said?)?)
}

async fn answer(
    installation: &Installation,
    config: &JobsConfig,
    command: JobsCommand,
) -> anyhow::Result<String> {
    match command {
        JobsCommand::List { state, which, limit } => {
            list(installation, which.filter(state.map(StateName::from)), limit).await
        }
        JobsCommand::Show { id } => show(installation, &id).await,
        JobsCommand::Replay { ids, state, which, dry_run } => {
            let choice = match state {
                None => Choice::Named(ids),
                Some(state) => Choice::Fitting(which.filter(Some(state.into()))),
            };
            replay::run(installation, config, choice, dry_run).await
        }
        JobsCommand::Restore { ids, dry_run } => restore::run(installation, config, &ids, dry_run).await,
    }
}

async fn list(installation: &Installation, filter: ListFilter, limit: usize) -> anyhow::Result<String> {
    let mut pages = Pages::of(installation.store.as_ref(), filter);
    let mut jobs = Vec::new();
    // One more than asked for tells whether there are more.
    while jobs.len() <= limit
        && let Some(some) = pages.next().await?
    {
        jobs.extend(some);
    }
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    let mut text = table::of(&jobs);
    if more {
        text.push_str(&format!("\n… and more; --limit shows more than {limit}, --since the later ones"));
    }
    Ok(text)
}

async fn show(installation: &Installation, id: &JobId) -> anyhow::Result<String> {
    let job = installation.store.get(id).await?.ok_or_else(|| unknown(id))?;
    let mut shown = api::job_as_shown(&job, &installation.accounts).await;
    if let Some(record) = shown.as_object_mut() {
        // Callers know whose it is; operators do not.
        record.insert("owner".to_owned(), job.owner.as_str().into());
        record.insert("crashes".to_owned(), job.tally.crashes.into());
        record.insert("hop".to_owned(), job.hop.into());
    }
    Ok(serde_json::to_string_pretty(&shown)?)
}

/// There is no record; it may still be somewhere.
fn unknown(id: &JobId) -> anyhow::Error {
    anyhow!(
        "there is no record of the job {id}: it was never accepted, or ended longer ago than JOB_RETENTION_DAYS, or the records were lost and no worker has met its message since; `calrelay jobs restore {id}` looks in the dead letters"
    )
}
