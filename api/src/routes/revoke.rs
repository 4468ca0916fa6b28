//! `/google-calendar-revoke`: asks, then disconnects the account.

use accounts::{AccountError, AtGoogle};
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use common::account::AccountId;
use tracing::{error, info};

use super::setup::{Form, Visit, account_in_query, standing};
use crate::api::Api;
use crate::pages::notice::{self, PERMISSIONS};
use crate::pages::setup;
use crate::paths::setup_path;
use crate::problem::Problem;

/// Ask whether to disconnect.
#[utoipa::path(
    get,
    path = "/google-calendar-revoke",
    tag = "setup",
    security(()),
    params(("account" = Option<String>, Query, description = "Which account, unless it is `default`")),
    responses(
        (status = 200, description = "A page that asks", content_type = "text/html"),
        (status = 429, description = "Too many requests: a page that says so; Retry-After says when to come back", content_type = "text/html"),
    )
)]
pub(crate) async fn ask(api: web::Data<Api>, request: HttpRequest) -> HttpResponse {
    asked(&api, &request).await.unwrap_or_else(|problem| notice::problem(&problem).respond(&api))
}

async fn asked(api: &Api, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(api, request);
    let account = account_in_query(request)?;
    if !visit.is_admin()? {
        let page = setup_path(account.as_str());
        return Ok(HttpResponse::SeeOther().insert_header((LOCATION, page)).finish());
    }
    let standing = standing(api, &account).await?;
    let page = setup::ask_revoke(&account, standing.as_ref(), visit.session.csrf());
    Ok(visit.dress(api, page.respond(api)))
}

/// Give the permission back to Google and forget it.
#[utoipa::path(
    post,
    path = "/google-calendar-revoke",
    tag = "setup",
    security(()),
    request_body(content_type = "application/x-www-form-urlencoded", content = String, description = "csrf, from the page that asks; account, unless it is `default`"),
    responses(
        (status = 200, description = "Disconnected: a page that says what was done", content_type = "text/html"),
        (status = 403, description = "Not signed in, or a form of another site", content_type = "text/html"),
        (status = 429, description = "Too many requests: a page that says so; Retry-After says when to come back", content_type = "text/html"),
    )
)]
pub(crate) async fn revoke(api: web::Data<Api>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    revoked(&api, &request, payload).await.unwrap_or_else(|problem| notice::problem(&problem).respond(&api))
}

async fn revoked(api: &Api, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let id = Form::of_admin(api, request, payload).await?.account()?;
    let at_google = match api.ports.jobs.accounts.revoke(&id, api.ports.google.as_ref()).await {
        Ok(at_google) => at_google,
        Err(AccountError::NeverConnected) => AtGoogle::Nothing,
        Err(error @ (AccountError::OtherUser { .. } | AccountError::Sealed(_) | AccountError::Vault(_))) => {
            error!(%error, "The account cannot be disconnected: {error}");
            return Err(Problem::storage_unavailable());
        }
    };
    info!(account.id = %id, ?at_google, "Disconnected account {id}");
    Ok(page(&id, &at_google).respond(api))
}

fn page(id: &AccountId, at_google: &AtGoogle) -> crate::pages::Page {
    let refused = format!("New events for the account `{id}` are refused until a calendar is connected.");
    let by_hand = format!("To end it at Google too, remove this app at {PERMISSIONS}.");
    let of = format!("The permission for the account `{id}`");
    let (what, then) = match at_google {
        AtGoogle::Revoked => (format!("{of} was given back to Google and forgotten here."), refused),
        AtGoogle::KeptFor(_) => (
            format!(
                "{of} was forgotten here. It was not given back to Google, since another account uses the same Google user."
            ),
            refused,
        ),
        AtGoogle::Untold(_) => (
            format!(
                "Nothing uses the permission for the account `{id}` here any more, but Google could not be told just now. It is told as soon as it answers."
            ),
            by_hand,
        ),
        AtGoogle::Refused(_) => {
            (format!("{of} was forgotten here, but Google did not take it back."), by_hand)
        }
        AtGoogle::Nothing => (format!("Nothing was connected to the account `{id}`."), refused),
    };
    let back = setup_path(id.as_str());
    notice::about(StatusCode::OK, "Disconnected", &what, &then, &back)
}
