//! Attendees: who they are, and how each is shown.

use serde_json::{Map, Value, json};

use crate::api_error::ApiError;

/// Above this many guests nobody's answer is propagated.
const ANSWERS_PROPAGATED: usize = 200;

const ANSWERS: &[&str] = &["needsAction", "declined", "tentative", "accepted"];
const KEPT: &[&str] =
    &["email", "displayName", "optional", "resource", "responseStatus", "comment", "additionalGuests"];

/// Checks the addresses and keeps what a caller may set.
pub(super) fn read(list: &[Value]) -> Result<Vec<Value>, ApiError> {
    let crowded = list.len() > ANSWERS_PROPAGATED;
    list.iter().map(|guest| one(guest, crowded)).collect()
}

fn one(guest: &Value, crowded: bool) -> Result<Value, ApiError> {
    let guest = guest.as_object().ok_or_else(|| ApiError::of("badRequest"))?;
    let email = match guest.get("email") {
        None | Some(Value::Null) => return Err(ApiError::required("Missing attendee email.")),
        Some(Value::String(email)) if email.is_empty() => {
            return Err(ApiError::required("Missing attendee email."));
        }
        Some(Value::String(email)) => email,
        Some(_) => return Err(ApiError::of("badRequest")),
    };
    if !email_address::EmailAddress::is_valid(email) {
        return Err(ApiError::invalid("Invalid attendee email."));
    }
    let mut kept: Map<String, Value> = guest
        .iter()
        .filter(|(key, value)| KEPT.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    match kept.get("responseStatus").map(Value::as_str) {
        Some(Some(answer)) if ANSWERS.contains(&answer) && !crowded => {}
        Some(Some(answer)) if !ANSWERS.contains(&answer) => {
            return Err(ApiError::invalid("Invalid attendee response status."));
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

    #[test]
    fn addresses_are_required_and_checked_in_googles_words() {
        for (guest, message) in [
            (json!({"displayName": "x"}), "Missing attendee email."),
            (json!({"email": ""}), "Missing attendee email."),
            (json!({"email": "not an address"}), "Invalid attendee email."),
            (json!({"email": 5}), "Bad Request"),
            (json!("ada@example.com"), "Bad Request"),
        ] {
            assert_eq!(read(&[guest]).unwrap_err().message(), message);
        }
    }

    #[test]
    fn answers_of_two_hundred_guests_are_kept_and_of_one_more_are_not() {
        let guests = |count: usize| -> Vec<Value> {
            (0..count)
                .map(|n| json!({"email": format!("g{n}@example.com"), "responseStatus": "accepted"}))
                .collect()
        };
        assert_eq!(read(&guests(200)).unwrap()[0]["responseStatus"], "accepted");
        assert_eq!(read(&guests(201)).unwrap()[0]["responseStatus"], "needsAction");
    }

    #[test]
    fn the_owner_is_marked_and_a_crowd_is_left_out() {
        let list = read(&[json!({"email": "ada@example.com"}), json!({"email": "g@example.com"})]).unwrap();
        let (all, omitted) = shown(&list, "ada@example.com", "ada@example.com", Some(2));
        assert_eq!((all.len(), omitted), (2, Omitted::Nobody));
        assert_eq!(all[0]["self"], true);
        assert_eq!(all[0]["organizer"], true);
        assert!(all[1].get("self").is_none());
        let (few, omitted) = shown(&list, "ada@example.com", "ada@example.com", Some(1));
        assert_eq!((few.len(), omitted), (1, Omitted::Others));
    }
}
