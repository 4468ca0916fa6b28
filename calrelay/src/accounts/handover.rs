//! `calrelay accounts rebind` and `erase`: an account loses its user.

use std::time::Duration;

use accounts::AtGoogle;
use accounts::FRESH;
use anyhow::{Context as _, bail};
use common::account::{Account, AccountId, AccountState};
use common::job::JobId;
use common::port::pause;
use common::quotas::Quotas;
use common::time::until;

use super::revoke::{line, named};
use super::unknown;
use crate::google_link::GoogleLink;
use crate::installation::Installation;
use crate::output;

/// So long workers are given to take back what jobs under way have written.
const SETTLE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Processes look at an account again after [`FRESH`]; clocks may differ a little.
const NOTICED: Duration = FRESH.saturating_add(Duration::from_secs(2));
/// So many jobs are named.
const NAMED: usize = 50;

/// What is to become of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// Another Google user may connect it.
    Rebind,
    /// Nothing of it is to be left.
    Erase,
}

/// Does it.
///
/// # Errors
/// A sentence that says how far it came; doing it again does the rest.
pub async fn run(
    installation: &Installation,
    quotas: &Quotas,
    link: Option<&GoogleLink>,
    id: &AccountId,
    handover: Handover,
) -> anyhow::Result<String> {
    let accounts = &installation.accounts;
    let mut lines = Vec::new();
    match accounts.get_now(id).await? {
        Some(account) => part(installation, quotas, link, &account, &mut lines).await?,
        // It was cut short after that.
        None if accounts.was_removed(id).await? => {}
        None => return Err(unknown(id)),
    }
    match handover {
        Handover::Rebind => {
            lines.push(format!("{id} is bound to nobody; the next connection binds it to its user"));
        }
        Handover::Erase => {
            let count = lifecycle::forget(&installation.operator_ports(), id).await?;
            lines.push(format!(
                "{id} is erased: what its jobs were to write is removed from {count} records, and copies that remain anywhere can be read no more, but with a backup of the vault that was made before"
            ));
        }
    }
    Ok(lines.join("\n"))
}

/// Parts the account from its user: first the jobs, while what they wrote can still be taken back.
async fn part(
    installation: &Installation,
    quotas: &Quotas,
    link: Option<&GoogleLink>,
    account: &Account,
    lines: &mut Vec<String>,
) -> anyhow::Result<()> {
    let (accounts, id) = (&installation.accounts, &account.id);
    let ports = installation.operator_ports();
    let first = lifecycle::cancel_all(&ports, quotas, id).await?;
    let unsure = match account.state {
        AccountState::Connected => settled(installation, first.cancelling).await?,
        AccountState::NeedsReauthorization { .. } | AccountState::Disconnected { .. } => first.cancelling,
    };
    match link {
        None => {
            accounts.disconnect(id).await.map_err(|error| named(id, error))?;
        }
        Some(link) => {
            let at_google = accounts.revoke(id, &link.oauth).await.map_err(|error| named(id, error))?;
            if let AtGoogle::Untold(why) = at_google {
                bail!(
                    "{id} is disconnected and its jobs are cancelled, but Google could not be told ({why}): run this again once it answers, or with --without-google"
                );
            }
            lines.push(line(id, &at_google));
        }
    }
    noticed(installation, id).await?;
    // Whatever was accepted meanwhile.
    let late = lifecycle::cancel_all(&ports, quotas, id).await?;
    if let Some(token) = installation.tokens.get(id, account.generation, ports.clock.now()).await {
        installation.tokens.forget(id, &token).await;
    }
    accounts.remove(id).await.map_err(|error| named(id, error)).context("it is disconnected")?;
    lines.push(format!("{} unfinished jobs were cancelled", first.cancelled + late.cancelled));
    if !unsure.is_empty() {
        let named: Vec<&str> = unsure.iter().take(NAMED).map(JobId::as_str).collect();
        let more = match unsure.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        lines.push(format!(
            "{} were cancelled after they may have written, and Google could not be asked: look for these events in the former user's calendar: {}{more}",
            unsure.len(),
            named.join(", ")
        ));
    }
    Ok(())
}

/// Waits until every process has noticed that the account is disconnected: one that took the account of the
/// former user for that of the next would write into the wrong calendar.
async fn noticed(installation: &Installation, id: &AccountId) -> anyhow::Result<()> {
    let Some(account) = installation.accounts.get_now(id).await? else {
        return Ok(());
    };
    let AccountState::Disconnected { since } = account.state else {
        bail!("{id} was connected again meanwhile: nothing more was done");
    };
    let left = NOTICED.saturating_sub(until(since, installation.clock.now()));
    if !left.is_zero() {
        output::tell("Waiting half a minute, until every process has noticed that it is disconnected …");
    }
    pause(left).await;
    Ok(())
}

/// Waits until workers have taken back what these jobs may have written; answers those that were not.
async fn settled(installation: &Installation, mut jobs: Vec<JobId>) -> anyhow::Result<Vec<JobId>> {
    let end = tokio::time::Instant::now() + SETTLE;
    loop {
        let mut left = Vec::new();
        for id in jobs {
            if installation.store.get(&id).await?.is_some_and(|job| !job.is_finished()) {
                left.push(id);
            }
        }
        if left.is_empty() || tokio::time::Instant::now() >= end {
            return Ok(left);
        }
        jobs = left;
        pause(LOOK).await;
    }
}
