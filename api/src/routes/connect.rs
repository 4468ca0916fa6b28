//! Connecting the account: `POST /google-calendar-connect` and Google's answer, `GET /oauth2callback`.

use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use common::account::AccountId;
use common::accounts::{AccountError, Connection};
use common::port::{Grant, TokenError};
use std::time::Duration;
use tracing::{error, info, warn};
use url::form_urlencoded;

use super::SETUP;
use super::setup::{Form, standing};
use crate::api::Api;
use crate::consent::{self, Consent, Stray};
use crate::cookies::Cookie;
use crate::pages::Page;
use crate::pages::notice::{self, PERMISSIONS, notice};
use crate::problem::Problem;

/// Either of them lets us write events.
const WRITING: [&str; 2] =
    ["https://www.googleapis.com/auth/calendar.events", "https://www.googleapis.com/auth/calendar"];

/// Begin to connect the account: on to Google's consent page.
#[utoipa::path(
    post,
    path = "/google-calendar-connect",
    tag = "setup",
    security(()),
    request_body(content_type = "application/x-www-form-urlencoded", content = String, description = "csrf, from the setup page"),
    responses(
        (status = 303, description = "On to Google"),
        (status = 403, description = "Not signed in, or a form of another site", content_type = "text/html"),
    )
)]
pub(crate) async fn begin(api: web::Data<Api>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    begun(&api, &request, payload).await.unwrap_or_else(|problem| notice::problem(&problem).respond(&api))
}

async fn begun(api: &Api, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    Form::of_admin(api, request, payload).await?;
    let login_hint = standing(api).await?.and_then(|standing| standing.email);
    let consent = Consent::begin(AccountId::default_account(), api.ports.clock.now());
    let cookie =
        Cookie::Consent.write(&consent.seal(api.ports.accounts.ring()), consent::LASTS, &api.public_url);
    let google = api.ports.google.consent_url(&consent.request(login_hint));
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, google))
        .insert_header((SET_COOKIE, cookie))
        .finish())
}

/// Google's answer comes back here.
#[utoipa::path(
    get,
    path = "/oauth2callback",
    tag = "setup",
    security(()),
    params(
        ("state" = String, Query, description = "What the connection was begun with"),
        ("code" = Option<String>, Query, description = "Google's consent"),
        ("error" = Option<String>, Query, description = "Google's refusal"),
    ),
    responses(
        (status = 303, description = "Connected: back to the setup page"),
        (status = "4XX", description = "A page that says what is wrong and what to do", content_type = "text/html"),
        (status = "5XX", description = "A page that says what is wrong and what to do", content_type = "text/html"),
    )
)]
pub(crate) async fn finish(api: web::Data<Api>, request: HttpRequest) -> HttpResponse {
    let mut response = match finished(&api, &request).await {
        Ok(()) => HttpResponse::SeeOther().insert_header((LOCATION, SETUP)).finish(),
        Err(page) => page.respond(&api),
    };
    let forget = Cookie::Consent.write("", Duration::ZERO, &api.public_url);
    response.headers_mut().append(SET_COOKIE, forget);
    response
}

async fn finished(api: &Api, request: &HttpRequest) -> Result<(), Box<Page>> {
    let answer = Answer::read(request.query_string());
    let ring = api.ports.accounts.ring();
    let now = api.ports.clock.now();
    let consent = Consent::answered(request.headers(), &answer.state, ring, &api.used_states, now)
        .map_err(|stray| Box::new(stray_answer(stray)))?;
    let code = answer.code.map_err(|refusal| Box::new(refused(&refusal)))?;
    let grant = api.ports.google.exchange(&code, &consent.verifier, now).await;
    let connection = connection(api, grant.map_err(|error| Box::new(no_token(&error)))?).await?;
    match api.ports.accounts.connect(&consent.account, &connection).await {
        Ok(account) => {
            info!(account.id = %account.id, account.generation = account.generation.0,
                "Connected account {}", account.id);
            (api.on_connected)(consent.account);
            Ok(())
        }
        Err(AccountError::OtherUser { bound_to }) => {
            Err(Box::new(other_user(&bound_to, &connection.user.email)))
        }
        Err(error @ (AccountError::NeverConnected | AccountError::Sealed(_) | AccountError::Vault(_))) => {
            error!(%error, "A connection could not be kept: {error}");
            Err(Box::new(notice::problem(&Problem::storage_unavailable())))
        }
    }
}

/// What Google says through the browser.
struct Answer {
    state: String,
    /// The code, or Google's reason not to give one.
    code: Result<String, String>,
}

impl Answer {
    fn read(query: &str) -> Self {
        let get = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let code = match (get("error"), get("code")) {
            (None, Some(code)) => Ok(code),
            (Some(refusal), _) => Err(refusal),
            (None, None) => Err("no_code".to_owned()),
        };
        Self { state: get("state").unwrap_or_default(), code }
    }
}

/// Checks what was granted, and asks whose it is.
async fn connection(api: &Api, grant: Grant) -> Result<Connection, Box<Page>> {
    if !grant.scopes.iter().any(|scope| WRITING.contains(&scope.as_str())) {
        return Err(Box::new(scope_missing()));
    }
    let Some(refresh_token) = grant.refresh_token else {
        return Err(Box::new(no_refresh_token()));
    };
    let user = api.ports.google.user(&grant.access_token).await;
    let user = user.map_err(|error| Box::new(no_token(&error)))?;
    Ok(Connection { user, refresh_token, client: api.ports.google.client(), scopes: grant.scopes })
}

const AGAIN: &str = "Begin again from the setup page, in this browser.";

fn stray_answer(stray: Stray) -> Page {
    let what = match stray {
        Stray::NotBegun => {
            "This browser has not begun to connect a calendar, or it took longer than ten minutes. \
             If it has, check that cookies are allowed and that the address is the one you began at."
        }
        Stray::Mismatch => {
            "This answer belongs to another attempt to connect, or was forged. Nothing was changed."
        }
        Stray::Used => "This answer was already used; reloading the page does not repeat it.",
    };
    notice(StatusCode::BAD_REQUEST, "Not connected", what, AGAIN)
}

fn refused(reason: &str) -> Page {
    match reason {
        "access_denied" => notice(
            StatusCode::FORBIDDEN,
            "Consent was declined",
            "Google was told not to give access, so nothing was changed.",
            "If that was a mistake, begin again from the setup page and choose Continue.",
        ),
        "no_code" => {
            notice(StatusCode::BAD_REQUEST, "Not connected", "Google's answer is incomplete.", AGAIN)
        }
        _ => {
            warn!("Google refused a consent");
            notice(
                StatusCode::BAD_GATEWAY,
                "Google refused",
                &format!("Google did not ask for consent; it said: {}", printable(reason)),
                "Check the OAuth client and the consent screen in the Google Cloud console, then begin again.",
            )
        }
    }
}

fn scope_missing() -> Page {
    notice(
        StatusCode::FORBIDDEN,
        "The calendar was not included",
        "Google's page has a box for each permission, and the one for calendar events was not ticked.",
        "Begin again from the setup page and tick the box that lets this app see and edit events.",
    )
}

fn no_refresh_token() -> Page {
    notice(
        StatusCode::BAD_GATEWAY,
        "No lasting permission",
        "Google gave access for an hour only, which is not enough to work in the background.",
        &format!("Remove this app at {PERMISSIONS}, then begin again from the setup page."),
    )
}

fn other_user(bound_to: &str, came: &str) -> Page {
    notice(
        StatusCode::CONFLICT,
        "That is another Google user",
        &format!("This account belongs to {bound_to}, but consent came from {came}. Nothing was changed."),
        &format!(
            "Begin again and choose {bound_to}: an account stays with the user it was first connected to."
        ),
    )
}

fn no_token(error: &TokenError) -> Page {
    match error {
        TokenError::InvalidGrant { .. } => notice(
            StatusCode::BAD_REQUEST,
            "Not connected",
            "Google no longer takes this answer: it was used before, or it is too old.",
            AGAIN,
        ),
        TokenError::Denied { .. } => notice(
            StatusCode::FORBIDDEN,
            "An administrator does not allow this",
            "The administrator of this Google account does not let it use this app.",
            "Ask them to allow the app, then begin again from the setup page.",
        ),
        TokenError::InvalidClient { .. } | TokenError::Refused { .. } => {
            error!(%error, "Google does not accept our OAuth client: {error}");
            notice(
                StatusCode::BAD_GATEWAY,
                "Google does not know this app",
                "Google did not accept the OAuth client of this server.",
                "An operator has to check the credentials file and the redirect URI; the log says more.",
            )
        }
        TokenError::Throttled { .. } | TokenError::Unavailable { .. } | TokenError::Transport(_) => {
            warn!(%error, "Google could not be asked for a token: {error}");
            notice(
                StatusCode::SERVICE_UNAVAILABLE,
                "Google cannot be reached",
                "Google did not answer just now. Nothing was changed.",
                "Wait a little, then begin again from the setup page.",
            )
        }
    }
}

/// A code of Google's, without anything that a page should not repeat.
fn printable(reason: &str) -> String {
    reason.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect()
}
