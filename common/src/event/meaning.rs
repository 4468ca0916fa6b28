//! What an event means, however it was spelt: version 2 of a request's fingerprint hashes this.
//!
//! Two events are the same when Google would show the same event for them: a default written out or left
//! out, an empty list or none, one instant in two spellings, guests or rules in another order. Nothing
//! that is sent to Google changes by it.
//!
//! Two names of one zone (`Asia/Calcutta`, `Asia/Kolkata`) stay different: the IANA database links places
//! that only happen to agree (`Europe/Stockholm` and `Europe/Berlin`) in the same way, and Google shows
//! the name that it was sent. The order of attachments and of ways into a conference stays too: people see
//! it. Persisted in hashes: what this makes of an event must not change.

use jiff::tz::{AmbiguousOffset, TimeZone};
use serde_json::{Map, Value, json};

use super::date_time::Moment;
use super::zone;

/// What Google takes a field to be that is not there (its discovery document, schema `Event`).
fn default_of(name: &str) -> Option<Value> {
    Some(match name {
        "visibility" | "eventType" => json!("default"),
        "transparency" => json!("opaque"),
        "status" => json!("confirmed"),
        "guestsCanInviteOthers" | "guestsCanSeeOtherGuests" => json!(true),
        "guestsCanModify" | "anyoneCanAddSelf" | "privateCopy" | "endTimeUnspecified" => json!(false),
        "reminders" => json!({"useDefault": true}),
        "birthdayProperties" => json!({"type": "birthday"}),
        _ => return None,
    })
}

/// The same for a guest.
fn guests_default(name: &str) -> Option<Value> {
    Some(match name {
        "optional" | "resource" => json!(false),
        "additionalGuests" => json!(0),
        "responseStatus" => json!("needsAction"),
        _ => return None,
    })
}

/// The event, spelt in one way for everything that means the same.
pub(super) fn of(event: &Map<String, Value>) -> Map<String, Value> {
    let mut meant = Map::new();
    for (name, value) in event {
        let value = match name.as_str() {
            "start" | "end" => time(value),
            "recurrence" => sorted(value, line),
            "attendees" => sorted(value, guest),
            "reminders" => reminders(value),
            // A caller's own property may be empty.
            "extendedProperties" => properties(value),
            _ => without_empty(value),
        };
        if !is_empty(&value) && default_of(name).as_ref() != Some(&value) {
            meant.insert(name.clone(), value);
        }
    }
    meant
}

/// An instant, and the zone in which it is shown and repeats.
fn time(side: &Value) -> Value {
    let text = |name: &str| side.get(name).and_then(Value::as_str);
    let (Some(moment), zone) = (text("dateTime").and_then(|text| Moment::parse(text).ok()), text("timeZone"))
    else {
        return without_empty(side);
    };
    let Some(zone) = zone.and_then(|name| zone::find(name).ok()) else {
        let instant = moment.fixed().map(|instant| instant.to_string());
        return json!({ "dateTime": instant.unwrap_or(moment.text) });
    };
    json!({ "dateTime": local(&moment, &zone.rules), "timeZone": zone.name })
}

/// What the clock in the zone shows, with its offset where it shows that twice. A time without an offset
/// comes out as it went in, whatever later editions of the zone's rules say.
fn local(moment: &Moment, rules: &TimeZone) -> String {
    let Ok(instant) = moment.instant(rules) else {
        return moment.text.clone();
    };
    let shown = instant.to_zoned(rules.clone());
    match rules.to_ambiguous_timestamp(shown.datetime()).offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => shown.datetime().to_string(),
        AmbiguousOffset::Fold { .. } => format!("{}{}", shown.datetime(), shown.offset()),
    }
}

/// A rule with its parts in order. Lists of dates stay as they are.
fn line(line: &Value) -> Value {
    let Some((name, rule)) = line.as_str().and_then(|line| line.split_once(':')) else {
        return line.clone();
    };
    if !matches!(name, "RRULE" | "EXRULE") {
        return line.clone();
    }
    let mut parts: Vec<String> =
        rule.split(';').filter(|part| !matches!(*part, "" | "INTERVAL=1")).map(part).collect();
    parts.sort_unstable();
    json!(format!("{name}:{}", parts.join(";")))
}

/// One part of a rule: the values of a list in order, and without the sign that is no minus.
fn part(part: &str) -> String {
    let Some((name, values)) = part.split_once('=') else {
        return part.to_owned();
    };
    let mut values: Vec<&str> = values.split(',').map(|value| value.trim_start_matches('+')).collect();
    values.sort_unstable();
    format!("{name}={}", values.join(","))
}

/// A guest by the address in small letters: Google knows people by that.
fn guest(guest: &Value) -> Value {
    let Value::Object(mut guest) = without_empty(guest) else {
        return guest.clone();
    };
    guest.retain(|name, value| guests_default(name).as_ref() != Some(value));
    if let Some(email) = guest.get("email").and_then(Value::as_str).map(str::to_lowercase) {
        guest.insert("email".to_owned(), json!(email));
    }
    Value::Object(guest)
}

/// Whether the calendar's or one's own, and which. To have own ones is not to have the calendar's.
fn reminders(reminders: &Value) -> Value {
    let own = sorted(reminders.get("overrides").unwrap_or(&Value::Null), without_empty);
    let default = reminders.get("useDefault").and_then(Value::as_bool);
    match (default, is_empty(&own)) {
        (Some(true), _) => json!({"useDefault": true}),
        (Some(false), true) => json!({"useDefault": false}),
        (Some(false) | None, false) => json!({"useDefault": false, "overrides": own}),
        (None, true) => json!({"useDefault": null}),
    }
}

fn properties(properties: &Value) -> Value {
    let kinds = properties.as_object().into_iter().flatten().filter(|(_, kind)| !is_empty(kind));
    Value::Object(kinds.map(|(name, kind)| (name.clone(), kind.clone())).collect())
}

/// A list whose order means nothing, in one order.
fn sorted(list: &Value, each: fn(&Value) -> Value) -> Value {
    let mut items: Vec<Value> = list.as_array().into_iter().flatten().map(each).collect();
    items.sort_by_cached_key(spelt);
    items.dedup();
    Value::Array(items)
}

/// One spelling of a value: the keys of objects in order.
fn spelt(value: &Value) -> String {
    match value {
        Value::Object(object) => Value::Object(super::canonical::sorted(object.clone())).to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            value.to_string()
        }
    }
}

/// A value without the empty texts, lists and objects in it.
fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.iter().map(|(name, value)| (name, without_empty(value)));
            Value::Object(kept.filter(|(_, v)| !is_empty(v)).map(|(name, v)| (name.clone(), v)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_empty).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
