//! `GET /api/calendar-status`: whether the calendar is connected.

use accounts::keys::Scope;
use actix_web::{HttpRequest, HttpResponse, web};
use common::account::{AccountId, AccountState};
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;

use super::accounts::AccountReply;
use crate::api::Api;
use crate::openapi::StatusProblems;
use crate::paths::SETUP;
use crate::problem::Problem;
use crate::query;

/// Whether the calendar is connected.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusReply {
    /// Whether this server is set up to speak to Google: always true.
    enabled: bool,
    /// Whether the account `default` is connected.
    authenticated: bool,
    /// Where to connect it.
    #[schema(example = "/google-calendar-setup")]
    setup_url: &'static str,
    /// Details, for an administrator's key only.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountReply>,
}

/// Say whether the calendar is connected. Needs no key; an administrator's key is told more.
#[utoipa::path(
    get,
    path = "/api/calendar-status",
    operation_id = "getCalendarStatus",
    tag = "setup",
    security((), ("key" = [])),
    responses((status = 200, description = "The status", body = StatusReply), StatusProblems)
)]
pub(crate) async fn show(api: web::Data<Api>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    query::none(request.query_string())?;
    let caller = api.authenticator.key_holder(&request)?;
    let admin = caller.is_some_and(|caller| caller.may(Scope::Admin));
    let account = api.ports.jobs.accounts.get(&AccountId::default_account()).await.map_err(|error| {
        error!(%error, "The account cannot be read: {error}");
        Problem::storage_unavailable()
    })?;
    let state = account.as_ref().map(|account| account.state);
    Ok(HttpResponse::Ok().json(StatusReply {
        enabled: true,
        authenticated: state == Some(AccountState::Connected),
        setup_url: SETUP,
        account: account
            .filter(|_| admin)
            .map(|account| AccountReply::of(&account, &api.ports.jobs.accounts)),
    }))
}
