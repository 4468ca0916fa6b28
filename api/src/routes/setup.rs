//! `/google-calendar-setup`: the page, and signing in to it.

use actix_web::http::header::{HOST, LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use common::account::{Account, AccountId};
use secrecy::SecretString;
use tracing::error;
use url::{Url, form_urlencoded};

use super::{SETUP, consent_url};
use crate::api::Api;
use crate::body::{self, BodyType};
use crate::cookies::Cookie;
use crate::pages::{notice, setup};
use crate::problem::{Kind, Problem};
use crate::session::{self, Session};

/// The setup page.
#[utoipa::path(
    get,
    path = "/google-calendar-setup",
    tag = "setup",
    security(()),
    responses((status = 200, description = "A page to connect and disconnect the calendar", content_type = "text/html"))
)]
pub(crate) async fn show(api: web::Data<Api>, request: HttpRequest) -> HttpResponse {
    if let Some(elsewhere) = where_google_returns_to(&api, &request) {
        return HttpResponse::SeeOther().insert_header((LOCATION, elsewhere)).finish();
    }
    page(&api, &request).await.unwrap_or_else(|problem| notice::problem(&problem).respond(&api))
}

async fn page(api: &Api, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(api, request).await?;
    let page = if visit.admin {
        let standing = standing(api).await?;
        setup::show(standing.as_ref(), visit.session.csrf(), !api.door.is_open())
    } else {
        setup::sign_in(visit.session.csrf(), false)
    };
    Ok(visit.dress(api, page.respond(api)))
}

/// Sign in to the setup page with an administrator's key, or out of it.
#[utoipa::path(
    post,
    path = "/google-calendar-setup",
    tag = "setup",
    security(()),
    request_body(content_type = "application/x-www-form-urlencoded", content = String, description = "csrf and key; or csrf and sign-out"),
    responses(
        (status = 303, description = "Back to the page"),
        (status = 403, description = "Not an administrator's key, or a form of another site", content_type = "text/html"),
    )
)]
pub(crate) async fn sign(api: web::Data<Api>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    signed(&api, &request, payload).await.unwrap_or_else(|problem| notice::problem(&problem).respond(&api))
}

async fn signed(api: &Api, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    api.door.count_address(request)?;
    let visit = Visit::of(api, request).await?;
    let form = Form::read(api, request, payload, &visit).await?;
    let now = api.ports.clock.now();
    if form.has("sign-out") {
        return Ok(back(api, &Session::begin(None, now)));
    }
    let key = form.get("key").unwrap_or_default().trim().to_owned();
    if !api.door.is_admin(&SecretString::from(key.clone())).await? {
        let page = setup::sign_in(visit.session.csrf(), true);
        return Ok(visit.dress(api, page.respond(api)));
    }
    // A new session: whoever knew the old one does not know this.
    Ok(back(api, &Session::begin(Some(key), now)))
}

fn back(api: &Api, session: &Session) -> HttpResponse {
    let cookie =
        Cookie::Session.write(&session.seal(api.ports.accounts.ring()), session::LASTS, &api.public_url);
    HttpResponse::SeeOther().insert_header((LOCATION, SETUP)).insert_header((SET_COOKIE, cookie)).finish()
}

/// A browser on one of the setup pages.
pub(super) struct Visit {
    pub(super) session: Session,
    /// Whether it is an administrator's.
    pub(super) admin: bool,
    /// Whether the browser does not have the session yet.
    new: bool,
}

impl Visit {
    pub(super) async fn of(api: &Api, request: &HttpRequest) -> Result<Self, Problem> {
        let now = api.ports.clock.now();
        let known = Session::from_headers(request.headers(), api.ports.accounts.ring(), now);
        let new = known.is_none();
        let session = known.unwrap_or_else(|| Session::begin(None, now));
        let admin = match session.key() {
            _ if api.door.is_open() => true,
            Some(key) => api.door.is_admin(&key).await?,
            None => false,
        };
        Ok(Self { session, admin, new })
    }

    /// Gives a new browser its session.
    pub(super) fn dress(&self, api: &Api, mut response: HttpResponse) -> HttpResponse {
        if self.new {
            let value = self.session.seal(api.ports.accounts.ring());
            let cookie = Cookie::Session.write(&value, session::LASTS, &api.public_url);
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

/// A form that one of our pages has sent.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form, which must come from a page that this visitor has seen.
    pub(super) async fn read(
        api: &Api,
        request: &HttpRequest,
        payload: web::Payload,
        visit: &Visit,
    ) -> Result<Self, Problem> {
        api.hosts.own_form(request.headers())?;
        let body = body::read(request, payload, BodyType::Form).await?;
        let form = Self(form_urlencoded::parse(&body).into_owned().collect());
        if visit.session.vouches_for(form.get("csrf").unwrap_or_default()) {
            return Ok(form);
        }
        let detail =
            "The page was open for too long, or cookies are blocked. Go back, reload it and try again.";
        Err(Problem::new(Kind::ForeignOrigin, detail))
    }

    /// The same, for an administrator only.
    pub(super) async fn of_admin(
        api: &Api,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<Self, Problem> {
        let visit = Visit::of(api, request).await?;
        if !visit.admin {
            let detail = "Sign in on the setup page with an administrator's key, then try again.";
            return Err(Problem::new(Kind::InsufficientScope, detail));
        }
        Self::read(api, request, payload, &visit).await
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// How the account `default` stands, as it is now.
pub(super) async fn standing(api: &Api) -> Result<Option<setup::Standing>, Problem> {
    let account = api.ports.accounts.get_now(&AccountId::default_account()).await.map_err(|error| {
        error!(%error, "The account cannot be read: {error}");
        Problem::storage_unavailable()
    })?;
    let of = |account: std::sync::Arc<Account>| setup::Standing {
        state: account.state,
        email: account.user(api.ports.accounts.ring()).ok().map(|user| user.email),
        connected_at: account.connected_at,
    };
    Ok(account.map(of))
}

/// The setup page under the loopback name that Google sends the browser back to, where that is
/// another one than the browser uses: cookies do not pass between the two.
fn where_google_returns_to(api: &Api, request: &HttpRequest) -> Option<String> {
    let asked = Url::parse(&consent_url(api)).ok()?;
    let (_, callback) = asked.query_pairs().find(|(name, _)| name == "redirect_uri")?;
    let callback = Url::parse(&callback).ok()?;
    let here = request.headers().get(HOST)?.to_str().ok()?;
    let here = Url::parse(&format!("{}://{here}", callback.scheme())).ok()?;
    let loopback =
        |url: &Url| url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
    let twins = loopback(&here) && loopback(&callback) && here.port() == callback.port();
    let elsewhere = twins && here.host_str() != callback.host_str();
    elsewhere.then(|| callback.join(SETUP).map(String::from).ok()).flatten()
}
