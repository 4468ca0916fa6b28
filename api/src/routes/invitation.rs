//! The page of a connect link: it invites a person to connect their calendar, and leads on to Google.

use accounts::nonces::Claim;
use actix_web::{HttpRequest, HttpResponse, web};
use common::account::AccountState;
use common::time;
use tracing::error;

use super::connect::to_google;
use super::setup::{Form, Visit, standing, under_the_callbacks_name};
use crate::api::Api;
use crate::consent::{self, Consent};
use crate::link::{Ending, Link};
use crate::pages::link::{Asking, Invitation, invite};
use crate::pages::setup::Standing;
use crate::pages::trouble::{self, Begun, Obstacle};
use crate::pages::{self, notice};
use crate::problem::{Kind, Problem};

/// The page of a connect link.
#[utoipa::path(
    get,
    path = "/google-calendar-link/{token}",
    tag = "setup",
    security(()),
    params(("token" = String, Path, description = "The last part of the link")),
    responses(
        (status = 200, description = "A page that asks to connect a calendar; opening it uses nothing up", content_type = "text/html"),
        (status = "4XX", description = "A page that says why the link does not work: it is not ours, has expired, was used, or is open in another browser", content_type = "text/html"),
        (status = "5XX", description = "A page that says what is wrong and what to do", content_type = "text/html"),
    )
)]
pub(crate) async fn show(
    api: web::Data<Api>,
    request: HttpRequest,
    token: web::Path<String>,
) -> HttpResponse {
    if let Some(elsewhere) = under_the_callbacks_name(&api, &request) {
        return elsewhere;
    }
    shown(&api, &request, &token).await.unwrap_or_else(|no| no.respond(&api))
}

async fn shown(api: &Api, request: &HttpRequest, token: &str) -> Result<HttpResponse, No> {
    let link = readable(api, token)?;
    invited(api, request, &link, &Visit::of(api, request), Asking::First).await
}

/// The page that asks this visitor, where the link is of use to them.
async fn invited(
    api: &Api,
    request: &HttpRequest,
    link: &Link,
    visit: &Visit,
    asking: Asking,
) -> Result<HttpResponse, No> {
    let claim = api.nonces.claimed(&link.nonce, &visit.session.browser()).await;
    let standing = match usable(link, claim.map_err(|error| storage(&error, link))?)? {
        Use::Now => standing(api, &link.account).await?,
        Use::Before => return done(api, link).await,
    };
    let page = invite(&Invitation {
        link,
        path: request.path(),
        bound_to: standing.as_ref().and_then(|standing| standing.email.as_deref()),
        csrf: visit.session.csrf(),
        asking,
    });
    Ok(visit.dress(api, page.respond(api)))
}

/// Go on to Google from the page of a connect link. From here on the link belongs to this browser.
#[utoipa::path(
    post,
    path = "/google-calendar-link/{token}",
    tag = "setup",
    security(()),
    params(("token" = String, Path, description = "The last part of the link")),
    request_body(content_type = "application/x-www-form-urlencoded", content = String, description = "csrf, from the link's page"),
    responses(
        (status = 303, description = "On to Google"),
        (status = "4XX", description = "A page that says why not", content_type = "text/html"),
        (status = "5XX", description = "A page that says what is wrong and what to do", content_type = "text/html"),
    )
)]
pub(crate) async fn begin(
    api: web::Data<Api>,
    request: HttpRequest,
    token: web::Path<String>,
    payload: web::Payload,
) -> HttpResponse {
    begun(&api, &request, &token, payload).await.unwrap_or_else(|no| no.respond(&api))
}

async fn begun(
    api: &Api,
    request: &HttpRequest,
    token: &str,
    payload: web::Payload,
) -> Result<HttpResponse, No> {
    let link = readable(api, token)?;
    let visit = Visit::of(api, request);
    if let Err(problem) = Form::read(api, request, payload, &visit).await {
        // Two tabs that were the first to come here have got two sessions, of which the browser keeps one.
        let own = problem.kind() == Kind::ForeignOrigin && api.hosts.own_form(request.headers()).is_ok();
        return match own {
            true => invited(api, request, &link, &visit, Asking::Again).await,
            false => Err(problem.into()),
        };
    }
    // The mark has to outlive every answer that the link can still bring.
    let until = time::after(link.until, consent::LASTS);
    let claim = api.nonces.claim(&link.nonce, &visit.session.browser(), until).await;
    match usable(&link, Some(claim.map_err(|error| storage(&error, &link))?))? {
        Use::Now => {}
        Use::Before => return done(api, &link).await,
    }
    let bound_to = standing(api, &link.account).await?.and_then(|standing| standing.email);
    let login_hint = bound_to.or_else(|| link.email.clone());
    let consent = Consent::with_link(link, api.ports.jobs.accounts.hash_key(), api.ports.jobs.clock.now());
    Ok(to_google(api, request, &consent, login_hint))
}

/// Why a link leads nowhere.
enum No {
    /// Something with the link.
    Obstacle(Box<(Obstacle, Begun)>),
    /// Something with the request.
    Problem(Problem),
}

impl From<Problem> for No {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl No {
    fn because(trouble: Obstacle, begun: Begun) -> Self {
        Self::Obstacle(Box::new((trouble, begun)))
    }

    fn respond(self, api: &Api) -> HttpResponse {
        match self {
            Self::Obstacle(why) => trouble::page(&why.0, &why.1, None).respond(api),
            Self::Problem(problem) => notice::visitors_problem(&problem).respond(api),
        }
    }
}

/// The link in a path, while it is young enough.
fn readable(api: &Api, token: &str) -> Result<Link, No> {
    let nowhere = Begun::WithLink { again: None, back: None };
    let link = Link::open(token, api.ports.jobs.accounts.ring())
        .ok_or(No::because(Obstacle::LinkUnreadable, nowhere))?;
    if link.until <= api.ports.jobs.clock.now() {
        return Err(No::because(Obstacle::LinkExpired, Begun::with_spent(&link)));
    }
    Ok(link)
}

/// What this browser can do with a link.
enum Use {
    /// Connect a calendar.
    Now,
    /// Nothing more: it has connected one.
    Before,
}

fn usable(link: &Link, claim: Option<Claim>) -> Result<Use, No> {
    let trouble = match claim {
        None | Some(Claim::Yours) => return Ok(Use::Now),
        Some(Claim::SpentByYou) => return Ok(Use::Before),
        Some(Claim::Anothers) => Obstacle::LinkElsewhere,
        Some(Claim::Spent) => Obstacle::LinkUsed,
    };
    Err(No::because(trouble, Begun::with_spent(link)))
}

/// Says to the browser that has used the link that it is connected, as long as it is.
async fn done(api: &Api, link: &Link) -> Result<HttpResponse, No> {
    match standing(api, &link.account).await? {
        Some(Standing { state: AccountState::Connected, email, .. }) => {
            Ok(pages::link::done(email.as_deref(), link.way_back(Ending::Connected).as_ref()).respond(api))
        }
        Some(_) | None => Err(No::because(Obstacle::LinkUsed, Begun::with_spent(link))),
    }
}

fn storage(error: &dyn std::error::Error, link: &Link) -> No {
    error!(%error, "It cannot be read whether a connect link was used: {error}");
    No::because(Obstacle::StorageAway, Begun::with_spent(link))
}
