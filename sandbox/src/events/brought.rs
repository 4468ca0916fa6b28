//! A conference that the caller describes instead of asking for one.
//!
//! No client but the provider's own add-on may bring one: `addOn` is answered with "Invalid conference data.", and
//! without a type the part is dropped in silence (openclaw/gogcli#590, #589, both from real accounts). Uncertain: one
//! claim to the contrary (google_workspace_mcp#766), and what Google does with entry points that break its rules.

use serde_json::{Map, Value};

use super::refusal::conference::{DATA, TYPE};
use crate::api_error::ApiError;

const NOTES_CHARS: usize = 2048;
const URI_CHARS: usize = 1300;
const LABEL_CHARS: usize = 512;
const CODE_CHARS: usize = 128;
const CODES: &[&str] = &["accessCode", "meetingCode", "passcode", "password", "pin"];

/// Each type of entry point: how its URI may begin, and whether there may be several.
const TYPES: &[(&str, &[&str], Many)] = &[
    ("video", &["http:", "https:"], Many::No),
    ("phone", &["tel:"], Many::Yes),
    ("sip", &["sip:"], Many::No),
    ("more", &["http:", "https:"], Many::No),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Many {
    Yes,
    No,
}

/// `Ok` when Google drops it in silence: nothing that is brought is ever kept.
pub(super) fn check(data: &Map<String, Value>) -> Result<(), ApiError> {
    let entries = match data.get("entryPoints") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(_) => return Err(ApiError::of("badRequest")),
    };
    let kind = data.get("conferenceSolution").and_then(|solution| solution.pointer("/key/type"));
    match kind.and_then(Value::as_str).filter(|kind| !kind.is_empty()) {
        Some("eventHangout" | "eventNamedHangout") => Err(TYPE.into()),
        Some(_) => Err(DATA.into()),
        None if !are_entries(entries) || is_long(data, "notes", NOTES_CHARS) => Err(DATA.into()),
        None => Ok(()),
    }
}

/// At least one, at most one of most types, and not only `more` (the resource's description).
fn are_entries(entries: &[Value]) -> bool {
    let kinds: Option<Vec<&str>> = entries.iter().map(entry).collect();
    let Some(kinds) = kinds else {
        return false;
    };
    let count = |kind: &str| kinds.iter().filter(|other| **other == kind).count();
    let numbers = TYPES.iter().all(|(kind, _, many)| *many == Many::Yes || count(kind) <= 1);
    numbers && kinds.iter().any(|kind| *kind != "more")
}

/// The type of an entry point that keeps the rules.
fn entry(entry: &Value) -> Option<&str> {
    let entry = entry.as_object()?;
    let kind = entry.get("entryPointType")?.as_str()?;
    let uri = entry.get("uri")?.as_str()?;
    let (_, schemes, _) = TYPES.iter().find(|(known, ..)| *known == kind)?;
    let fits = schemes.iter().any(|scheme| uri.starts_with(scheme))
        && uri.chars().count() <= URI_CHARS
        && !is_long(entry, "label", LABEL_CHARS)
        && !CODES.iter().any(|code| is_long(entry, code, CODE_CHARS))
        && !is_toll_and_free(entry);
    fits.then_some(kind)
}

fn is_long(object: &Map<String, Value>, name: &str, most: usize) -> bool {
    object.get(name).and_then(Value::as_str).is_some_and(|text| text.chars().count() > most)
}

fn is_toll_and_free(entry: &Map<String, Value>) -> bool {
    let features = entry.get("entryPointFeatures").and_then(Value::as_array);
    let has = |name: &str| features.is_some_and(|list| list.iter().any(|feature| feature == name));
    has("toll") && has("tollFree")
}
