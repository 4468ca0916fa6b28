//! `calrelay accounts revoke`.

use accounts::{AccountError, Accounts, AtGoogle};
use anyhow::anyhow;
use common::account::AccountId;

use super::unknown;
use crate::google_link::GoogleLink;

/// Where a user sees which apps have which permissions, and takes them away.
const PERMISSIONS: &str = "https://myaccount.google.com/permissions";

/// Which accounts.
pub enum Which {
    /// These.
    Named(Vec<AccountId>),
    /// All.
    All,
}

/// Gives permissions back; without a link it only forgets them.
///
/// # Errors
/// When an account is unknown, the vault cannot be used, or Google could not be told of all.
pub async fn run(accounts: &Accounts, link: Option<&GoogleLink>, which: Which) -> anyhow::Result<String> {
    let mut lines = Vec::new();
    match (which, link) {
        (Which::All, Some(link)) => {
            let told = accounts.revoke_all(&link.oauth).await?;
            lines.extend(told.iter().map(|(id, at_google)| line(id, at_google)));
            return done(lines, told.iter().map(|(_, at_google)| at_google));
        }
        (Which::All, None) => {
            for account in accounts.list().await? {
                lines.push(forgotten(accounts, &account.id).await?);
            }
        }
        (Which::Named(ids), Some(link)) => {
            let mut told = Vec::new();
            for id in &ids {
                let at_google = accounts.revoke(id, &link.oauth).await.map_err(|error| named(id, error))?;
                lines.push(line(id, &at_google));
                told.push(at_google);
            }
            return done(lines, told.iter());
        }
        (Which::Named(ids), None) => {
            for id in &ids {
                lines.push(forgotten(accounts, id).await?);
            }
        }
    }
    Ok(lines.join("\n"))
}

/// What is said at the end; something is left to do where Google does not know yet.
fn done<'a>(mut lines: Vec<String>, told: impl Iterator<Item = &'a AtGoogle>) -> anyhow::Result<String> {
    let untold = told.filter(|at_google| matches!(at_google, AtGoogle::Untold(_))).count();
    if untold == 0 {
        if lines.is_empty() {
            lines.push("there is no account".to_owned());
        }
        return Ok(lines.join("\n"));
    }
    lines.push(format!(
        "Google does not know yet of {untold}; a running worker tells it as soon as it answers, and so does this command when it is run again"
    ));
    Err(anyhow!("{}", lines.join("\n")))
}

async fn forgotten(accounts: &Accounts, id: &AccountId) -> anyhow::Result<String> {
    accounts.disconnect(id).await.map_err(|error| named(id, error))?;
    Ok(format!("{id}: forgotten here; Google was not told, its user can remove the app at {PERMISSIONS}"))
}

/// The error, in words that say what to do.
pub fn named(id: &AccountId, error: AccountError) -> anyhow::Error {
    match error {
        AccountError::NeverConnected => unknown(id),
        error @ (AccountError::OtherUser { .. } | AccountError::Sealed(_) | AccountError::Vault(_)) => {
            anyhow::Error::from(error).context(format!("the account {id}"))
        }
    }
}

/// What was done, in a line.
pub fn line(id: &AccountId, at_google: &AtGoogle) -> String {
    match at_google {
        AtGoogle::Revoked => format!("{id}: given back to Google, and forgotten here"),
        AtGoogle::KeptFor(others) => {
            let others: Vec<&str> = others.iter().map(AccountId::as_str).collect();
            let others = others.join(", ");
            format!("{id}: forgotten here; not given back to Google, since {others} has the same Google user")
        }
        AtGoogle::Untold(why) => format!("{id}: not used any more; Google could not be told ({why})"),
        AtGoogle::Refused(why) => {
            format!(
                "{id}: forgotten here; Google did not take it back ({why}), its user can remove the app at {PERMISSIONS}"
            )
        }
        AtGoogle::Nothing => format!("{id}: there was no permission"),
    }
}
