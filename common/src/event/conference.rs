//! Whether calrelay makes a Meet conference for the event, or the caller brings one.

use serde_json::{Map, Value};

use super::kind;
use super::problems::{Path, Problems};
use super::text::is_link;
use crate::field::FieldCode;

/// Decides whether a conference is to be made. What the caller brings stays in the event.
///
/// Google's `createRequest` is another way of asking for one: it is taken out, because the id of
/// the request is the job's, so that a retry does not make a second conference.
pub(super) fn settle(event: &mut Map<String, Value>, asked: Option<bool>, problems: &mut Problems) -> bool {
    let special = kind::is_special(event);
    if special && asked == Some(true) {
        let message = "an event of this eventType has no conference";
        problems.add("conference", FieldCode::Conflict, message);
    }
    let Some(Value::Object(data)) = event.get("conferenceData") else {
        return asked.unwrap_or(!special);
    };
    let at = Path::root().key("conferenceData");
    if data.contains_key("createRequest") {
        if data.len() > 1 {
            let message = format!("{at} asks for a new conference and describes another");
            problems.add(at.key("createRequest"), FieldCode::Conflict, message);
        } else if asked == Some(false) {
            let message = "conferenceData.createRequest asks for what `conference` refuses";
            problems.add("conference", FieldCode::Conflict, message);
        }
        event.remove("conferenceData");
        return true;
    }
    if asked == Some(true) {
        let message = "conferenceData brings a conference; leave `conference` out to use that one";
        problems.add("conference", FieldCode::Conflict, message);
    }
    check_brought(data, &at, problems);
    false
}

fn check_brought(data: &Map<String, Value>, at: &Path, problems: &mut Problems) {
    if !data.contains_key("conferenceSolution") && !problems.concern("conferenceData") {
        let place = at.key("conferenceSolution");
        let message = format!("{at} needs a conferenceSolution and at least one of entryPoints");
        problems.add(place, FieldCode::Required, message);
    }
    let place = at.key("entryPoints");
    let entries = data.get("entryPoints").and_then(Value::as_array);
    let entries = entries.map_or(&[][..], Vec::as_slice);
    if entries.is_empty() && !problems.concern("conferenceData") {
        let message = format!("{at} needs at least one entry in entryPoints");
        problems.add(&place, FieldCode::Required, message);
    }
    for (index, entry) in entries.iter().enumerate() {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let (Some(kind), Some(uri)) = (text("entryPointType"), text("uri")) else {
            continue;
        };
        let (fits, expected) = match kind {
            "phone" => (uri.starts_with("tel:"), "tel:"),
            "sip" => (uri.starts_with("sip:"), "sip:"),
            _ => (is_link(uri), "http:// or https://"),
        };
        if !fits {
            let place = place.index(index).key("uri");
            let message = format!("{place} of a {kind} entry begins with {expected}");
            problems.add(place, FieldCode::InvalidUrl, message);
        }
    }
}
