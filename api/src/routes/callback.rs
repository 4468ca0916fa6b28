//! `GET /oauth2callback`: Google's answer, which connects an account.

use std::time::Duration;

use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use common::account::Account;
use common::accounts::{AccountError, Connection};
use common::port::{Grant, TokenError};
use tracing::{error, info, warn};
use url::form_urlencoded;

use super::links::link_path;
use super::setup_path;
use crate::api::Api;
use crate::consent::{self, Consent, Stray};
use crate::cookies::Cookie;
use crate::link::{Ending, Link};
use crate::pages::link;
use crate::pages::trouble::{self, Begun, Trouble};

/// Either of them lets us write events.
const WRITING: [&str; 2] =
    ["https://www.googleapis.com/auth/calendar.events", "https://www.googleapis.com/auth/calendar"];

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
    let answer = Answer::read(request.query_string());
    let now = api.ports.clock.now();
    let (consent, fits) = Consent::answered(request.headers(), &answer.state, api.ports.accounts.ring(), now);
    let outcome = match (&consent, fits) {
        (Some(consent), Ok(())) => finished(&api, consent, answer).await,
        (_, stray) => Err(strayed(&api, &answer.state, stray.err().unwrap_or(Stray::NotBegun)).await),
    };
    let mut response = match (&outcome, &consent) {
        (Ok(connected), _) => connected.respond(&api),
        (Err(trouble), consent) => {
            let begun = consent.as_ref().map_or(Begun::Somehow, |consent| begun(&api, consent, trouble));
            trouble::page(trouble, &begun, api.settings.client.as_ref()).respond(&api)
        }
    };
    // An answer that could not be looked at yet may be sent again.
    if outcome != Err(Trouble::StorageAway) {
        let forget = Cookie::Consent.write("", Duration::ZERO, &api.public_url);
        response.headers_mut().append(SET_COOKIE, forget);
    }
    response
}

/// What an answer that does not fit is told; one that was here before most clearly.
async fn strayed(api: &Api, state: &str, stray: Stray) -> Trouble {
    // The cookie is gone by then. What the vault cannot say is not worth more than a plainer page.
    if consent::may_be_ours(state) && api.nonces.is_spent(state).await == Ok(true) {
        return Trouble::Used;
    }
    match stray {
        Stray::NotBegun => Trouble::NotBegun,
        Stray::Expired => Trouble::Expired,
        Stray::Mismatch => Trouble::Mismatch,
    }
}

fn begun(api: &Api, consent: &Consent, trouble: &Trouble) -> Begun {
    match &consent.link {
        None => Begun::OnSetupPage(consent.account.to_string()),
        Some(link) if *trouble == Trouble::LinkUsed || link.until <= api.ports.clock.now() => {
            Begun::with_spent(link)
        }
        Some(link) => Begun::with(link, link_path(api, link)),
    }
}

/// An account has been connected.
#[derive(Debug, PartialEq, Eq)]
struct Connected {
    /// Where the browser goes now; `None` stays here.
    on_to: Option<String>,
    email: String,
}

impl Connected {
    fn respond(&self, api: &Api) -> HttpResponse {
        match &self.on_to {
            Some(there) => HttpResponse::SeeOther().insert_header((LOCATION, there.as_str())).finish(),
            None => link::done(&self.email).respond(api),
        }
    }
}

async fn finished(api: &Api, consent: &Consent, answer: Answer) -> Result<Connected, Trouble> {
    let first = api.nonces.spend(&consent.state, consent.until).await;
    match first.map_err(|error| storage_away(&error))? {
        true => {}
        false => return Err(Trouble::Used),
    }
    if let Some(link) = &consent.link
        && api.nonces.is_spent(&link.nonce).await.map_err(|error| storage_away(&error))?
    {
        return Err(Trouble::LinkUsed);
    }
    let code = answer.code.map_err(|refusal| refused(&refusal))?;
    let grant = api.ports.google.exchange(&code, &consent.verifier, api.ports.clock.now()).await;
    let connection = connection(api, grant.map_err(|error| no_token(&error))?).await?;
    let came = connection.user.email.clone();
    if let Some(Link { email: Some(expected), .. }) =
        consent.link.as_ref().filter(|link| !link.expects(&came))
    {
        return Err(Trouble::UnexpectedUser { expected: expected.clone(), came });
    }
    let account = connected(api, consent, &connection).await?;
    info!(account.id = %account.id, account.generation = account.generation.0, "Connected account {}", account.id);
    (api.on_connected)(consent.account.clone());
    let on_to = match &consent.link {
        None => Some(setup_path(consent.account.as_str())),
        Some(link) => {
            use_up(api, link, consent).await;
            link.way_back(Ending::Connected).map(String::from)
        }
    };
    Ok(Connected { on_to, email: came })
}

async fn connected(
    api: &Api,
    consent: &Consent,
    connection: &Connection,
) -> Result<std::sync::Arc<Account>, Trouble> {
    match api.ports.accounts.connect(&consent.account, connection).await {
        Ok(account) => Ok(account),
        Err(AccountError::OtherUser { bound_to }) => {
            Err(Trouble::OtherUser { bound_to, came: connection.user.email.clone() })
        }
        Err(error @ (AccountError::NeverConnected | AccountError::Sealed(_) | AccountError::Vault(_))) => {
            error!(%error, "A connection could not be kept: {error}");
            Err(Trouble::StorageAway)
        }
    }
}

/// Only now, so that who declined or chose the wrong user may try again. Should this fail, the link
/// is still nobody's but this browser's, and its account this user's.
async fn use_up(api: &Api, link: &Link, consent: &Consent) {
    if let Err(error) = api.nonces.spend(&link.nonce, consent.until.max(link.until)).await {
        warn!(%error, "It could not be written down that a connect link was used: {error}");
    }
}

/// What Google says through the browser.
struct Answer {
    state: String,
    /// The code, or Google's reason not to give one.
    code: Result<String, Option<String>>,
}

impl Answer {
    fn read(query: &str) -> Self {
        let get = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let code = match (get("error"), get("code")) {
            (None, Some(code)) => Ok(code),
            (refusal, _) => Err(refusal),
        };
        Self { state: get("state").unwrap_or_default(), code }
    }
}

/// Checks what was granted, and asks whose it is.
async fn connection(api: &Api, grant: Grant) -> Result<Connection, Trouble> {
    if !grant.scopes.iter().any(|scope| WRITING.contains(&scope.as_str())) {
        return Err(Trouble::ScopeMissing);
    }
    let Some(refresh_token) = grant.refresh_token else {
        return Err(Trouble::NothingLasting);
    };
    let user = api.ports.google.user(&grant.access_token).await;
    let user = user.map_err(|error| no_token(&error))?;
    Ok(Connection { user, refresh_token, client: api.ports.google.client(), scopes: grant.scopes })
}

/// What Google's refusal on its consent page means.
fn refused(reason: &Option<String>) -> Trouble {
    let Some(reason) = reason else {
        return Trouble::Incomplete;
    };
    match reason.as_str() {
        "access_denied" => Trouble::Declined,
        "admin_policy_enforced" | "policy_enforced" => Trouble::AdminForbids,
        "org_internal" => Trouble::OutsideOrganisation,
        "invalid_client" | "deleted_client" | "unauthorized_client" | "disabled_client" => {
            error!("Google does not accept our OAuth client");
            Trouble::ClientNotInitialised(reason.clone())
        }
        "redirect_uri_mismatch" => Trouble::RedirectMismatch,
        "server_error" | "temporarily_unavailable" => Trouble::GoogleAway,
        _ => {
            warn!("Google refused a consent");
            Trouble::GoogleRefused(reason.clone())
        }
    }
}

/// What it means that the code was not traded.
fn no_token(error: &TokenError) -> Trouble {
    match error {
        TokenError::InvalidGrant { .. } => Trouble::CodeRefused,
        TokenError::LoginRequired { .. } => Trouble::LoginRequired,
        TokenError::NoSuchUser { .. } => Trouble::NoSuchUser,
        TokenError::Denied { .. } => Trouble::AdminForbids,
        TokenError::InvalidClient { error: code, .. } => {
            error!(%error, "Google does not accept our OAuth client: {error}");
            Trouble::ClientNotInitialised(code.clone())
        }
        TokenError::Refused { error: code, .. } if code == "redirect_uri_mismatch" => {
            error!(%error, "Google does not know our redirect URI: {error}");
            Trouble::RedirectMismatch
        }
        TokenError::Refused { error: code, .. } => {
            error!(%error, "Google refused to trade a code: {error}");
            Trouble::GoogleRefused(code.clone())
        }
        TokenError::Throttled { .. } | TokenError::Unavailable { .. } | TokenError::Transport(_) => {
            warn!(%error, "Google could not be asked for a token: {error}");
            Trouble::GoogleAway
        }
    }
}

fn storage_away(error: &dyn std::error::Error) -> Trouble {
    error!(%error, "The vault cannot be used to connect an account: {error}");
    Trouble::StorageAway
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_google_says_on_its_page_is_told_apart() {
        for (reason, trouble) in [
            ("access_denied", Trouble::Declined),
            ("admin_policy_enforced", Trouble::AdminForbids),
            ("org_internal", Trouble::OutsideOrganisation),
            ("deleted_client", Trouble::ClientNotInitialised("deleted_client".to_owned())),
            ("redirect_uri_mismatch", Trouble::RedirectMismatch),
            ("temporarily_unavailable", Trouble::GoogleAway),
            ("something_new", Trouble::GoogleRefused("something_new".to_owned())),
        ] {
            assert_eq!(refused(&Some(reason.to_owned())), trouble, "{reason}");
        }
        assert_eq!(refused(&None), Trouble::Incomplete);
    }

    #[test]
    fn a_code_that_was_not_traded_says_why() {
        let refused = |code: &str| TokenError::Refused { error: code.to_owned(), description: String::new() };
        assert_eq!(no_token(&refused("redirect_uri_mismatch")), Trouble::RedirectMismatch);
        assert_eq!(no_token(&refused("invalid_scope")), Trouble::GoogleRefused("invalid_scope".to_owned()));
        let client =
            TokenError::InvalidClient { error: "deleted_client".to_owned(), description: String::new() };
        assert_eq!(no_token(&client), Trouble::ClientNotInitialised("deleted_client".to_owned()));
    }

    #[test]
    fn an_answer_is_a_code_or_a_refusal_or_neither() {
        let read = |query| Answer::read(query).code;
        assert_eq!(read("state=x&code=c"), Ok("c".to_owned()));
        assert_eq!(read("error=access_denied&code=c"), Err(Some("access_denied".to_owned())));
        assert_eq!(read("state=x"), Err(None));
    }
}
