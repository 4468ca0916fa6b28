//! Who sends a request: settled once for every request, before its handler, and counted in one window.
//!
//! A caller with a good key is counted by that key, and so is the browser of an administrator who is
//! signed in with one. A person with a connect link is counted by the link. All others are counted by
//! their address, before anything is looked up for them.

use accounts::keys::{ApiKey, Scope};
use actix_web::{HttpMessage as _, HttpRequest};
use tracing::error;

use crate::api::Api;
use crate::arrival::{Arrival, SignedIn, Window};
use crate::attempts::{Attempts, answered_state};
use crate::caller::Bearer;
use crate::link::Link;
use crate::metrics::Route;
use crate::paths;
use crate::problem::Problem;
use crate::rate::{Counted, RateStatus};
use crate::session::Session;

/// Settles who has sent `request` and counts it; notes both at the request.
///
/// # Errors
/// When it is one too many.
pub(crate) async fn enter(api: &Api, request: &HttpRequest, route: Route) -> Result<(), Problem> {
    let (entrance, standing) = settled(api, request, route).await;
    request.extensions_mut().insert(entrance);
    let Some(standing) = standing else {
        return Ok(());
    };
    request.extensions_mut().insert(standing);
    standing.check().map(drop)
}

async fn settled(api: &Api, request: &HttpRequest, route: Route) -> (Arrival, Option<RateStatus>) {
    let (headers, now) = (request.headers(), api.ports.jobs.clock.now());
    let session = Session::from_headers(headers, api.ports.jobs.accounts.ring(), now);
    if api.authenticator.is_open() {
        let entrance = Arrival { bearer: Bearer::Nobody, session, signed_in: SignedIn::Yes };
        let standing = by_address(api, request).await;
        return (entrance, standing);
    }
    let (bearer, window) = api.authenticator.bearer(request).await;
    if let Window::Counted(standing) = window
        && standing.check().is_err()
    {
        return (Arrival { bearer, session, signed_in: SignedIn::No }, Some(standing));
    }
    let (signed_in, key) = match &session {
        Some(session) => signed_in(api, session).await,
        None => (SignedIn::No, None),
    };
    let standing = match (window, signed_in, key) {
        (Window::Counted(standing), _, _) => Some(standing),
        (Window::Exempt, _, _) | (Window::Open, SignedIn::Unknown, _) => None,
        (Window::Open, SignedIn::Yes, Some(key)) => Some(api.authenticator.count_key(&key).await),
        (Window::Open, SignedIn::Yes | SignedIn::No, _) => match link(api, request, route) {
            Some(link) => Some(api.authenticator.count(Counted::Link(link.nonce)).await),
            None => by_address(api, request).await,
        },
    };
    (Arrival { bearer, session, signed_in }, standing)
}

/// Whether this is an administrator's session, and with which key. That we have sealed it means that its
/// key was good once: it is no guess.
async fn signed_in(api: &Api, session: &Session) -> (SignedIn, Option<ApiKey>) {
    let Some(secret) = session.key().filter(|_| !api.sign_outs.known(session)) else {
        return (SignedIn::No, None);
    };
    let looked_up = async {
        let key = api.ports.keys.find(&secret).await?.filter(|key| key.may(Scope::Admin));
        Ok::<_, common::port::VaultError>(match key {
            Some(key) if !api.sign_outs.ended(session).await? => Some(key),
            Some(_) | None => None,
        })
    };
    match looked_up.await {
        Ok(Some(key)) => (SignedIn::Yes, Some(key)),
        Ok(None) => (SignedIn::No, None),
        Err(error) => {
            error!(%error, "It cannot be read who is signed in: {error}");
            (SignedIn::Unknown, None)
        }
    }
}

/// The connect link of a request: of its page, or of the connection that Google answers.
fn link(api: &Api, request: &HttpRequest, route: Route) -> Option<Link> {
    let (ring, now) = (api.ports.jobs.accounts.ring(), api.ports.jobs.clock.now());
    match route {
        Route::Link => {
            let token = request.path().rsplit('/').next()?;
            Link::open(token, ring).filter(|link| link.until > now)
        }
        Route::Callback => {
            let attempts = Attempts::read(request.headers(), ring);
            let attempt = attempts.answered(&answered_state(request.query_string()), now).ok()?;
            attempt.consent.link.clone()
        }
        Route::Events
        | Route::Older
        | Route::Job
        | Route::Status
        | Route::Setup
        | Route::Connect
        | Route::Revoke
        | Route::Accounts
        | Route::Account
        | Route::Links
        | Route::OpenApi
        | Route::Other => None,
    }
}

async fn by_address(api: &Api, request: &HttpRequest) -> Option<RateStatus> {
    // It is the same for every caller, and the page that says "too many requests" needs it.
    if request.path() == paths::STYLE {
        return None;
    }
    api.authenticator.count_address(request).await
}
