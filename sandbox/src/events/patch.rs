//! `events.patch` merges into an event, `events.update` replaces it; the rest of a change is the same.

use serde_json::{Map, Value};

use super::resource::{self, Draft, Kind};
use super::{Ask, Scene, condition, get, write};
use crate::api_error::ApiError;
use crate::event::Event;
use crate::outbox::MailKind;
use crate::reply::Reply;

pub(super) fn patch(scene: &mut Scene<'_>, ask: &Ask) -> Result<Reply, ApiError> {
    let old = changeable(scene, ask)?;
    let mut patch = write::body(ask)?;
    if is_anothers(scene, &old) && SHARED.iter().any(|name| patch.contains_key(*name)) {
        return Err(ApiError::of("forbiddenForNonOrganizer"));
    }
    patch.remove(write::ignored_label(ask)?);
    if !ask.query.is_true("supportsAttachments") {
        patch.remove("attachments");
    }
    let mut merged = Value::Object(resource::of(&old));
    merge(&mut merged, &patch);
    let Value::Object(merged) = merged else {
        return Err(ApiError::of("badRequest"));
    };
    let kind = match patch.contains_key("conferenceData") {
        true => Kind::PatchWithConference,
        false => Kind::Patch,
    };
    let draft = resource::read(&merged, &ask.query, scene.calendar()?, kind, old.text("eventType"))?;
    change(scene, ask, &old, draft)
}

pub(super) fn update(scene: &mut Scene<'_>, ask: &Ask) -> Result<Reply, ApiError> {
    let old = changeable(scene, ask)?;
    let mut body = write::body(ask)?;
    // What is left out is set to its default, which is the organizer's to do.
    if is_anothers(scene, &old) {
        return Err(ApiError::of("forbiddenForNonOrganizer"));
    }
    let label = write::ignored_label(ask)?;
    body.remove(label);
    let was = old.text("eventType");
    let mut draft = resource::read(&body, &ask.query, scene.calendar()?, Kind::Replacement, was)?;
    let attachments = !ask.query.is_true("supportsAttachments");
    for (kept, field) in [(true, "organizer"), (attachments, "attachments"), (true, label)] {
        if let (true, Some(value)) = (kept, old.fields.get(field)) {
            draft.fields.insert(field.to_owned(), value.clone());
        }
    }
    change(scene, ask, &old, draft)
}

/// Properties of all copies of an event, set by its organizer.
const SHARED: &[&str] = &["guestsCanInviteOthers", "guestsCanModify", "guestsCanSeeOtherGuests"];

/// Whether this is a copy of an event that somebody else organizes.
fn is_anothers(scene: &Scene<'_>, event: &Event) -> bool {
    let organizer = event.fields.get("organizer").and_then(|organizer| organizer.get("email"));
    organizer.and_then(Value::as_str).is_some_and(|email| !email.eq_ignore_ascii_case(scene.calendar))
}

fn changeable(scene: &Scene<'_>, ask: &Ask) -> Result<std::sync::Arc<Event>, ApiError> {
    let old = get::find(scene, ask)?;
    if old.is_cancelled() {
        return Err(ApiError::of("forbidden"));
    }
    condition::if_match(ask.if_match.as_deref(), &old)?;
    Ok(old)
}

fn change(scene: &mut Scene<'_>, ask: &Ask, old: &Event, draft: Draft) -> Result<Reply, ApiError> {
    let mut event = old.clone();
    let moved = draft.start != old.start
        || draft.end != old.end
        || draft.fields.get("recurrence") != old.fields.get("recurrence");
    event.sequence = sequence(old.sequence, draft.sequence, moved)?;
    event.start = draft.start;
    event.end = draft.end;
    event.fields = draft.fields;
    write::check_conference(scene, &draft.conference)?;
    draft.conference.apply(&mut event, scene.inner.meet, scene.now);
    if event.fields.get("attendees") != old.fields.get("attendees") {
        write::check_guests(scene, &event, Some(old))?;
    }
    match concerns_reminders_alone(old, &event) {
        true => event.touch_reminders(scene.now),
        false => event.touch(scene.now),
    }
    let kind = if event.is_cancelled() { MailKind::Cancellation } else { MailKind::Update };
    let event = write::store(scene, ask, event, kind)?;
    write::answer(scene, ask, &event)
}

fn concerns_reminders_alone(old: &Event, new: &Event) -> bool {
    let reminders = new.fields.get("reminders");
    let mut like_new = old.clone();
    if let Some(reminders) = reminders {
        like_new.fields.insert("reminders".to_owned(), reminders.clone());
    }
    old.fields.get("reminders") != reminders && like_new == *new
}

/// What a caller sends may not fall behind; a move in time counts one up by itself.
fn sequence(old: i64, sent: Option<i64>, moved: bool) -> Result<i64, ApiError> {
    let least = if moved { old + 1 } else { old };
    match sent {
        Some(sent) if sent < old => Err(ApiError::invalid(
            "Invalid sequence value. The specified sequence number is below the current sequence number of the resource. Re-fetch the resource and use its sequence number on the following request.",
        )),
        Some(sent) => Ok(sent.max(least)),
        None => Ok(least),
    }
}

/// RFC 7396: objects merge, null removes, anything else (arrays too) replaces.
fn merge(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(key);
            }
            Value::Object(inner) => merge(target.entry(key.clone()).or_insert(Value::Null), inner),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_merges_objects_replaces_arrays_and_removes_nulls() {
        let mut target = json!({"a": {"x": 1, "y": 2}, "b": [1, 2], "c": "gone", "d": 1});
        let patch = json!({"a": {"y": null, "z": 3}, "b": [9], "c": null, "e": {"n": null, "k": 1}});
        merge(&mut target, patch.as_object().unwrap());
        let merged = json!({"a": {"x": 1, "z": 3}, "b": [9], "d": 1, "e": {"k": 1}});
        assert_eq!(target, merged);
    }

    #[test]
    fn a_sequence_never_falls_and_rises_with_a_move() {
        assert_eq!(sequence(3, None, false).unwrap(), 3);
        assert_eq!(sequence(3, None, true).unwrap(), 4);
        assert_eq!(sequence(3, Some(3), true).unwrap(), 4);
        assert_eq!(sequence(3, Some(9), true).unwrap(), 9);
        assert!(sequence(3, Some(2), false).is_err());
    }
}
