//! `events.import`: a private copy of an event that lives elsewhere, known by its `iCalUID`; nobody is mailed.

use serde_json::Value;

use super::resource::{self, Kind};
use super::{Ask, Scene, write};
use crate::api_error::ApiError;
use crate::change::Change;
use crate::event::{Event, whole_milliseconds};
use crate::identifier;
use crate::reply::Reply;

/// What makes an event something else than a plain one.
const SPECIAL: &[&str] = &[
    "eventType",
    "birthdayProperties",
    "focusTimeProperties",
    "outOfOfficeProperties",
    "workingLocationProperties",
];

pub(super) fn import(scene: &mut Scene<'_>, ask: &Ask) -> Result<Reply, ApiError> {
    let mut body = write::body(ask)?;
    body.remove(write::ignored_label(ask)?);
    // Only plain events can be imported; others become plain.
    for special in SPECIAL {
        body.remove(*special);
    }
    let calendar = scene.calendar()?;
    let draft = resource::read(&body, &ask.query, calendar, Kind::New, None)?;
    let Some(ical_uid) = draft.ical_uid else {
        return Err(ApiError::required("Missing iCal UID."));
    };
    if calendar.by_uid(&ical_uid).is_some() {
        return Err(ApiError::of("duplicate"));
    }
    let mut event = Event {
        id: identifier::event_id(),
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
    };
    if let Some(organizer) = body.get("organizer").filter(|value| value.is_object()) {
        let mut organizer = organizer.clone();
        if let Value::Object(fields) = &mut organizer {
            fields.retain(|key, _| key == "email" || key == "displayName");
        }
        event.fields.insert("organizer".to_owned(), organizer);
    }
    write::check_conference(scene, &draft.conference)?;
    draft.conference.apply(&mut event, scene.inner.meet, scene.now);
    write::check_guests(scene, &event, None)?;
    let id = event.id.clone();
    scene
        .inner
        .commit(vec![Change::Event { calendar: scene.calendar.to_owned(), event: Box::new(event) }])?;
    let stored = scene.calendar()?.get(&id).cloned();
    write::answer(scene, ask, &stored.expect("an event just stored is there"))
}
