//! `events.delete`: leaves a tombstone, so that an id is never freed.

use serde_json::json;

use super::{Ask, Scene, condition, get, write};
use crate::api_error::ApiError;
use crate::event::Event;
use crate::outbox::MailKind;
use crate::reply::Reply;

pub(super) fn delete(scene: &mut Scene<'_>, ask: &Ask) -> Result<Reply, ApiError> {
    let old = get::find(scene, ask)?;
    if old.is_cancelled() {
        return Err(ApiError::of("deleted"));
    }
    condition::if_match(ask.if_match.as_deref(), &old)?;
    let mut event = Event::clone(&old);
    event.fields.insert("status".to_owned(), json!("cancelled"));
    event.sequence += 1;
    event.touch(scene.now);
    write::store(scene, ask, event, MailKind::Cancellation)?;
    Ok(Reply::empty(204))
}
