//! What happens to people.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Path};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refused, Shared, ensure_user, read, reply, scopes};
use crate::calendar::{CalendarInfo, Role};
use crate::change::Change;
use crate::grant::Scopes;
use crate::sandbox::{Inner, Sandbox};
use crate::world::World;

pub(super) async fn users(sandbox: Shared) -> HttpResponse {
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
    admin_blocked: Option<bool>,
    allowed_conference_solution_types: Option<Vec<String>>,
    expired: Option<bool>,
    session_ended: Option<bool>,
    scopes: Option<Vec<String>>,
    calendars: Option<Vec<String>>,
    /// With others' calendars; null takes a role away.
    roles: Option<BTreeMap<String, Option<Role>>>,
    time_zone: Option<String>,
    name: Option<String>,
}

pub(super) async fn set_user(sandbox: Shared, path: Path<String>, body: Bytes) -> HttpResponse {
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
    user.admin_blocked = change.admin_blocked.unwrap_or(user.admin_blocked);
    if let Some(types) = change.allowed_conference_solution_types {
        user.allowed_conference_solution_types = types;
    }
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
    for (calendar, role) in change.roles.unwrap_or_default() {
        let calendar = calendar.to_lowercase();
        if role == Some(Role::Owner) || !inner.world.calendars.contains_key(&calendar) {
            return Err(Refused(
                "roles: reader, writer or null, by the id of a calendar there is".to_owned(),
            ));
        }
        changes.push(Change::Role { calendar, user: email.clone(), role });
    }
    if let Some(scopes) = scopes {
        changes.extend(rescoped(&inner.world, &email, &scopes));
    }
    if change.expired == Some(true) {
        let access = inner.world.access.values().filter(|token| token.user == email);
        changes.extend(access.map(|token| Change::ForgetAccess(token.token.clone())));
    }
    inner.commit(changes)?;
    if change.session_ended == Some(true) {
        inner.end_sessions(&email)?;
    }
    if change.revoked == Some(true) {
        inner.revoke_all(&email)?;
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
