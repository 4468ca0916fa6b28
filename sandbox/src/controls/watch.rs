//! Looking at what is stored and what was asked.

use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::json;

use super::{Refused, Shared, reply};
use crate::events::render;
use crate::query::Query;
use crate::stats::Logged;
use crate::world::World;

pub(super) async fn events(sandbox: Shared, request: HttpRequest) -> HttpResponse {
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

pub(super) async fn stats(sandbox: Shared) -> HttpResponse {
    let report = sandbox.lock().stats.report();
    HttpResponse::Ok().json(report)
}

/// `since` is a moment, or the `seq` of the last entry seen.
pub(super) async fn requests(sandbox: Shared, request: HttpRequest) -> HttpResponse {
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
