//! A request as version 1 of its fingerprint hashes it: the bytes that builds made which knew no other.
//!
//! Those builds hashed what they sent to Google: the body without its nulls, the times in Google's form,
//! and `UTC` as the zone of a time that had an offset alone. What this build sends to Google may change;
//! these bytes may not, because records and events that carry their hash outlive it.

use serde_json::{Map, Value, json};

use super::schema;
use super::shape::Field;

/// A body as its caller wrote it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Said(Map<String, Value>);

impl Said {
    /// Keeps the fields of a body.
    pub(super) fn new(fields: &Map<String, Value>) -> Self {
        Self(without_nulls(fields))
    }

    /// The calendar as it was named.
    pub(super) fn calendar(&self) -> &str {
        self.0.get("calendarId").and_then(Value::as_str).unwrap_or("primary")
    }

    /// Whether a conference was made for such a body: for every ordinary event that brought none.
    pub(super) fn conference(&self) -> bool {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str);
        let ordinary = text("eventType").is_none_or(|kind| kind == "default");
        match self.0.get("conferenceData") {
            Some(data) => data.get("createRequest").is_some(),
            None => self.0.get("conference").and_then(Value::as_bool).unwrap_or(ordinary),
        }
    }

    /// The event that a build before would have sent, where this build sends `settled`.
    pub(super) fn event(&self, settled: &Map<String, Value>) -> Map<String, Value> {
        let ours = |name: &String| !is_field(schema::CONTROL, name) && !is_field(schema::FLAT, name);
        let fields = self.0.iter().filter(|(name, _)| ours(name));
        let mut event: Map<String, Value> =
            fields.map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(email) = self.0.get("attendeeEmail") {
            event.insert("attendees".to_owned(), json!([{ "email": email }]));
        }
        if event.get("conferenceData").is_some_and(|data| data.get("createRequest").is_some()) {
            event.remove("conferenceData");
        }
        if let Some(lines) = event.remove("recurrence").as_ref().and_then(Value::as_array)
            && !lines.is_empty()
        {
            event.insert("recurrence".to_owned(), lines.iter().map(line).collect());
        }
        for side in ["start", "end"] {
            event.insert(side.to_owned(), self.side(side, settled.get(side)));
        }
        event
    }

    fn side(&self, name: &str, settled: Option<&Value>) -> Value {
        let mut side = settled.and_then(Value::as_object).cloned().unwrap_or_default();
        let said = self.0.get(name).and_then(|side| side.get("timeZone")).or_else(|| self.0.get("timeZone"));
        if said.is_none() {
            side.remove("timeZone");
            if side.contains_key("dateTime") {
                side.insert("timeZone".to_owned(), json!("UTC"));
            }
        }
        Value::Object(side)
    }
}

/// A line as those builds sent it: rules in capitals, of dates the name alone. They refused lines with
/// blanks or empty parts, so there is nothing else that they changed.
fn line(line: &Value) -> Value {
    let text = line.as_str().unwrap_or_default();
    let name = text.split([':', ';']).next().unwrap_or_default();
    let capitals = name.to_ascii_uppercase();
    match capitals.as_str() {
        "RRULE" | "EXRULE" => text.to_ascii_uppercase().into(),
        _ => format!("{capitals}{}", &text[name.len()..]).into(),
    }
}

fn is_field(table: &[Field], name: &str) -> bool {
    table.iter().any(|field| field.name == name)
}

fn without_nulls(object: &Map<String, Value>) -> Map<String, Value> {
    let there = object.iter().filter(|(_, value)| !value.is_null());
    there.map(|(name, value)| (name.clone(), inside(value))).collect()
}

fn inside(value: &Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(without_nulls(object)),
        Value::Array(items) => Value::Array(items.iter().map(inside).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Says nothing of what the event says.
impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Said({} fields)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::event::Submission;

    /// Bodies, and the bytes that the last build hashed which knew version 1 alone.
    const GOLDEN: &str = include_str!("former/golden.json");

    #[test]
    fn the_bytes_of_version_1_are_those_that_former_builds_hashed() {
        let rows: Vec<Value> = serde_json::from_str(GOLDEN).unwrap();
        assert!(rows.len() >= 30);
        for row in rows {
            let name = &row["name"];
            let submission = Submission::parse(row["body"].to_string().as_bytes());
            let submission = submission.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let bytes = String::from_utf8(submission.former()).unwrap();
            assert_eq!(bytes, row["v1"].as_str().unwrap(), "{name}");
        }
    }

    #[test]
    fn lines_are_hashed_as_former_builds_sent_them() {
        let body = |lines: &str| {
            format!(
                r#"{{"startDateTime":"2030-01-07T09:00:00","endDateTime":"2030-01-07T10:00:00","timeZone":"Europe/Berlin","recurrence":[{lines}]}}"#
            )
        };
        for (lines, sent) in [
            // Which this build sends in capitals.
            (
                r#""rrule:freq=daily","exdate;tzid=europe/berlin:20300108T090000""#,
                r#"["RRULE:FREQ=DAILY","EXDATE;tzid=europe/berlin:20300108T090000"]"#,
            ),
            // Whose UNTIL this build takes out.
            (r#""RRULE:FREQ=DAILY;UNTIL=99991231""#, r#"["RRULE:FREQ=DAILY;UNTIL=99991231"]"#),
            (r#""RDATE;VALUE=date-time:20300108T090000Z""#, r#"["RDATE;VALUE=date-time:20300108T090000Z"]"#),
        ] {
            let former = Submission::parse(body(lines).as_bytes()).unwrap().former();
            let former = String::from_utf8(former).unwrap();
            assert!(former.contains(&format!(r#""recurrence":{sent}"#)), "{former}");
        }
    }

    /// A zone that is named for one side served that side alone; the other had UTC beside its offset.
    #[test]
    fn a_zone_of_one_side_is_hashed_as_that_sides_alone() {
        let body = br#"{"start":{"dateTime":"2030-01-07T09:00:00Z","timeZone":"Europe/Berlin"},"end":{"dateTime":"2030-01-07T10:00:00Z"}}"#;
        let former = String::from_utf8(Submission::parse(body).unwrap().former()).unwrap();
        assert!(former.contains(r#""end":{"dateTime":"2030-01-07T10:00:00Z","timeZone":"UTC"}"#), "{former}");
        assert!(
            former.contains(r#""start":{"dateTime":"2030-01-07T09:00:00Z","timeZone":"Europe/Berlin"}"#),
            "{former}"
        );
    }

    #[test]
    fn what_was_said_is_not_printed() {
        let body = br#"{"summary":"Secret","start":{"date":"2030-01-07"},"end":{"date":"2030-01-08"}}"#;
        let printed = format!("{:?}", Submission::parse(body).unwrap());
        assert!(!printed.contains("Secret"), "{printed}");
    }
}
