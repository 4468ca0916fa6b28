//! What all writes share: parsing the body, refusing guests to the limited, storing, mailing.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::conference::{self, Wish};
use super::{Ask, Scene, refusal, render};
use crate::api_error::ApiError;
use crate::change::Change;
use crate::event::Event;
use crate::outbox::{self, MailKind, SendUpdates};
use crate::reply::Reply;
use crate::user::UserKind;

/// The body, which must be a JSON object. A form is refused before it is read, as `curl -d` without a header finds out.
pub(super) fn body(ask: &Ask) -> Result<Map<String, Value>, ApiError> {
    if ask.is_form {
        return Err(ApiError::of("badContent"));
    }
    match serde_json::from_slice(&ask.body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::of("badRequest")),
        Err(_) if ask.body.is_empty() => Ok(Map::new()),
        Err(_) => Err(ApiError::of("parseError")),
    }
}

/// The field that a client does not know or no longer uses, by its `eventLabelVersion`: labels supersede colours.
pub(super) fn ignored_label(ask: &Ask) -> Result<&'static str, ApiError> {
    match ask.query.get("eventLabelVersion") {
        Some("1") => Ok("colorId"),
        Some("0") | None => Ok("eventLabelId"),
        Some(_) => Err(ApiError::invalid("Invalid Value")),
    }
}

/// Google's use limits bite when guests are involved, whether or not they are mailed; service accounts invite nobody.
pub(super) fn check_guests(
    scene: &mut Scene<'_>,
    event: &Event,
    old: Option<&Event>,
) -> Result<(), ApiError> {
    if event.guests().is_empty() {
        return Ok(());
    }
    if scene.person.kind == UserKind::ServiceAccount {
        return Err(ApiError::of("forbiddenForServiceAccounts"));
    }
    if scene.person.usage_limited {
        return Err(ApiError::of("quotaExceeded"));
    }
    let known: Vec<&str> = old.into_iter().flat_map(addresses).collect();
    let new = addresses(event).filter(|email| !known.contains(email));
    let home = scene.person.email.rsplit_once('@').map_or("", |(_, domain)| domain);
    let external =
        new.filter(|email| !email.rsplit('@').next().is_some_and(|domain| domain.eq_ignore_ascii_case(home)));
    let external = u32::try_from(external.count()).unwrap_or(u32::MAX);
    scene.inner.quotas.invite(&scene.person.email, external, scene.now)
}

fn addresses(event: &Event) -> impl Iterator<Item = &str> {
    event.guests().iter().filter_map(|guest| guest.get("email").and_then(Value::as_str))
}

/// A new Meet needs a calendar that may have one, and somebody who is a person.
pub(super) fn check_conference(scene: &Scene<'_>, wish: &Wish) -> Result<(), ApiError> {
    let owner = &scene.calendar()?.info.owner;
    let owner = scene.inner.world.user(owner);
    let allowed = owner.is_some_and(|owner| {
        owner.allowed_conference_solution_types.iter().any(|kind| kind == conference::MEET)
    });
    match wish {
        Wish::Create { .. } if !allowed || scene.person.kind == UserKind::ServiceAccount => {
            Err(refusal::conference::TYPE.into())
        }
        Wish::Create { .. } | Wish::Leave | Wish::Remove => Ok(()),
    }
}

/// Keeps the event and the mail it causes; both are on record when this returns.
pub(super) fn store(
    scene: &mut Scene<'_>,
    ask: &Ask,
    event: Event,
    kind: MailKind,
) -> Result<Arc<Event>, ApiError> {
    let send = send_updates(ask)?;
    let calendar = scene.calendar()?;
    let times = (event.starts(&calendar.zone), event.ends(&calendar.zone));
    let world = &scene.inner.world;
    let mail = outbox::mail(kind, send, &event, scene.calendar, times, scene.now, |email| {
        world.user(email).is_some_and(|user| user.calendar_user && !user.deleted)
    });
    let id = event.id.clone();
    let mut changes = vec![Change::Event { calendar: scene.calendar.to_owned(), event: Box::new(event) }];
    changes.extend(mail.map(Change::Mail));
    scene.inner.commit(changes)?;
    let stored = scene.calendar()?.get(&id).cloned();
    Ok(stored.expect("an event just stored is there"))
}

/// The written event, as every write answers.
pub(super) fn answer(scene: &Scene<'_>, ask: &Ask, event: &Event) -> Result<Reply, ApiError> {
    let options = render::Options::read(&ask.query)?;
    let value = render::event(event, scene.calendar()?, &options);
    Ok(ask.answer(value)?.header("ETag", event.etag()))
}

fn send_updates(ask: &Ask) -> Result<SendUpdates, ApiError> {
    match ask.query.get("sendUpdates") {
        Some("all") => Ok(SendUpdates::All),
        Some("externalOnly") => Ok(SendUpdates::ExternalOnly),
        Some("none") => Ok(SendUpdates::None),
        Some(other) => Err(ApiError::invalid(format!(
            "Invalid value '{other}'. Values must match the following regular expression: 'all|externalOnly|none'"
        ))),
        None if ask.query.is_true("sendNotifications") => Ok(SendUpdates::All),
        None => Ok(SendUpdates::None),
    }
}
