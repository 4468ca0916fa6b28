//! `/api/v1/accounts`: who is connected, and disconnecting them.

use accounts::keys::Scope;
use accounts::{AccountError, Accounts, AtGoogle, Standing};
use actix_web::{HttpRequest, HttpResponse, web};
use common::account::{Account, AccountId, AccountState, ReauthorizationCause};
use common::port::VaultError;
use jiff::Timestamp;
use serde::Serialize;
use tracing::{error, info};
use utoipa::ToSchema;

use crate::api::Api;
use crate::openapi::{AccountProblems, AccountsProblems};
use crate::pages::notice::PERMISSIONS;
use crate::paths::setup_path;
use crate::problem::{Kind, Problem};
use crate::query;

/// Accounts in a list, unless the caller says otherwise, and at most.
const USUAL: usize = 100;
const MOST: usize = 1_000;

/// An account, as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountReply {
    /// Its name.
    id: String,
    /// connected, needsReauthorization or disconnected.
    state: &'static str,
    /// Since when it is not connected.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// Why it needs to be connected again: grantEnded, tokenRefused, scopeMissing, notACalendarUser, clientChanged,
    /// loginRequired, adminForbids or noSuchUser.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<ReauthorizationCause>,
    /// The same for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The Google user it is bound to; null when it cannot be read.
    email: Option<String>,
    /// What Google granted.
    scopes: Vec<String>,
    /// When it was last connected.
    #[schema(value_type = String, format = DateTime)]
    connected_at: Timestamp,
    /// How often it has been connected.
    generation: u64,
    /// Google takes no events with guests from this user until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    guests_limited_until: Option<Timestamp>,
    /// The page where an administrator connects and disconnects it.
    setup_url: String,
}

/// Accounts, by name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountsReply {
    accounts: Vec<AccountReply>,
    /// What to send as `after` for the next ones; null at the end.
    next: Option<String>,
}

/// List the accounts that the key may use.
#[utoipa::path(
    get,
    path = "/api/v1/accounts",
    operation_id = "listAccounts",
    security(("key" = ["admin"])),
    tag = "accounts",
    params(
        ("state" = Option<String>, Query, description = "Only those that are connected, needsReauthorization or disconnected"),
        ("after" = Option<String>, Query, description = "Begin behind the account of this name: `next` of the list before"),
        ("limit" = Option<u32>, Query, description = "How many at most, 100 unless told", maximum = 1000, minimum = 1),
    ),
    responses((status = 200, description = "The accounts, by name", body = AccountsReply), AccountsProblems)
)]
pub(crate) async fn list(api: web::Data<Api>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = api.authenticator.enter(&request, Scope::Admin).await?;
    let [state, after, limit] = query::parse(request.query_string(), ["state", "after", "limit"])?;
    let limit = self::limit(limit.as_deref())?;
    if let Some(state) = state.as_deref().filter(|state| !STATES.contains(state)) {
        let message = format!("state must be one of {}, not {state:?}.", STATES.join(", "));
        return Err(Problem::query("state", "invalid-choice", message));
    }
    let wanted = |account: &Standing| {
        caller.may_use(&account.id).is_ok()
            && state.as_deref().is_none_or(|state| state_name(account.state) == state)
    };
    let page = api.ports.jobs.accounts.page(after.as_deref().unwrap_or_default(), limit, wanted);
    let (accounts, more) = page.await.map_err(|error| unreadable(&error))?;
    let next = accounts.last().filter(|_| more).map(|account| account.id.to_string());
    let accounts =
        accounts.iter().map(|account| AccountReply::of(account, &api.ports.jobs.accounts)).collect();
    Ok(HttpResponse::Ok().json(AccountsReply { accounts, next }))
}

fn limit(text: Option<&str>) -> Result<usize, Problem> {
    match text.map(str::parse) {
        None => Ok(USUAL),
        Some(Ok(limit)) if (1..=MOST).contains(&limit) => Ok(limit),
        Some(Ok(_) | Err(_)) => {
            let message = format!("limit must be a whole number from 1 to {MOST}.");
            Err(Problem::query("limit", "out-of-range", message))
        }
    }
}

/// Show an account.
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{account}",
    operation_id = "getAccount",
    security(("key" = ["admin"])),
    tag = "accounts",
    params(("account" = String, Path, description = "Its name")),
    responses((status = 200, description = "The account", body = AccountReply), AccountProblems)
)]
pub(crate) async fn show(
    api: web::Data<Api>,
    request: HttpRequest,
    account: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let caller = api.authenticator.enter(&request, Scope::Admin).await?;
    query::none(request.query_string())?;
    let id = account_in_path(&account)?;
    caller.may_use(&id)?;
    let account = api.ports.jobs.accounts.get_now(&id).await.map_err(|error| unreadable(&error))?;
    let account = account.ok_or_else(no_such_account)?;
    Ok(HttpResponse::Ok().json(AccountReply::of(&account, &api.ports.jobs.accounts)))
}

/// What came of disconnecting an account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DisconnectReply {
    account: AccountReply,
    /// What was done at Google: revoked; keptForOthers, which have the same Google user and need its grant;
    /// untold, so that disconnecting again tells Google again; refused, so that the user has to end it; or
    /// nothing, because no permission was left.
    at_google: &'static str,
    /// The same for a person.
    detail: String,
}

/// Disconnect an account: its permission is given back to Google and forgotten here. Jobs that were
/// accepted wait for it to be connected again.
#[utoipa::path(
    delete,
    path = "/api/v1/accounts/{account}",
    operation_id = "disconnectAccount",
    security(("key" = ["admin"])),
    tag = "accounts",
    params(("account" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "It is disconnected; doing it again is safe", body = DisconnectReply),
        AccountProblems,
    )
)]
pub(crate) async fn disconnect(
    api: web::Data<Api>,
    request: HttpRequest,
    account: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let caller = api.authenticator.enter(&request, Scope::Admin).await?;
    query::none(request.query_string())?;
    let id = account_in_path(&account)?;
    caller.may_use(&id)?;
    let at_google = match api.ports.jobs.accounts.revoke(&id, api.ports.google.as_ref()).await {
        Ok(at_google) => at_google,
        Err(AccountError::NeverConnected) => return Err(no_such_account()),
        Err(error @ (AccountError::OtherUser { .. } | AccountError::Sealed(_) | AccountError::Vault(_))) => {
            error!(%error, "The account cannot be disconnected: {error}");
            return Err(Problem::storage_unavailable());
        }
    };
    info!(account.id = %id, ?at_google, "Disconnected account {id}");
    let account = api.ports.jobs.accounts.get_now(&id).await.map_err(|error| unreadable(&error))?;
    let account = account.ok_or_else(no_such_account)?;
    let (at_google, detail) = told(&at_google);
    Ok(HttpResponse::Ok().json(DisconnectReply {
        account: AccountReply::of(&account, &api.ports.jobs.accounts),
        at_google,
        detail,
    }))
}

/// What can have been done at Google.
pub(crate) const AT_GOOGLE: [&str; 5] = ["revoked", "keptForOthers", "untold", "refused", "nothing"];

fn told(at_google: &AtGoogle) -> (&'static str, String) {
    match at_google {
        AtGoogle::Revoked => (AT_GOOGLE[0], "The permission was given back to Google and forgotten here.".to_owned()),
        AtGoogle::KeptFor(others) => {
            let others: Vec<&str> = others.iter().map(AccountId::as_str).collect();
            let why = "It was not given back to Google, since these accounts have the same Google user";
            (AT_GOOGLE[1], format!("The permission was forgotten here. {why}: {}.", others.join(", ")))
        }
        AtGoogle::Untold(_) => (
            AT_GOOGLE[2],
            "Nothing uses the permission here any more, but Google could not be told just now. Do it again to tell it."
                .to_owned(),
        ),
        AtGoogle::Refused(_) => (
            AT_GOOGLE[3],
            format!("The permission was forgotten here, but Google did not take it back. The user can end it at {PERMISSIONS}."),
        ),
        AtGoogle::Nothing => (AT_GOOGLE[4], "No permission was left to give back.".to_owned()),
    }
}

impl AccountReply {
    pub(crate) fn of(account: &Account, accounts: &Accounts) -> Self {
        let (since, cause) = match account.state {
            AccountState::Connected => (None, None),
            AccountState::NeedsReauthorization { since, cause } => (Some(since), Some(cause)),
            AccountState::Disconnected { since } => (Some(since), None),
        };
        Self {
            id: account.id.to_string(),
            state: state_name(account.state),
            since,
            cause,
            detail: cause.map(|cause| {
                format!(
                    "{} The same Google user has to connect it again; jobs wait until then.",
                    cause.sentence()
                )
            }),
            email: account.user(accounts.ring()).ok().map(|user| user.email),
            scopes: account.scopes.clone(),
            connected_at: account.connected_at,
            generation: account.generation.0,
            guests_limited_until: account.guest_limit.map(|limit| limit.until),
            setup_url: setup_path(account.id.as_str()),
        }
    }
}

pub(crate) const STATES: [&str; 3] = ["connected", "needsReauthorization", "disconnected"];

pub(crate) fn state_name(state: AccountState) -> &'static str {
    match state {
        AccountState::Connected => STATES[0],
        AccountState::NeedsReauthorization { .. } => STATES[1],
        AccountState::Disconnected { .. } => STATES[2],
    }
}

/// The account that a path names.
pub(super) fn account_in_path(name: &str) -> Result<AccountId, Problem> {
    // What cannot be an account's name is no account.
    AccountId::parse(name)
        .map_err(|error| Problem::new(Kind::AccountNotFound, format!("There is no such account: {error}.")))
}

fn no_such_account() -> Problem {
    Problem::new(Kind::AccountNotFound, "No account of this name was ever connected.")
}

fn unreadable(error: &VaultError) -> Problem {
    error!(%error, "Accounts cannot be read: {error}");
    Problem::storage_unavailable()
}
