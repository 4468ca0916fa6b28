//! `events.get`: an event as it is now, deleted ones included.

use std::sync::Arc;

use super::{Ask, Scene, condition, recurrence, render};
use crate::api_error::ApiError;
use crate::event::Event;
use crate::reply::Reply;

pub(super) fn get(scene: &mut Scene<'_>, ask: &Ask) -> Result<Reply, ApiError> {
    let calendar = scene.calendar()?;
    let options = render::Options::read(&ask.query)?;
    if let Some((master, at)) = recurrence::instance(calendar, ask.event_id()) {
        let value = scene.as_seen(render::instance(&master, at, calendar, &options));
        return ask.answer(value);
    }
    let event = find(scene, ask)?;
    if condition::is_unchanged(ask.if_none_match.as_deref(), &event) {
        return Ok(Reply::empty(304).header("ETag", event.etag()));
    }
    let value = scene.as_seen(render::event(&event, calendar, &options));
    Ok(ask.answer(value)?.header("ETag", event.etag()))
}

/// The event an address names, tombstones included.
pub(super) fn find(scene: &Scene<'_>, ask: &Ask) -> Result<Arc<Event>, ApiError> {
    let found = scene.calendar()?.get(ask.event_id());
    found.cloned().ok_or_else(|| ApiError::of("notFound"))
}
