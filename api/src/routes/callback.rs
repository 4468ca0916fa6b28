//! `GET /oauth2callback`: Google's answer, which connects an account.

mod answer;

use std::panic;
use std::time::Duration;

use accounts::nonces::Outcome;
use accounts::{AccountError, Connection};
use actix_web::http::Method;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use common::account::{Account, AccountState};
use common::port::Grant;
use common::time;
use tracing::{error, info, warn};

use answer::{Answer, no_token, refused};

use super::links::link_path;
use super::setup::standing;
use crate::api::Api;
use crate::attempts::{Attempt, Attempts, Stray};
use crate::consent::{self, Consent};
use crate::link::{Ending, Link};
use crate::pages::link;
use crate::pages::setup::Standing;
use crate::pages::trouble::{self, Begun, Obstacle};
use crate::paths::setup_path;

/// Either of them lets us write events.
const WRITING: [&str; 2] =
    ["https://www.googleapis.com/auth/calendar.events", "https://www.googleapis.com/auth/calendar"];

/// An answer that is being carried out elsewhere is waited for so long: longer than Google may take.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOKS_EVERY: Duration = Duration::from_millis(200);

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
        (status = 200, description = "Connected with a link that leads nowhere: a page that says so", content_type = "text/html"),
        (status = 303, description = "Connected: back to the setup page, or to where the link leads"),
        (status = "4XX", description = "A page that says what is wrong and what to do", content_type = "text/html"),
        (status = "5XX", description = "A page that says what is wrong and what to do", content_type = "text/html"),
    )
)]
pub(crate) async fn finish(api: web::Data<Api>, request: HttpRequest) -> HttpResponse {
    // A client that only looks (a scanner, a monitor) carries nothing out.
    if request.method() == Method::HEAD {
        return HttpResponse::Ok().content_type("text/html; charset=utf-8").finish();
    }
    let answer = Answer::read(request.query_string());
    let now = api.ports.jobs.clock.now();
    let attempts = Attempts::read(request.headers(), api.ports.jobs.accounts.ring());
    match attempts.answered(&answer.state, now) {
        Ok(attempt) => finished(&api, attempt.clone(), answer).await,
        // It undoes nothing: the browser keeps all that it has begun.
        Err(stray) => {
            let trouble = strayed(&api, &answer.state, stray).await;
            let begun = attempts.newest().map_or(Begun::Somehow, |consent| begun(&api, consent, &trouble));
            trouble::page(&trouble, &begun, api.settings.client.as_ref()).respond(&api)
        }
    }
}

async fn finished(api: &web::Data<Api>, attempt: Attempt, answer: Answer) -> HttpResponse {
    let Attempt { cookie, consent, .. } = attempt;
    let outcome = if consent.done {
        once_more(api, &consent).await
    } else {
        // A browser that hangs up (a double click, a reload) must not leave a code half traded.
        let (api, consent) = (web::Data::clone(api), consent.clone());
        let tasks = api.tasks.clone();
        match tasks.spawn(async move { carried_out(&api, &consent, answer).await }).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Obstacle::StorageAway),
        }
    };
    let mut cookies = Vec::new();
    let mut response = match &outcome {
        Ok(connected) => {
            if !consent.done {
                let (finished, age) = consent.finished(api.ports.jobs.clock.now());
                let value = finished.seal(api.ports.jobs.accounts.ring());
                cookies.push(finished.cookie().write(&value, age, &api.public_url));
            }
            if cookie != consent.cookie() {
                cookies.push(cookie.forget(&api.public_url));
            }
            connected.respond(api)
        }
        Err(trouble) => {
            // An answer that could not be looked at yet may be sent again.
            if *trouble != Obstacle::StorageAway {
                cookies.push(cookie.forget(&api.public_url));
            }
            let begun = begun(api, &consent, trouble);
            trouble::page(trouble, &begun, api.settings.client.as_ref()).respond(api)
        }
    };
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What an answer that does not fit is told; one that was here before most clearly.
async fn strayed(api: &Api, state: &str, stray: Stray) -> Obstacle {
    // The cookie is gone by then. What the vault cannot say is not worth more than a plainer page.
    if consent::is_ours(state, api.ports.jobs.accounts.hash_key())
        && api.nonces.is_spent(state).await == Ok(true)
    {
        return Obstacle::Used;
    }
    match stray {
        Stray::NotBegun => Obstacle::NotBegun,
        Stray::Expired => Obstacle::Expired,
        Stray::Mismatch => Obstacle::Mismatch,
    }
}

fn begun(api: &Api, consent: &Consent, trouble: &Obstacle) -> Begun {
    match &consent.link {
        None => Begun::OnSetupPage(consent.account.to_string()),
        Some(link) if *trouble == Obstacle::LinkUsed || link.until <= api.ports.jobs.clock.now() => {
            Begun::with_spent(link)
        }
        Some(link) => Begun::with(link, link_path(api, link)),
    }
}

/// An account is connected.
#[derive(Debug, PartialEq, Eq)]
struct Connected {
    /// Where the browser goes now; `None` stays here.
    on_to: Option<String>,
    email: Option<String>,
}

impl Connected {
    fn through(consent: &Consent, email: Option<String>) -> Self {
        let on_to = match &consent.link {
            None => Some(setup_path(consent.account.as_str())),
            Some(link) => link.way_back(Ending::Connected).map(String::from),
        };
        Self { on_to, email }
    }

    fn respond(&self, api: &Api) -> HttpResponse {
        match &self.on_to {
            Some(there) => HttpResponse::SeeOther().insert_header((LOCATION, there.as_str())).finish(),
            None => link::done(self.email.as_deref(), None).respond(api),
        }
    }
}

/// Carries an answer out, once. The same answer again is told what came of it.
async fn carried_out(api: &Api, consent: &Consent, answer: Answer) -> Result<Connected, Obstacle> {
    let first = api.nonces.spend(&consent.state, consent.until).await;
    if !first.map_err(|error| storage_away(&error))? {
        return repeated(api, consent).await;
    }
    let outcome = first_time(api, consent, answer).await;
    if let Err(error) = api.nonces.conclude(&consent.state, outcome.is_ok()).await {
        warn!(%error, "What came of an answer of Google's could not be written down: {error}");
    }
    outcome
}

/// An answer that was here before, perhaps a moment ago and in another process: a browser that loads a
/// page ahead, or twice, sees the end of the first.
async fn repeated(api: &Api, consent: &Consent) -> Result<Connected, Obstacle> {
    let clock = &api.ports.jobs.clock;
    let patience = time::after(clock.now(), PATIENCE);
    loop {
        match api.nonces.outcome(&consent.state).await.map_err(|error| storage_away(&error))? {
            Outcome::Succeeded => return once_more(api, consent).await,
            Outcome::Open if clock.now() < patience => clock.sleep(LOOKS_EVERY).await,
            Outcome::Open | Outcome::Failed | Outcome::Unspent => return Err(Obstacle::Used),
        }
    }
}

/// The same end again, where it is still so.
async fn once_more(api: &Api, consent: &Consent) -> Result<Connected, Obstacle> {
    let standing = standing(api, &consent.account).await.map_err(|_| Obstacle::StorageAway)?;
    match standing {
        Some(Standing { state: AccountState::Connected, email, .. }) => {
            Ok(Connected::through(consent, email))
        }
        Some(_) | None => Err(Obstacle::Used),
    }
}

async fn first_time(api: &Api, consent: &Consent, answer: Answer) -> Result<Connected, Obstacle> {
    if let Some(link) = &consent.link
        && api.nonces.is_spent(&link.nonce).await.map_err(|error| storage_away(&error))?
    {
        return Err(Obstacle::LinkUsed);
    }
    let code = answer.code.map_err(|refusal| refused(&refusal))?;
    let grant = api.ports.google.exchange(&code, &consent.verifier, api.ports.jobs.clock.now()).await;
    let connection = connection(api, grant.map_err(|error| no_token(&error))?).await?;
    let came = connection.user.email.clone();
    if let Some(Link { email: Some(expected), .. }) =
        consent.link.as_ref().filter(|link| !link.expects(&came))
    {
        return Err(Obstacle::UnexpectedUser { expected: expected.clone(), came });
    }
    let account = connected(api, consent, &connection).await?;
    info!(account.id = %account.id, account.generation = account.generation.0, "Connected account {}", account.id);
    (api.on_connected)(consent.account.clone());
    if let Some(link) = &consent.link {
        use_up(api, link, consent).await;
    }
    Ok(Connected::through(consent, Some(came)))
}

async fn connected(
    api: &Api,
    consent: &Consent,
    connection: &Connection,
) -> Result<std::sync::Arc<Account>, Obstacle> {
    match api.ports.jobs.accounts.connect(&consent.account, connection).await {
        Ok(account) => Ok(account),
        Err(AccountError::OtherUser { bound_to }) => {
            Err(Obstacle::OtherUser { bound_to, came: connection.user.email.clone() })
        }
        Err(error @ (AccountError::NeverConnected | AccountError::Sealed(_) | AccountError::Vault(_))) => {
            error!(%error, "A connection could not be kept: {error}");
            Err(Obstacle::StorageAway)
        }
    }
}

/// Only now, so that who declined or chose the wrong user may try again. Should this fail, the link
/// is still only this browser's, and its account this user's.
async fn use_up(api: &Api, link: &Link, consent: &Consent) {
    if let Err(error) = api.nonces.spend(&link.nonce, consent.until.max(link.until)).await {
        warn!(%error, "It could not be written down that a connect link was used: {error}");
    }
}

/// Checks what was granted, and asks whose it is.
async fn connection(api: &Api, grant: Grant) -> Result<Connection, Obstacle> {
    if !grant.scopes.iter().any(|scope| WRITING.contains(&scope.as_str())) {
        return Err(Obstacle::ScopeMissing);
    }
    let Some(refresh_token) = grant.refresh_token else {
        return Err(Obstacle::NothingLasting);
    };
    let user = api.ports.google.user(&grant.access_token).await;
    let user = user.map_err(|error| no_token(&error))?;
    Ok(Connection { user, refresh_token, client: api.ports.google.client(), scopes: grant.scopes })
}

fn storage_away(error: &dyn std::error::Error) -> Obstacle {
    error!(%error, "The vault cannot be used to connect an account: {error}");
    Obstacle::StorageAway
}
