//! What an event is recognised by where it cannot bear calrelay's private property.

use std::fmt;

use serde_json::{Map, Value};

/// An event's day and name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Outline {
    date: Option<String>,
    summary: Option<String>,
}

impl Outline {
    /// The outline of an Event resource, ours or Google's.
    #[must_use]
    pub fn of(event: &Map<String, Value>) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(plain);
        Self {
            date: text(event.get("start").and_then(|start| start.get("date"))),
            summary: text(event.get("summary")),
        }
    }

    /// Whether an event that is `stored` may be the one that is to be written. What only one of the two
    /// says is not held against it: Google leaves parts of cancelled events out, and may name an event
    /// that came without a name.
    #[must_use]
    pub fn fits(&self, stored: &Self) -> bool {
        let same = |ours: &Option<String>, theirs: &Option<String>| match (ours, theirs) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, _) | (_, None) => true,
        };
        same(&self.date, &stored.date) && same(&self.summary, &stored.summary)
    }
}

/// Text as Google may store it: it strips control characters.
fn plain(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Prints nothing of what the event says.
impl fmt::Debug for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outline").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outline(event: Value) -> Outline {
        Outline::of(event.as_object().unwrap())
    }

    #[test]
    fn another_day_or_name_is_another_event_and_what_is_missing_is_not_held_against_it() {
        let ours = outline(json!({"summary": "Ada  Lovelace\t", "start": {"date": "1948-03-02"}}));
        for (stored, fits) in [
            (json!({"summary": "Ada Lovelace", "start": {"date": "1948-03-02"}}), true),
            (json!({"summary": "Ada Lovelace", "start": {"date": "1948-03-02"}, "colorId": "1"}), true),
            (json!({"summary": "Grace Hopper", "start": {"date": "1948-03-02"}}), false),
            (json!({"summary": "Ada Lovelace", "start": {"date": "1948-03-03"}}), false),
            (json!({"start": {"date": "1948-03-02"}}), true),
            (json!({"summary": "Ada Lovelace"}), true),
            (json!({}), true),
        ] {
            assert_eq!(ours.fits(&outline(stored.clone())), fits, "{stored}");
        }
        let nameless = outline(json!({"start": {"date": "1948-03-02"}}));
        assert!(nameless.fits(&outline(json!({"summary": "Birthday", "start": {"date": "1948-03-02"}}))));
    }

    #[test]
    fn debug_says_nothing_of_what_the_event_says() {
        assert_eq!(format!("{:?}", outline(json!({"summary": "Ada"}))), "Outline { .. }");
    }
}
