//! Attendees: who they are, and how each is shown.

use email_address::{EmailAddress, Options};
use serde_json::{Map, Value, json};

use super::objections::Objections;
use super::refusal::field::{ANSWER, ATTENDEE, MISSING_ATTENDEE};
use super::text;
use crate::api_error::ApiError;

/// Above this many guests nobody's answer is propagated.
const ANSWERS_PROPAGATED: usize = 200;

const ANSWERS: &[&str] = &["needsAction", "declined", "tentative", "accepted"];
const KEPT: &[&str] =
    &["email", "displayName", "optional", "resource", "responseStatus", "comment", "additionalGuests"];

/// Checks the addresses and keeps what a caller may set. Uncertain: a guest who is there twice, who is kept twice here.
pub(super) fn read(list: &[Value], objections: &mut Objections) -> Vec<Value> {
    let crowded = list.len() > ANSWERS_PROPAGATED;
    list.iter().filter_map(|guest| objections.take(one(guest, crowded))).collect()
}

/// An address alone, without a name, in a domain with a dot. Uncertain: quoted local parts.
fn is_address(text: &str) -> bool {
    let strict = Options::default().without_display_text().without_domain_literal().with_required_tld();
    EmailAddress::parse_with_options(text, strict).is_ok() && !text.contains('"')
}

/// Whether what is said of a guest besides the address has the right types.
fn is_shaped(guest: &Map<String, Value>) -> bool {
    guest.iter().all(|(name, value)| match name.as_str() {
        "displayName" | "comment" | "id" => value.is_string() || value.is_null(),
        "optional" | "resource" | "organizer" | "self" => value.is_boolean() || value.is_null(),
        "additionalGuests" => value.is_u64() || value.is_null(),
        _ => true,
    })
}

fn one(guest: &Value, crowded: bool) -> Result<Value, ApiError> {
    let guest = guest.as_object().ok_or_else(|| ApiError::of("badRequest"))?;
    let email = match guest.get("email") {
        None | Some(Value::Null) => return Err(MISSING_ATTENDEE.into()),
        Some(Value::String(email)) if email.is_empty() => return Err(MISSING_ATTENDEE.into()),
        Some(Value::String(email)) => email,
        Some(_) => return Err(ApiError::of("badRequest")),
    };
    if !is_address(email) {
        return Err(ATTENDEE.into());
    }
    if !is_shaped(guest) {
        return Err(ApiError::of("badRequest"));
    }
    let mut kept: Map<String, Value> = guest
        .iter()
        .filter(|(key, value)| KEPT.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    text::strip(&mut kept, &["displayName", "comment"]);
    match kept.get("responseStatus").map(Value::as_str) {
        Some(Some(answer)) if ANSWERS.contains(&answer) && !crowded => {}
        Some(Some(answer)) if !ANSWERS.contains(&answer) => {
            return Err(ANSWER.into());
        }
        Some(None) => return Err(ApiError::of("badRequest")),
        None | Some(Some(_)) => {
            kept.insert("responseStatus".to_owned(), json!("needsAction"));
        }
    }
    Ok(Value::Object(kept))
}

/// Adds `self` and `organizer` where they belong, and leaves out all others when there are more than `most`.
pub(super) fn shown(
    list: &[Value],
    calendar: &str,
    organizer: &str,
    most: Option<usize>,
) -> (Vec<Value>, Omitted) {
    let is = |guest: &Value, address: &str| {
        guest.get("email").and_then(Value::as_str).is_some_and(|email| email.eq_ignore_ascii_case(address))
    };
    let omitted = match most {
        Some(most) if list.len() > most => Omitted::Others,
        Some(_) | None => Omitted::Nobody,
    };
    let shown = list
        .iter()
        .filter(|guest| omitted == Omitted::Nobody || is(guest, calendar))
        .map(|guest| {
            let mut shown = guest.clone();
            if is(guest, calendar) {
                shown["self"] = json!(true);
            }
            if is(guest, organizer) {
                shown["organizer"] = json!(true);
            }
            shown
        })
        .collect();
    (shown, omitted)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Omitted {
    Nobody,
    Others,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(list: &[Value]) -> Vec<Value> {
        let mut objections = Objections::default();
        let kept = read(list, &mut objections);
        objections.settle(Some(kept)).unwrap()
    }

    #[test]
    fn addresses_are_required_and_checked_in_googles_words() {
        for (guest, message) in [
            (json!({"displayName": "x"}), "Missing attendee email."),
            (json!({"email": ""}), "Missing attendee email."),
            (json!({"email": "not an address"}), "Invalid attendee email."),
            (json!({"email": 5}), "Bad Request"),
            (json!("ada@example.com"), "Bad Request"),
        ] {
            let mut objections = Objections::default();
            let kept = read(&[guest], &mut objections);
            assert_eq!(objections.settle(Some(kept)).unwrap_err().message(), message);
        }
    }

    #[test]
    fn answers_of_two_hundred_guests_are_kept_and_of_one_more_are_not() {
        let guests = |count: usize| -> Vec<Value> {
            (0..count)
                .map(|n| json!({"email": format!("g{n}@example.com"), "responseStatus": "accepted"}))
                .collect()
        };
        assert_eq!(kept(&guests(200))[0]["responseStatus"], "accepted");
        assert_eq!(kept(&guests(201))[0]["responseStatus"], "needsAction");
    }

    #[test]
    fn the_owner_is_marked_and_a_crowd_is_left_out() {
        let list = kept(&[json!({"email": "ada@example.com"}), json!({"email": "g@example.com"})]);
        let (all, omitted) = shown(&list, "ada@example.com", "ada@example.com", Some(2));
        assert_eq!((all.len(), omitted), (2, Omitted::Nobody));
        assert_eq!(all[0]["self"], true);
        assert_eq!(all[0]["organizer"], true);
        assert!(all[1].get("self").is_none());
        let (few, omitted) = shown(&list, "ada@example.com", "ada@example.com", Some(1));
        assert_eq!((few.len(), omitted), (1, Omitted::Others));
    }
}
