//! Faults, quotas, conferences, the clock, and starting afresh.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{Refused, Shared, read, reply};
use crate::change::Change;
use crate::client::Client;
use crate::config::Meet;
use crate::faults::FaultSpec;
use crate::quota::Quotas;
use crate::sandbox::new_user;
use crate::stats::Stats;

pub(super) async fn add_fault(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<FaultSpec>(&body).and_then(|spec| {
        if let Some(problem) = spec.problem() {
            return Err(Refused(problem));
        }
        let mut inner = sandbox.lock();
        let now = inner.now(&sandbox.clock);
        Ok(json!(inner.faults.add(spec, now)))
    }))
}

pub(super) async fn faults(sandbox: Shared) -> HttpResponse {
    let mut inner = sandbox.lock();
    let now = inner.now(&sandbox.clock);
    let listed = json!({"faults": inner.faults.in_force(now)});
    drop(inner);
    HttpResponse::Ok().json(listed)
}

pub(super) async fn clear_faults(sandbox: Shared) -> HttpResponse {
    sandbox.lock().faults.clear();
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QuotaChange {
    project_per_minute: Option<u32>,
    user_per_minute: Option<u32>,
    calendar_per_second: Option<u32>,
    invitations_per_day: Option<u32>,
}

pub(super) async fn set_quota(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<QuotaChange>(&body).map(|change| {
        let mut inner = sandbox.lock();
        let limits = &mut inner.quotas.limits;
        limits.project_per_minute = change.project_per_minute.unwrap_or(limits.project_per_minute);
        limits.user_per_minute = change.user_per_minute.unwrap_or(limits.user_per_minute);
        limits.calendar_per_second = change.calendar_per_second.unwrap_or(limits.calendar_per_second);
        limits.invitations_per_day = change.invitations_per_day.unwrap_or(limits.invitations_per_day);
        json!(limits)
    }))
}

pub(super) async fn quota(sandbox: Shared) -> HttpResponse {
    let limits = sandbox.lock().quotas.limits;
    HttpResponse::Ok().json(limits)
}

pub(super) async fn set_meet(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<Meet>(&body).map(|meet| {
        sandbox.lock().meet = meet;
        json!(meet)
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: f64,
}

pub(super) async fn advance(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<Advance>(&body).and_then(|by| {
        if !(0.0..=1e9).contains(&by.advance_seconds) {
            return Err(Refused("advanceSeconds: a number from 0 to 1e9; time never goes back".to_owned()));
        }
        sandbox.advance(Duration::from_secs_f64(by.advance_seconds));
        Ok(json!({"now": sandbox.now()}))
    }))
}

pub(super) async fn clock(sandbox: Shared) -> HttpResponse {
    HttpResponse::Ok().json(json!({"now": sandbox.now()}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Reset {
    #[serde(default)]
    everything: bool,
}

pub(super) async fn reset(sandbox: Shared, body: Bytes) -> HttpResponse {
    reply(read::<Reset>(&body).and_then(|reset| {
        let mut inner = sandbox.lock();
        let change = if reset.everything { Change::ResetAll } else { Change::ResetCalendars };
        inner.commit(vec![change])?;
        if reset.everything {
            inner.commit(sandbox.config.users.iter().flat_map(|user| new_user(user)).collect())?;
            inner.commit(sandbox.config.redirect_uris.iter().cloned().map(Change::RedirectUri).collect())?;
            inner.commit(vec![Change::Client(Client::usual(&sandbox.config))])?;
            inner.codes.clear();
        }
        inner.faults.clear();
        inner.quotas = Quotas::new(sandbox.config.quota);
        inner.stats = Stats::default();
        inner.meet = sandbox.config.meet;
        Ok(json!({"reset": true}))
    }))
}
