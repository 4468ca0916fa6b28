//! `events.insert`: a new event under the caller's id or a new one. An id that was ever used is a duplicate.

use super::refusal::field::ID;
use super::resource::{self, Kind};
use super::{Ask, Scene, write};
use crate::api_error::ApiError;
use crate::event::{Event, whole_milliseconds};
use crate::identifier;
use crate::outbox::MailKind;
use crate::reply::Reply;

pub(super) fn insert(scene: &mut Scene<'_>, ask: &Ask) -> Result<Reply, ApiError> {
    let mut body = write::body(ask)?;
    body.remove(write::ignored_label(ask)?);
    let calendar = scene.calendar()?;
    let draft = resource::read(&body, &ask.query, calendar, Kind::New, None)?;
    let id = match (&draft.id, &draft.ical_uid) {
        (Some(_), Some(_)) => return Err(ID.into()),
        (Some(id), None) if !identifier::is_event_id(id) => return Err(ID.into()),
        (Some(id), None) => id.clone(),
        (None, _) => identifier::event_id(),
    };
    let taken = calendar.get(&id).is_some();
    let uid_taken = draft.ical_uid.as_ref().is_some_and(|uid| calendar.by_uid(uid).is_some());
    if taken || uid_taken {
        return Err(ApiError::of("duplicate"));
    }
    let ical_uid = draft.ical_uid.clone().unwrap_or_else(|| format!("{id}@google.com"));
    let mut event = Event {
        position: 0,
        created: scene.now,
        changed: whole_milliseconds(scene.now.as_millisecond()),
        main_change: None,
        creator: scene.person.email.clone(),
        start: draft.start,
        end: draft.end,
        ical_uid,
        sequence: draft.sequence.unwrap_or(0),
        insert_count: 1,
        conference: None,
        fields: draft.fields,
        id,
    };
    write::check_conference(scene, &draft.conference)?;
    draft.conference.apply(&mut event, scene.inner.meet, scene.now);
    write::check_guests(scene, &event, None)?;
    let event = write::store(scene, ask, event, MailKind::Invitation)?;
    write::answer(scene, ask, &event)
}
