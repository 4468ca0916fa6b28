//! Extended properties: the caller's own names and values on an event.

use serde_json::{Map, Value};

use super::limits;
use super::problems::{Path, Problems};
use super::text::forbidden_character;
use crate::field::FieldCode;

/// Private properties whose names begin so are calrelay's own.
const RESERVED: &str = "calrelay";

/// Whether a private property of this name is calrelay's own.
pub(super) fn is_ours(name: &str) -> bool {
    name.get(..RESERVED.len()).is_some_and(|head| head.eq_ignore_ascii_case(RESERVED))
}

/// Checks one property of `extendedProperties.private`.
pub(super) fn check_private(name: &str, value: &str, at: &Path, problems: &mut Problems) {
    if is_ours(name) {
        let message = format!("{at} cannot be set: names that begin with `{RESERVED}` are calrelay's own");
        problems.add(at, FieldCode::NotAllowed, message);
    }
    check_shared(name, value, at, problems);
}

/// Checks one property of `extendedProperties.shared`.
pub(super) fn check_shared(name: &str, value: &str, at: &Path, problems: &mut Problems) {
    if name.is_empty() {
        let message = "an extended property needs a name".to_owned();
        problems.add(at, FieldCode::NotAllowed, message);
    }
    let names = limits::PROPERTY_NAME_CHARS;
    if name.chars().count() > names {
        let message = format!(
            "the name of an extended property has at most {names} characters; \
             Google would drop a longer one without a word"
        );
        problems.add(at, FieldCode::TooLong, message);
    }
    let values = limits::PROPERTY_VALUE_CHARS;
    if value.chars().count() > values {
        let message = format!(
            "the value of an extended property has at most {values} characters; \
             Google would cut a longer one without a word"
        );
        problems.add(at, FieldCode::TooLong, message);
    }
    if forbidden_character(name).is_some() {
        let message = "the name of an extended property holds a control character".to_owned();
        problems.add(at, FieldCode::InvalidCharacter, message);
    }
}

/// Checks what holds for all of an event's properties together.
pub(super) fn check_together(event: &Map<String, Value>, problems: &mut Problems) {
    let at = Path::root().key("extendedProperties");
    let all = ["private", "shared"]
        .into_iter()
        .filter_map(|kind| event.get("extendedProperties")?.get(kind)?.as_object())
        .flatten();
    let (mut count, mut bytes) = (0, 0);
    for (name, value) in all {
        count += 1;
        bytes += name.len() + value.as_str().map_or(0, str::len);
    }
    let most = limits::PROPERTIES;
    if count > most {
        let message = format!("{at} has {count} properties; at most {most} are allowed");
        problems.add(&at, FieldCode::TooMany, message);
    }
    let most = limits::PROPERTIES_BYTES;
    if bytes > most {
        let message = format!("{at} has {bytes} bytes in all; at most {most} are allowed");
        problems.add(&at, FieldCode::TooLong, message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(check: fn(&str, &str, &Path, &mut Problems), name: &str, value: &str) -> Vec<FieldCode> {
        let mut problems = Problems::default();
        check(name, value, &Path::root().key("p"), &mut problems);
        problems.summary().into_iter().map(|(_, code)| code).collect()
    }

    #[test]
    fn names_and_values_have_googles_limits() {
        for (name, value, expected) in [
            ("a", "", vec![]),
            (&*"n".repeat(44), &*"v".repeat(1_024), vec![]),
            (&"é".repeat(44), &"😀".repeat(1_024), vec![]),
            (&"n".repeat(45), "", vec![FieldCode::TooLong]),
            ("a", &"v".repeat(1_025), vec![FieldCode::TooLong]),
            ("", "", vec![FieldCode::NotAllowed]),
            ("a\0", "", vec![FieldCode::InvalidCharacter]),
            ("a\u{92}", "", vec![FieldCode::InvalidCharacter]),
        ] {
            assert_eq!(one(check_shared, name, value), expected, "{name}");
            assert_eq!(one(check_private, name, value), expected, "{name}");
        }
    }

    #[test]
    fn our_own_private_names_are_reserved() {
        for name in ["calrelay", "calrelayBody", "CalRelay-x"] {
            assert_eq!(one(check_private, name, ""), [FieldCode::NotAllowed]);
            assert_eq!(one(check_shared, name, ""), []);
        }
        for name in ["calrela", "my-calrelay", "cälrelay1"] {
            assert_eq!(one(check_private, name, ""), []);
        }
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let event = |count: usize, value: &str| {
            let all: Map<String, Value> = (0..count).map(|n| (format!("{n:03}"), json!(value))).collect();
            let event = json!({"extendedProperties": {"shared": all, "private": {}}});
            let mut problems = Problems::default();
            check_together(event.as_object().unwrap(), &mut problems);
            problems.summary().into_iter().map(|(_, code)| code).collect::<Vec<_>>()
        };
        assert_eq!(event(limits::PROPERTIES, ""), []);
        assert_eq!(event(limits::PROPERTIES + 1, ""), [FieldCode::TooMany]);
        assert_eq!(event(31, &"v".repeat(997)), []);
        assert_eq!(event(31, &"v".repeat(998)), [FieldCode::TooLong]);
    }
}
