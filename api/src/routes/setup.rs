//! `/google-calendar-setup`: the page, and signing in to it.

use actix_web::http::StatusCode;
use actix_web::http::header::{HOST, HeaderValue, LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use common::account::{Account, AccountId};
use common::port::VaultError;
use common::refused_client::RefusedClient;
use secrecy::SecretString;
use tracing::error;
use url::{Url, form_urlencoded};

use crate::api::Api;
use crate::arrival::{Arrival, SignedIn};
use crate::body::{self, BodyType};
use crate::cookies::Cookie;
use crate::pages::{notice, setup};
use crate::paths::setup_path;
use crate::problem::{Kind, Problem};
use crate::query;
use crate::session::{self, Session};

/// The setup page.
#[utoipa::path(
    get,
    path = "/google-calendar-setup",
    tag = "setup",
    security(()),
    params(("account" = Option<String>, Query, description = "Which account, unless it is `default`")),
    responses(
        (status = 200, description = "A page to connect and disconnect the calendar", content_type = "text/html"),
        (status = 429, description = "Too many requests: a page that says so; Retry-After says when to come back", content_type = "text/html"),
    )
)]
pub(crate) async fn show(api: web::Data<Api>, request: HttpRequest) -> HttpResponse {
    if let Some(elsewhere) = under_the_callbacks_name(&api, &request) {
        return elsewhere;
    }
    page(&api, &request).await.unwrap_or_else(|problem| notice::problem(&problem).respond(&api))
}

async fn page(api: &Api, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(api, request);
    let account = account_in_query(request)?;
    let page = if visit.is_admin()? {
        let standings = standings(api, &account).await?;
        // What it may say is worth less than the page.
        let refused = RefusedClient::noted(api.ports.jobs.vault.as_ref(), api.ports.jobs.clock.now())
            .await
            .unwrap_or_default();
        setup::show(&setup::View {
            account: &account,
            standing: standings.this.as_ref(),
            others: &standings.others,
            more: standings.more,
            client: api.settings.client.as_ref(),
            refused: refused.as_ref(),
            csrf: visit.session.csrf(),
            may_sign_out: !api.authenticator.is_open(),
        })
    } else {
        setup::sign_in(visit.session.csrf(), &account, false)
    };
    Ok(visit.dress(api, page.respond(api)))
}

/// Sign in to the setup page with an administrator's key, or out of it.
#[utoipa::path(
    post,
    path = "/google-calendar-setup",
    tag = "setup",
    security(()),
    request_body(content_type = "application/x-www-form-urlencoded", content = String, description = "csrf and key; or csrf and sign-out; account, to go on with it"),
    responses(
        (status = 303, description = "Back to the page"),
        (status = 403, description = "Not an administrator's key, or a form of another site", content_type = "text/html"),
        (status = 429, description = "Too many requests: a page that says so; Retry-After says when to come back", content_type = "text/html"),
    )
)]
pub(crate) async fn sign(api: web::Data<Api>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    signed(&api, &request, payload).await.unwrap_or_else(|problem| notice::problem(&problem).respond(&api))
}

async fn signed(api: &Api, request: &HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(api, request);
    let form = Form::read(api, request, payload, &visit).await?;
    let account = form.account()?;
    if form.has("sign-out") {
        return Ok(signed_out(api, &visit.session, &account).await);
    }
    let key = form.get("key").unwrap_or_default().trim().to_owned();
    if !api.authenticator.is_admin(&SecretString::from(key.clone())).await? {
        let page = setup::sign_in(visit.session.csrf(), &account, true);
        return Ok(visit.dress(api, page.respond(api)));
    }
    if visit.session.key().is_some() {
        api.sign_outs.end(&visit.session).await.map_err(|error| unreadable(&error))?;
    }
    Ok(back(api, &visit.session.followed_by(Some(key), api.ports.jobs.clock.now()), &account))
}

async fn signed_out(api: &Api, session: &Session, account: &AccountId) -> HttpResponse {
    let next = session.followed_by(None, api.ports.jobs.clock.now());
    let ended = match session.key() {
        Some(_) => api.sign_outs.end(session).await,
        None => Ok(()),
    };
    let Err(error) = ended else {
        return back(api, &next, account);
    };
    error!(%error, "It could not be written down that a session has ended: {error}");
    let mut response = notice::notice(
        StatusCode::SERVICE_UNAVAILABLE,
        "Signed out in this browser alone",
        "Storage cannot be reached, so the server could not write down that the session has ended: a copy of \
         its cookie is good for eight hours after you signed in.",
        "If there may be a copy, revoke the key (`calrelay keys revoke`).",
    )
    .respond(api);
    response.headers_mut().append(SET_COOKIE, session_cookie(api, &next));
    response
}

fn back(api: &Api, session: &Session, account: &AccountId) -> HttpResponse {
    let (page, cookie) = (setup_path(account.as_str()), session_cookie(api, session));
    HttpResponse::SeeOther().insert_header((LOCATION, page)).insert_header((SET_COOKIE, cookie)).finish()
}

fn session_cookie(api: &Api, session: &Session) -> HeaderValue {
    Cookie::Session.write(&session.seal(api.ports.jobs.accounts.ring()), session::LASTS, &api.public_url)
}

/// A browser on one of the setup pages.
pub(super) struct Visit {
    pub(super) session: Session,
    signed_in: SignedIn,
    /// Whether the browser does not have the session yet.
    new: bool,
}

impl Visit {
    pub(super) fn of(api: &Api, request: &HttpRequest) -> Self {
        let Arrival { session, signed_in, .. } = Arrival::of(request);
        let new = session.is_none();
        let session = session.unwrap_or_else(|| Session::begin(None, api.ports.jobs.clock.now()));
        Self { session, signed_in, new }
    }

    /// Whether it is an administrator's.
    pub(super) fn is_admin(&self) -> Result<bool, Problem> {
        match self.signed_in {
            SignedIn::Yes => Ok(true),
            SignedIn::No => Ok(false),
            SignedIn::Unknown => Err(Problem::storage_unavailable()),
        }
    }

    /// Gives a new browser its session.
    pub(super) fn dress(&self, api: &Api, mut response: HttpResponse) -> HttpResponse {
        if self.new {
            response.headers_mut().append(SET_COOKIE, session_cookie(api, &self.session));
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
        let visit = Visit::of(api, request);
        if !visit.is_admin()? {
            let detail = "Sign in on the setup page with an administrator's key, then try again.";
            return Err(Problem::new(Kind::InsufficientScope, detail));
        }
        Self::read(api, request, payload, &visit).await
    }

    /// The account that it is about.
    pub(super) fn account(&self) -> Result<AccountId, Problem> {
        named_account(self.get("account"))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// The account that the query of a page names.
pub(super) fn account_in_query(request: &HttpRequest) -> Result<AccountId, Problem> {
    let [account] = query::parse(request.query_string(), ["account"])?;
    named_account(account.as_deref().map(str::trim))
}

fn named_account(name: Option<&str>) -> Result<AccountId, Problem> {
    match name.filter(|name| !name.is_empty()) {
        None => Ok(AccountId::default_account()),
        Some(name) => AccountId::parse(name).map_err(|_| {
            let message = "An account id is 1 to 64 letters, digits, underscores or hyphens.";
            Problem::query("account", "invalid-id", message)
        }),
    }
}

/// More accounts than these are not listed on the page: `GET /api/v1/accounts` has all.
const SHOWN: usize = 50;

/// How the account stands, as it is now.
pub(super) async fn standing(api: &Api, id: &AccountId) -> Result<Option<setup::Standing>, Problem> {
    let account = api.ports.jobs.accounts.get_now(id).await.map_err(|error| unreadable(&error))?;
    Ok(account.map(|account| told(api, &account)))
}

/// How all accounts stand, seen from one of them.
struct Standings {
    this: Option<setup::Standing>,
    /// The others, by name, as far as a page shows them.
    others: Vec<setup::Standing>,
    more: bool,
}

async fn standings(api: &Api, id: &AccountId) -> Result<Standings, Problem> {
    let this = standing(api, id).await?;
    let others = api.ports.jobs.accounts.page("", SHOWN, |account| account.id != *id);
    let (others, more) = others.await.map_err(|error| unreadable(&error))?;
    Ok(Standings { this, others: others.iter().map(|account| told(api, account)).collect(), more })
}

fn told(api: &Api, account: &Account) -> setup::Standing {
    let now = api.ports.jobs.clock.now();
    setup::Standing {
        account: account.id.clone(),
        state: account.state,
        email: account.user(api.ports.jobs.accounts.ring()).ok().map(|user| user.email),
        connected_at: account.connected_at,
        guests_limited_until: account.guest_limit.map(|limit| limit.until).filter(|until| *until > now),
    }
}

fn unreadable(error: &VaultError) -> Problem {
    error!(%error, "Accounts cannot be read: {error}");
    Problem::storage_unavailable()
}

/// The same page under the loopback name that Google sends the browser back to, where that is
/// another one than the browser uses: cookies do not pass between the two.
pub(super) fn under_the_callbacks_name(api: &Api, request: &HttpRequest) -> Option<HttpResponse> {
    let asked = Url::parse(&api.consent_url()).ok()?;
    let (_, callback) = asked.query_pairs().find(|(name, _)| name == "redirect_uri")?;
    let callback = Url::parse(&callback).ok()?;
    let here = request.headers().get(HOST)?.to_str().ok()?;
    let here = Url::parse(&format!("{}://{here}", callback.scheme())).ok()?;
    let loopback =
        |url: &Url| url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
    let twins = loopback(&here) && loopback(&callback) && here.port() == callback.port();
    if !twins || here.host_str() == callback.host_str() {
        return None;
    }
    let page = request.uri().path_and_query()?.as_str();
    // A path that begins with two slashes would be another host's.
    let elsewhere = callback.join(page).ok().filter(|url| url.origin() == callback.origin())?;
    Some(HttpResponse::SeeOther().insert_header((LOCATION, elsewhere.as_str())).finish())
}
