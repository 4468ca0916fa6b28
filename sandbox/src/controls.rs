//! `/_sandbox/…`: what tests and people do to the sandbox. None of it exists at Google.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::calendar::CalendarInfo;
use crate::change::Change;
use crate::config::Meet;
use crate::events::render;
use crate::faults::FaultSpec;
use crate::grant::Scopes;
use crate::oauth::{client, scope};
use crate::query::Query;
use crate::quota::Quotas;
use crate::sandbox::{Inner, Sandbox, Source, new_user};
use crate::stats::{Logged, Stats};
use crate::world::World;

type Shared = Data<Sandbox>;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/_sandbox/credentials", web::get().to(credentials))
        .route("/_sandbox/credentials", web::post().to(add_redirects))
        .route("/_sandbox/events", web::get().to(events))
        .route("/_sandbox/stats", web::get().to(stats))
        .route("/_sandbox/requests", web::get().to(requests))
        .route("/_sandbox/tokens", web::post().to(tokens))
        .route("/_sandbox/faults", web::post().to(add_fault))
        .route("/_sandbox/faults", web::get().to(faults))
        .route("/_sandbox/faults", web::delete().to(clear_faults))
        .route("/_sandbox/quota", web::post().to(set_quota))
        .route("/_sandbox/quota", web::get().to(quota))
        .route("/_sandbox/meet", web::post().to(set_meet))
        .route("/_sandbox/users", web::get().to(users))
        .route("/_sandbox/users/{user}", web::post().to(set_user))
        .route("/_sandbox/clock", web::post().to(advance))
        .route("/_sandbox/clock", web::get().to(clock))
        .route("/_sandbox/reset", web::post().to(reset));
}

/// A control that was not understood: a sentence, with status 400.
struct Refused(String);

impl From<ApiError> for Refused {
    fn from(_: ApiError) -> Self {
        Self("the sandbox could not write its state file".to_owned())
    }
}

fn reply(result: Result<Value, Refused>) -> HttpResponse {
    match result {
        Ok(value) => HttpResponse::Ok().json(value),
        Err(Refused(sentence)) => {
            HttpResponse::build(StatusCode::BAD_REQUEST).json(json!({"error": sentence}))
        }
    }
}

/// An empty body means an empty object.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refused(error.to_string()))
}

async fn credentials(sandbox: Shared, request: HttpRequest) -> HttpResponse {
    let here = here(&request);
    let browser = sandbox.config.public_url.clone().unwrap_or_else(|| here.clone());
    let inner = sandbox.lock();
    let uris = &inner.world.redirect_uris;
    HttpResponse::Ok().json(client::credentials(&sandbox.config, uris, &browser, &here))
}

/// The origin under which this request was sent.
pub(crate) fn here(request: &HttpRequest) -> String {
    let info = request.connection_info();
    format!("{}://{}", info.scheme(), info.host())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Redirects {
    redirect_uris: Vec<String>,
}

async fn add_redirects(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<Redirects>(&body).and_then(|redirects| {
        let mut inner = sandbox.lock();
        inner.commit(redirects.redirect_uris.into_iter().map(Change::RedirectUri).collect())?;
        Ok(json!({"redirect_uris": inner.world.redirect_uris}))
    }))
}

async fn events(sandbox: Shared, request: HttpRequest) -> HttpResponse {
    let query = Query::parse(request.query_string());
    let user = query.get("user");
    let now = sandbox.clock.now();
    let mut inner = sandbox.lock();
    let owner = user.map(|user| owner_of(&inner.world, user));
    let wanted = match (query.get("calendar"), &owner) {
        (Some("primary"), Some(owner)) => Some(owner.clone()),
        (Some(id), _) => Some(id.to_lowercase()),
        (None, _) => None,
    };
    let mut shown = Vec::new();
    for calendar in inner.world.calendars.values_mut() {
        calendar.settle(now);
        let info = &calendar.info;
        if owner.as_ref().is_some_and(|owner| *owner != info.owner)
            || wanted.as_ref().is_some_and(|wanted| *wanted != info.id)
        {
            continue;
        }
        for event in calendar.events.values() {
            let mut value = render::event(event, calendar, &render::Options::default());
            value["insertCount"] = json!(event.insert_count);
            value["user"] = json!(info.owner);
            value["calendar"] = json!(info.id);
            shown.push(value);
        }
    }
    drop(inner);
    HttpResponse::Ok().json(json!({"events": shown}))
}

fn owner_of(world: &World, user: &str) -> String {
    let known = world.user(user).map(|user| user.email.clone());
    known.unwrap_or_else(|| user.to_lowercase())
}

async fn stats(sandbox: Shared) -> HttpResponse {
    let report = sandbox.lock().stats.report();
    HttpResponse::Ok().json(report)
}

/// `since` is a moment, or the `seq` of the last entry seen.
async fn requests(sandbox: Shared, request: HttpRequest) -> HttpResponse {
    let query = Query::parse(request.query_string());
    let inner = sandbox.lock();
    let since = query.get("since").unwrap_or("0");
    let entries: Vec<Logged> = match (since.parse::<u64>(), since.parse::<Timestamp>()) {
        (Ok(seq), _) => inner.stats.after(seq).cloned().collect(),
        (Err(_), Ok(moment)) => inner.stats.since(moment).cloned().collect(),
        (Err(_), Err(_)) => {
            return reply(Err(Refused("since: a moment with an offset, or a seq".to_owned())));
        }
    };
    drop(inner);
    HttpResponse::Ok().json(json!({"requests": entries}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenRequest {
    user: Option<String>,
    scopes: Option<Vec<String>>,
    expires_in: Option<u64>,
}

/// A full grant without a browser.
async fn tokens(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read(&body).and_then(|asked: TokenRequest| grant(&sandbox, asked)))
}

fn grant(sandbox: &Sandbox, asked: TokenRequest) -> Result<Value, Refused> {
    let config = &sandbox.config;
    let scopes = match asked.scopes {
        Some(list) => scopes(&list)?,
        None => scope::usual(),
    };
    let lifetime = asked.expires_in.map_or(config.access_token_lifetime, Duration::from_secs);
    let mut inner = sandbox.lock();
    let now = inner.now(&sandbox.clock);
    let first = inner.world.users.first().map(|user| user.email.clone());
    let name = asked.user.or(first).unwrap_or_default();
    let user = ensure_user(&mut inner, &name)?;
    let mut consent = scopes.clone();
    let key = (user.clone(), config.client_id.clone());
    consent.extend(inner.world.consents.get(&key).cloned().unwrap_or_default());
    inner.commit(vec![Change::Consent {
        user: user.clone(),
        client: config.client_id.clone(),
        scopes: consent,
    }])?;
    let tokens = inner.issue(&user, config, scopes, Source::NewRefresh, lifetime, now)?;
    let sub = inner.world.user(&user).map(|user| user.sub.clone());
    Ok(json!({
        "access_token": tokens.access.token,
        "refresh_token": tokens.refresh.map(|refresh| refresh.token),
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
        "scope": scope::join(&tokens.access.scopes),
        "user": user,
        "email": user,
        "sub": sub,
    }))
}

fn scopes(list: &[String]) -> Result<Scopes, Refused> {
    scope::parse(&list.join(" ")).map_err(|unknown| Refused(format!("scopes: Google has no scope {unknown}")))
}

/// The address of a user, who is made if there is none.
fn ensure_user(inner: &mut Inner, name: &str) -> Result<String, Refused> {
    if let Some(user) = inner.world.user(name) {
        return Ok(user.email.clone());
    }
    if !email_address::EmailAddress::is_valid(name) {
        return Err(Refused("user: an e-mail address, or the sub of a user there is".to_owned()));
    }
    inner.commit(new_user(name).into())?;
    Ok(name.to_lowercase())
}

async fn add_fault(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<FaultSpec>(&body).and_then(|spec| {
        if let Some(problem) = spec.problem() {
            return Err(Refused(problem));
        }
        let mut inner = sandbox.lock();
        let now = inner.now(&sandbox.clock);
        Ok(json!(inner.faults.add(spec, now)))
    }))
}

async fn faults(sandbox: Shared) -> HttpResponse {
    let mut inner = sandbox.lock();
    let now = inner.now(&sandbox.clock);
    let listed = json!({"faults": inner.faults.in_force(now)});
    drop(inner);
    HttpResponse::Ok().json(listed)
}

async fn clear_faults(sandbox: Shared) -> HttpResponse {
    sandbox.lock().faults.clear();
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QuotaChange {
    project_per_minute: Option<u32>,
    user_per_minute: Option<u32>,
    calendar_per_second: Option<u32>,
}

async fn set_quota(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<QuotaChange>(&body).map(|change| {
        let mut inner = sandbox.lock();
        let limits = &mut inner.quotas.limits;
        limits.project_per_minute = change.project_per_minute.unwrap_or(limits.project_per_minute);
        limits.user_per_minute = change.user_per_minute.unwrap_or(limits.user_per_minute);
        limits.calendar_per_second = change.calendar_per_second.unwrap_or(limits.calendar_per_second);
        json!(limits)
    }))
}

async fn quota(sandbox: Shared) -> HttpResponse {
    let limits = sandbox.lock().quotas.limits;
    HttpResponse::Ok().json(limits)
}

async fn set_meet(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<Meet>(&body).map(|meet| {
        sandbox.lock().meet = meet;
        json!(meet)
    }))
}

async fn users(sandbox: Shared) -> HttpResponse {
    let inner = sandbox.lock();
    let shown: Vec<Value> = inner.world.users.iter().map(|user| shown(&inner, &user.email)).collect();
    HttpResponse::Ok().json(json!({"users": shown}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UserChange {
    revoked: Option<bool>,
    usage_limited: Option<bool>,
    deleted: Option<bool>,
    calendar_user: Option<bool>,
    scopes: Option<Vec<String>>,
    calendars: Option<Vec<String>>,
    time_zone: Option<String>,
    name: Option<String>,
}

async fn set_user(sandbox: Shared, path: Path<String>, body: Bytes) -> HttpResponse {
    reply(read(&body).and_then(|change| change_user(&sandbox, &path, change)))
}

fn change_user(sandbox: &Sandbox, name: &str, change: UserChange) -> Result<Value, Refused> {
    let scopes = change.scopes.as_deref().map(scopes).transpose()?;
    if change.time_zone.as_ref().is_some_and(|zone| TimeZone::get(zone).is_err()) {
        return Err(Refused("timeZone: an IANA name, such as Europe/Berlin".to_owned()));
    }
    let mut inner = sandbox.lock();
    let email = ensure_user(&mut inner, name)?;
    let Some(mut user) = inner.world.user(&email).cloned() else {
        return Err(Refused("the user is gone".to_owned()));
    };
    user.usage_limited = change.usage_limited.unwrap_or(user.usage_limited);
    user.deleted = change.deleted.unwrap_or(user.deleted);
    user.calendar_user = change.calendar_user.unwrap_or(user.calendar_user);
    user.name = change.name.unwrap_or(user.name);
    let mut changes = vec![Change::User(user)];
    let zone = change.time_zone;
    let own = inner.world.calendars.get(&email);
    let current = own.map_or_else(|| "UTC".to_owned(), |calendar| calendar.info.time_zone.clone());
    let calendar = |id: String| {
        Change::Calendar(CalendarInfo {
            id: id.to_lowercase(),
            owner: email.clone(),
            time_zone: zone.clone().unwrap_or_else(|| current.clone()),
        })
    };
    changes.extend(zone.is_some().then(|| calendar(email.clone())));
    changes.extend(change.calendars.unwrap_or_default().into_iter().map(calendar));
    if let Some(scopes) = scopes {
        changes.extend(rescoped(&inner.world, &email, &scopes));
    }
    inner.commit(changes)?;
    if change.revoked == Some(true) {
        inner.revoke(&email, &sandbox.config.client_id)?;
    }
    Ok(shown(&inner, &email))
}

/// The user's grants, holding exactly these scopes from now on.
fn rescoped(world: &World, email: &str, scopes: &Scopes) -> Vec<Change> {
    let refresh = world.refresh.values().filter(|token| token.user == email).cloned();
    let access = world.access.values().filter(|token| token.user == email).cloned();
    let refresh = refresh.map(|mut token| {
        token.scopes = scopes.clone();
        Change::Refresh(token)
    });
    let access = access.map(|mut token| {
        token.scopes = scopes.clone();
        Change::Access(token)
    });
    refresh.chain(access).collect()
}

fn shown(inner: &Inner, email: &str) -> Value {
    let world = &inner.world;
    let calendars = world.calendars.values().filter(|calendar| calendar.info.owner == email);
    let ids: Vec<&str> = calendars.map(|calendar| calendar.info.id.as_str()).collect();
    let mut value = json!(world.user(email));
    value["timeZone"] = json!(world.calendars.get(email).map(|calendar| &calendar.info.time_zone));
    value["calendars"] = json!(ids);
    value["refreshTokens"] = json!(world.refresh.values().filter(|token| token.user == email).count());
    value
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: f64,
}

async fn advance(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<Advance>(&body).and_then(|by| {
        if !(0.0..=1e9).contains(&by.advance_seconds) {
            return Err(Refused("advanceSeconds: a number from 0 to 1e9; time never goes back".to_owned()));
        }
        sandbox.advance(Duration::from_secs_f64(by.advance_seconds));
        Ok(json!({"now": sandbox.now()}))
    }))
}

async fn clock(sandbox: Shared) -> HttpResponse {
    HttpResponse::Ok().json(json!({"now": sandbox.now()}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Reset {
    #[serde(default)]
    everything: bool,
}

async fn reset(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<Reset>(&body).and_then(|reset| {
        let mut inner = sandbox.lock();
        let change = if reset.everything { Change::ResetAll } else { Change::ResetCalendars };
        inner.commit(vec![change])?;
        if reset.everything {
            inner.commit(sandbox.config.users.iter().flat_map(|user| new_user(user)).collect())?;
            inner.commit(sandbox.config.redirect_uris.iter().cloned().map(Change::RedirectUri).collect())?;
            inner.codes.clear();
        }
        inner.faults.clear();
        inner.quotas = Quotas::new(sandbox.config.quota);
        inner.stats = Stats::default();
        inner.meet = sandbox.config.meet;
        Ok(json!({"reset": true}))
    }))
}
