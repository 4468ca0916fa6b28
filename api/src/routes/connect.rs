//! `POST /google-calendar-connect`: an administrator begins to connect an account.

use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};

use super::setup::{Form, standing};
use crate::api::Api;
use crate::attempts::Attempts;
use crate::consent::{self, Consent};
use crate::pages::notice;
use crate::problem::Problem;

/// Begin to connect an account: on to Google's consent page.
#[utoipa::path(
    post,
    path = "/google-calendar-connect",
    tag = "setup",
    security(()),
    request_body(content_type = "application/x-www-form-urlencoded", content = String, description = "csrf, from the setup page; account, unless it is `default`"),
    responses(
        (status = 303, description = "On to Google"),
        (status = 403, description = "Not signed in, or a form of another site", content_type = "text/html"),
        (status = 429, description = "Too many requests: a page that says so; Retry-After says when to come back", content_type = "text/html"),
    )
)]
pub(crate) async fn begin(api: web::Data<Api>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    begun(&api, &request, payload).await.unwrap_or_else(|problem| notice::problem(&problem).respond(&api))
}

async fn begun(api: &Api, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let account = Form::of_admin(api, request, payload).await?.account()?;
    let login_hint = standing(api, &account).await?.and_then(|standing| standing.email);
    let consent = Consent::begin(account, api.ports.jobs.accounts.hash_key(), api.ports.jobs.clock.now());
    Ok(to_google(api, request, &consent, login_hint))
}

/// On to Google's consent page, with the cookie that its answer will be compared with. What the browser
/// has begun before goes on beside it, but for the oldest where that is too much.
pub(super) fn to_google(
    api: &Api,
    request: &HttpRequest,
    consent: &Consent,
    login_hint: Option<String>,
) -> HttpResponse {
    let ring = api.ports.jobs.accounts.ring();
    let (cookie, value) = (consent.cookie(), consent.seal(ring));
    let google = api.ports.google.consent_url(&consent.request(login_hint));
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, google));
    for old in Attempts::read(request.headers(), ring).in_the_way_of(cookie.size(value.len())) {
        response.append_header((SET_COOKIE, old.forget(&api.public_url)));
    }
    response.append_header((SET_COOKIE, cookie.write(&value, consent::LASTS, &api.public_url))).finish()
}
