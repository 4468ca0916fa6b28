//! `/google-calendar-revoke`: asks, then disconnects the account.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use common::account::{Account, AccountId};
use common::accounts::AccountError;
use common::port::VaultError;
use tracing::{error, info, warn};

use super::SETUP;
use super::setup::{Form, Visit, standing};
use crate::api::Api;
use crate::pages::notice::{self, PERMISSIONS, notice};
use crate::pages::setup;
use crate::problem::Problem;

/// Ask whether to disconnect.
#[utoipa::path(
    get,
    path = "/google-calendar-revoke",
    tag = "setup",
    security(()),
    responses((status = 200, description = "A page that asks", content_type = "text/html"))
)]
pub(crate) async fn ask(api: web::Data<Api>, request: HttpRequest) -> HttpResponse {
    asked(&api, &request).await.unwrap_or_else(|problem| notice::problem(&problem).respond(&api))
}

async fn asked(api: &Api, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(api, request).await?;
    if !visit.admin {
        return Ok(HttpResponse::SeeOther().insert_header((LOCATION, SETUP)).finish());
    }
    let page = setup::ask_revoke(standing(api).await?.as_ref(), visit.session.csrf());
    Ok(visit.dress(api, page.respond(api)))
}

/// Give the permission back to Google and forget it.
#[utoipa::path(
    post,
    path = "/google-calendar-revoke",
    tag = "setup",
    security(()),
    request_body(content_type = "application/x-www-form-urlencoded", content = String, description = "csrf, from the page that asks"),
    responses(
        (status = 200, description = "Disconnected: a page that says what was done", content_type = "text/html"),
        (status = 403, description = "Not signed in, or a form of another site", content_type = "text/html"),
    )
)]
pub(crate) async fn revoke(api: web::Data<Api>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    revoked(&api, &request, payload).await.unwrap_or_else(|problem| notice::problem(&problem).respond(&api))
}

/// What was done at Google.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtGoogle {
    Revoked,
    /// Another account of ours has the same user: revoking would end its grant too.
    KeptForAnother,
    /// Google could not be asked.
    Unasked,
    /// There was no token to revoke.
    Nothing,
}

async fn revoked(api: &Api, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    Form::of_admin(api, request, payload).await?;
    let id = AccountId::default_account();
    let Some(account) = api.ports.accounts.get_now(&id).await.map_err(|error| trouble(&error))? else {
        return Ok(page(AtGoogle::Nothing).respond(api));
    };
    let at_google = revoke_at_google(api, &account).await.map_err(|error| trouble(&error))?;
    match api.ports.accounts.disconnect(&id).await {
        Ok(_) | Err(AccountError::NeverConnected) => {}
        Err(error @ (AccountError::OtherUser { .. } | AccountError::Sealed(_) | AccountError::Vault(_))) => {
            return Err(trouble(&error));
        }
    }
    info!(account.id = %id, ?at_google, "Disconnected account {id}");
    Ok(page(at_google).respond(api))
}

async fn revoke_at_google(api: &Api, account: &Account) -> Result<AtGoogle, VaultError> {
    let others = api.ports.accounts.list().await?;
    let shares = |other: &Account| {
        other.id != account.id && other.user_key == account.user_key && other.refresh_token.is_some()
    };
    if others.iter().any(shares) {
        return Ok(AtGoogle::KeptForAnother);
    }
    let token = match account.refresh_token(api.ports.accounts.ring()) {
        Ok(Some(token)) => token,
        Ok(None) => return Ok(AtGoogle::Nothing),
        Err(error) => {
            error!(%error, "A refresh token cannot be opened: {error}");
            return Ok(AtGoogle::Unasked);
        }
    };
    match api.ports.google.revoke(&account.client, &token).await {
        Ok(()) => Ok(AtGoogle::Revoked),
        Err(error) => {
            warn!(%error, "Google could not be asked to revoke a grant: {error}");
            Ok(AtGoogle::Unasked)
        }
    }
}

const REFUSED: &str = "New events are refused until a calendar is connected.";

fn page(at_google: AtGoogle) -> crate::pages::Page {
    let by_hand = format!("To end it at Google too, remove this app at {PERMISSIONS}.");
    let (what, then) = match at_google {
        AtGoogle::Revoked => ("The permission was given back to Google and forgotten here.", REFUSED),
        AtGoogle::KeptForAnother => (
            "The permission was forgotten here. It was not given back to Google, since another account uses the same Google user.",
            REFUSED,
        ),
        AtGoogle::Unasked => {
            ("The permission was forgotten here, but Google could not be told.", by_hand.as_str())
        }
        AtGoogle::Nothing => ("Nothing was connected.", REFUSED),
    };
    notice(StatusCode::OK, "Disconnected", what, then)
}

fn trouble(error: &dyn std::error::Error) -> Problem {
    error!(%error, "The account cannot be disconnected: {error}");
    Problem::storage_unavailable()
}
