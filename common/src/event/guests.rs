//! The guests of an event: the flat form's one, and nobody twice.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::problems::{Path, Problems};
use crate::field::FieldCode;
use crate::warning::WarningCode;

/// Puts the flat form's one guest in Google's form, and makes one entry of those for one address.
pub(super) fn settle(event: &mut Map<String, Value>, problems: &mut Problems) {
    if let Some(email) = event.remove("attendeeEmail") {
        if event.contains_key("attendees") {
            let message = "`attendees` and `attendeeEmail` say the same thing; send one of them";
            problems.add("attendeeEmail", FieldCode::Conflict, message);
        } else {
            event.insert("attendees".to_owned(), json!([{ "email": email }]));
        }
    }
    if let Some(Value::Array(guests)) = event.get_mut("attendees") {
        *guests = merged(std::mem::take(guests), problems);
    }
}

/// What a later entry may add about a guest. Left out, `optional` means that the guest is needed, and a
/// later entry does not change that.
const DESCRIBES: &[&str] = &["displayName", "comment"];

/// The list with one entry for each address, case aside: the first, completed from the later ones.
fn merged(guests: Vec<Value>, problems: &mut Problems) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::with_capacity(guests.len());
    let mut places = HashMap::new();
    for (index, guest) in guests.into_iter().enumerate() {
        let address = guest.get("email").and_then(Value::as_str).map(str::to_lowercase);
        // An entry that lost its address on the way here has been refused.
        let Some(address) = address else { continue };
        let first = *places.entry(address).or_insert(kept.len());
        match (kept.get_mut(first), guest) {
            (Some(Value::Object(known)), Value::Object(more)) => {
                for (name, value) in more.into_iter().filter(|(name, _)| DESCRIBES.contains(&name.as_str())) {
                    known.entry(name).or_insert(value);
                }
                problems.warn(Path::root().key("attendees").index(index), WarningCode::DuplicateGuest);
            }
            (_, guest) => kept.push(guest),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(event: Value) -> (Value, Vec<(String, WarningCode)>) {
        let Value::Object(mut event) = event else { panic!("an object") };
        let mut problems = Problems::default();
        settle(&mut event, &mut problems);
        assert_eq!(problems.summary(), []);
        (event.remove("attendees").unwrap(), problems.changes())
    }

    #[test]
    fn a_guest_who_is_invited_twice_is_one_guest() {
        let (guests, changes) = settled(json!({"attendees": [
            {"email": "Ada@example.com", "optional": true},
            {"email": "b@example.com"},
            {"email": "ada@EXAMPLE.com", "optional": false, "displayName": "Ada"},
            {"email": "b@example.com", "optional": true},
        ]}));
        let ada = json!({"email": "Ada@example.com", "optional": true, "displayName": "Ada"});
        assert_eq!(guests, json!([ada, {"email": "b@example.com"}]));
        let merged = |index| (format!("attendees[{index}]"), WarningCode::DuplicateGuest);
        assert_eq!(changes, [merged(2), merged(3)]);
    }

    #[test]
    fn letters_beyond_ascii_have_case_too_and_other_addresses_stay() {
        let addresses =
            json!([{"email": "Ä@example.com"}, {"email": "ä@example.com"}, {"email": "a@example.com"}]);
        let (guests, changes) = settled(json!({ "attendees": addresses }));
        assert_eq!(guests, json!([{"email": "Ä@example.com"}, {"email": "a@example.com"}]));
        assert_eq!(changes.len(), 1);
        assert_eq!(settled(json!({"attendeeEmail": "a@example.com"})).1, []);
    }
}
