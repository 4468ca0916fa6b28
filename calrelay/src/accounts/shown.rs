//! Accounts as an operator is shown them.

use accounts::Accounts;
use comfy_table::{Table, presets};
use common::account::{Account, AccountId, AccountState, GuestLimit, ReauthorizationCause};
use jiff::Timestamp;
use serde::Serialize;

/// One account.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    account: AccountId,
    state: &'static str,
    /// Why it needs reauthorization.
    cause: Option<ReauthorizationCause>,
    /// Since when it stands so.
    since: Timestamp,
    /// The Google user's address; null when the sealing key is not configured.
    email: Option<String>,
    connected_at: Timestamp,
    generation: u64,
    scopes: Vec<String>,
    client_id: String,
    token_uri: String,
    guest_limit: Option<GuestLimit>,
    /// Other accounts of the same Google user.
    same_user: Vec<AccountId>,
}

impl Shown {
    /// What is shown of `account`; `same_user` are the others of its Google user.
    #[must_use]
    pub fn of(account: &Account, accounts: &Accounts, same_user: Vec<AccountId>) -> Self {
        let (state, cause, since) = standing(account);
        Self {
            account: account.id.clone(),
            state,
            cause,
            since,
            email: account.user(accounts.ring()).ok().map(|user| user.email),
            connected_at: account.connected_at,
            generation: account.generation.0,
            scopes: account.scopes.clone(),
            client_id: account.client.client_id.clone(),
            token_uri: account.client.token_uri.clone(),
            guest_limit: account.guest_limit,
            same_user,
        }
    }
}

/// A line for each.
#[must_use]
pub fn table(accounts: &Accounts, all: &[Account]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ACCOUNT", "STATE", "SINCE", "USER", "WHY"]);
    for account in all {
        let (state, cause, since) = standing(account);
        table.add_row([
            account.id.to_string(),
            state.to_owned(),
            format!("{since:.0}"),
            account.user(accounts.ring()).map_or_else(|_| "?".to_owned(), |user| user.email),
            cause.map_or("", why).to_owned(),
        ]);
    }
    table.to_string()
}

fn standing(account: &Account) -> (&'static str, Option<ReauthorizationCause>, Timestamp) {
    match account.state {
        AccountState::Connected => ("connected", None, account.connected_at),
        AccountState::NeedsReauthorization { since, cause } => ("needsReauthorization", Some(cause), since),
        AccountState::Disconnected { since } => ("disconnected", None, since),
    }
}

fn why(cause: ReauthorizationCause) -> &'static str {
    match cause {
        ReauthorizationCause::GrantEnded => "the permission was revoked, or has expired",
        ReauthorizationCause::TokenRefused => "Google refuses even fresh tokens",
        ReauthorizationCause::ScopeMissing => "the calendar was not included in the permission",
        ReauthorizationCause::NotACalendarUser => "the user has no Google Calendar",
        ReauthorizationCause::LoginRequired => "the user's organisation wants its people to log in again",
        ReauthorizationCause::AdminForbids => "an administrator of the user's organisation refuses this app",
        ReauthorizationCause::NoSuchUser => "Google knows no such user any more",
        ReauthorizationCause::ClientChanged => "it was connected with another OAuth client than this one",
    }
}
