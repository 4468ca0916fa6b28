//! `/o/oauth2/v2/auth`: shows the consent page, and takes the person's decision back to the client.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use jiff::{SignedDuration, Timestamp};

use super::authorization::{Access, Authorization, Earlier, PageError, Prompt};
use super::{consent, scope};
use crate::call::{self, Call};
use crate::change::Change;
use crate::grant::{CODE_LIFETIME, Code, Offline, Scopes};
use crate::method::Method;
use crate::query::Query;
use crate::reply::Reply;
use crate::sandbox::{Inner, Sandbox, new_user};
use crate::wire::Wire;

type Act = fn(&mut Inner, &Authorization, &Query, Timestamp) -> Result<Reply, PageError>;

pub(super) async fn show(sandbox: Data<Sandbox>, request: HttpRequest) -> HttpResponse {
    let query = Query::parse(request.query_string());
    run(sandbox, request, query, page).await
}

pub(super) async fn decide(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let form = Query::parse(&String::from_utf8_lossy(&body));
    run(sandbox, request, form, decision).await
}

async fn run(sandbox: Data<Sandbox>, request: HttpRequest, query: Query, act: Act) -> HttpResponse {
    let agent = request.headers().get("User-Agent");
    let agent = agent.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let identify = |_: &Inner, _: Timestamp| Call::of(Method::Authorize, None);
    let carry_out = move |inner: &mut Inner, _: &Call, now: Timestamp| {
        Authorization::read(&query, &inner.world, &agent)
            .and_then(|asked| act(inner, &asked, &query, now))
            .unwrap_or_else(|error| consent::refused(&error))
    };
    call::perform(sandbox, Wire::of(&request), identify, carry_out).await
}

fn page(inner: &mut Inner, asked: &Authorization, query: &Query, now: Timestamp) -> Result<Reply, PageError> {
    if asked.prompt.contains(&Prompt::None) {
        return silently(inner, asked, now);
    }
    let people = inner.world.users.iter().filter(|user| user.can_sign_in());
    let people: Vec<_> = people
        .filter(|user| asked.domain.as_ref().is_none_or(|domain| user.email.ends_with(&format!("@{domain}"))))
        .cloned()
        .collect();
    let hinted = asked.login_hint.as_deref().and_then(|hint| inner.world.user(hint));
    let chosen = hinted.map(|user| user.email.clone());
    let chosen = chosen.or_else(|| people.first().map(|user| user.email.clone())).unwrap_or_default();
    let granted = inner.world.consents.get(&(chosen.clone(), asked.client.clone()));
    let granted = granted.cloned().unwrap_or_default();
    Ok(consent::page(asked, query, &people, &chosen, &granted))
}

/// `prompt=none`: only what was granted before, and no page.
fn silently(inner: &mut Inner, asked: &Authorization, now: Timestamp) -> Result<Reply, PageError> {
    let hinted = asked.login_hint.as_deref().and_then(|hint| inner.world.user(hint));
    let key = hinted.map(|user| (user.email.clone(), asked.client.clone()));
    let granted = key.as_ref().and_then(|key| inner.world.consents.get(key));
    let covered = granted.is_some_and(|granted| asked.scopes.is_subset(granted));
    match (key, covered) {
        (Some((user, _)), true) => grant(inner, asked, user, asked.scopes.clone(), None, now),
        _ => Ok(Reply::redirect(&asked.back(&[("error", "interaction_required")]))),
    }
}

fn decision(
    inner: &mut Inner,
    asked: &Authorization,
    form: &Query,
    now: Timestamp,
) -> Result<Reply, PageError> {
    let denied = || Ok(Reply::redirect(&asked.back(&[("error", "access_denied")])));
    let by_hand = asked.ticked_one_by_one();
    let all = match form.get("decision") {
        Some("all") => true,
        Some("allow") => false,
        Some(_) | None => return denied(),
    };
    let ticked: Vec<&str> = form.all("grant").collect();
    let scopes: Scopes = asked
        .scopes
        .iter()
        .filter(|scope| all || !by_hand.contains(scope) || ticked.contains(&scope.as_str()))
        .cloned()
        .collect();
    if scopes.is_empty() {
        return denied();
    }
    let other = form.get("other").map(str::trim).filter(|other| !other.is_empty());
    let user = person(inner, other.or_else(|| form.get("user")).unwrap_or_default())?;
    grant(inner, asked, user, scopes, lasting(form)?, now)
}

/// The address of whoever was chosen; a new address is a new person.
fn person(inner: &mut Inner, name: &str) -> Result<String, PageError> {
    let refused = |sentence: &str| PageError::injected(None, "invalid_request", Some(sentence));
    if let Some(user) = inner.world.user(name) {
        return match user.can_sign_in() {
            true => Ok(user.email.clone()),
            false => Err(refused("This account has been deleted, or is nobody’s.")),
        };
    }
    if !email_address::EmailAddress::is_valid(name) {
        return Err(refused("Choose an account, or enter an e-mail address."));
    }
    inner.commit(new_user(name).into()).map_err(|_| PageError::injected(Some(500), "server_error", None))?;
    Ok(name.to_lowercase())
}

/// How long the person lets the app in; until further notice when nothing was chosen.
fn lasting(form: &Query) -> Result<Option<SignedDuration>, PageError> {
    match form.get("lasting") {
        None | Some("") => Ok(None),
        Some(text) => match text.parse::<u32>() {
            Ok(seconds) if seconds > 0 => Ok(Some(SignedDuration::from_secs(seconds.into()))),
            Ok(_) | Err(_) => {
                Err(PageError::injected(None, "invalid_request", Some("lasting: a number of seconds.")))
            }
        },
    }
}

/// Remembers the consent and sends the person back with a code.
fn grant(
    inner: &mut Inner,
    asked: &Authorization,
    user: String,
    scopes: Scopes,
    lasting: Option<SignedDuration>,
    now: Timestamp,
) -> Result<Reply, PageError> {
    if inner.world.user(&user).is_some_and(|user| user.admin_blocked) {
        return Err(PageError::of("admin_policy_enforced", None));
    }
    let client = asked.client.clone();
    let earlier = inner.world.consents.get(&(user.clone(), client.clone())).cloned();
    let first = earlier.is_none();
    let earlier = earlier.unwrap_or_default();
    let offline = match asked.access {
        Access::Offline if first || asked.prompt.contains(&Prompt::Consent) => Offline::RefreshToken,
        Access::Offline | Access::Online => Offline::AccessOnly,
    };
    let covered: Scopes = match asked.earlier {
        Earlier::Included => scopes.union(&earlier).cloned().collect(),
        Earlier::LeftOut => scopes.clone(),
    };
    inner
        .commit(vec![Change::Consent {
            user: user.clone(),
            client: client.clone(),
            scopes: scopes.union(&earlier).cloned().collect(),
        }])
        .map_err(|_| PageError::injected(Some(500), "server_error", None))?;
    inner.codes.retain(|_, code| now < code.expires);
    let text = Code::new_code();
    let shown = scope::join(&covered);
    let code = Code {
        user,
        client,
        redirect_uri: asked.redirect_text.clone(),
        scopes: covered,
        offline,
        lasting,
        challenge: asked.challenge.clone(),
        nonce: asked.nonce.clone(),
        expires: now.checked_add(CODE_LIFETIME).unwrap_or(Timestamp::MAX),
        used: false,
    };
    inner.codes.insert(text.clone(), code);
    let prompt = if offline == Offline::RefreshToken { "consent" } else { "none" };
    let back = asked.back(&[("code", &text), ("scope", &shown), ("authuser", "0"), ("prompt", prompt)]);
    Ok(Reply::redirect(&back))
}
