//! The fields of a body as JSON Schema, for the published contract: made from the tables that the parser
//! itself goes by, so that the two cannot differ.

use serde_json::{Map, Value, json};

use super::schema;
use super::shape::{Field, Shape};

/// Every field that a body may have, with the JSON Schema of what it may hold. A field of an object that
/// may be left out may be `null` too: that is the same as absent.
#[must_use]
pub fn properties() -> Map<String, Value> {
    let tables = [schema::CONTROL, schema::FLAT, schema::EVENT];
    tables.into_iter().flat_map(fields).collect()
}

fn fields(table: &'static [Field]) -> impl Iterator<Item = (String, Value)> {
    table.iter().filter_map(|field| {
        let schema = of(&field.shape)?;
        Some((field.name.to_owned(), if field.required { schema } else { nullable(schema) }))
    })
}

/// The schema of a shape; none for what is always refused.
fn of(shape: &Shape) -> Option<Value> {
    Some(match shape {
        Shape::Text(most) | Shape::Title(most) | Shape::Prose(most) => {
            json!({"type": "string", "maxLength": most})
        }
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Shape::OneOf(words) | Shape::OneOfBut(words, _) => json!({"type": "string", "enum": words}),
        Shape::Email => json!({"type": "string", "format": "email"}),
        Shape::Link => json!({"type": "string", "format": "uri"}),
        Shape::List { most, each, .. } => json!({"type": "array", "maxItems": most, "items": of(each)?}),
        Shape::Object(table) => {
            let required: Vec<&str> = table.iter().filter(|f| f.required).map(|f| f.name).collect();
            let properties: Map<String, Value> = fields(table).collect();
            let mut object = json!({"type": "object", "properties": properties});
            if !required.is_empty() {
                object["required"] = json!(required);
            }
            object
        }
        Shape::Texts(_) => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Shape::ReadOnly(_) | Shape::Refused(_) => return None,
    })
}

fn nullable(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BodyError, Submission};
    use crate::field::FieldCode;

    /// What the parser says of a body with this one field beside good times.
    fn codes(field: &str, value: &Value) -> Vec<FieldCode> {
        let mut body = json!({
            "start": {"dateTime": "2030-01-07T09:00:00Z"}, "end": {"dateTime": "2030-01-07T10:00:00Z"},
        });
        body[field] = value.clone();
        match Submission::parse(body.to_string().as_bytes()) {
            Ok(_) => Vec::new(),
            Err(BodyError::Fields(errors)) => errors.iter().map(|error| error.code).collect(),
            Err(other) => panic!("{field}: {other:?}"),
        }
    }

    #[test]
    fn every_field_that_is_accepted_is_there_and_no_other() {
        let properties = properties();
        let tables = [schema::CONTROL, schema::FLAT, schema::EVENT];
        for field in tables.into_iter().flatten() {
            let refused = matches!(field.shape, Shape::ReadOnly(_) | Shape::Refused(_));
            assert_ne!(properties.contains_key(field.name), refused, "{}", field.name);
        }
        for name in [
            "eventType",
            "focusTimeProperties",
            "outOfOfficeProperties",
            "workingLocationProperties",
            "birthdayProperties",
            "privateCopy",
            "endTimeUnspecified",
            "conferenceData",
            "attachments",
        ] {
            assert!(properties.contains_key(name), "{name}");
        }
    }

    #[test]
    fn every_word_of_a_set_is_taken_and_every_field_may_be_null() {
        for (field, schema) in properties() {
            if field != "start" && field != "end" {
                assert_eq!(codes(&field, &Value::Null), [], "{field}");
            }
            for word in schema.get("enum").and_then(Value::as_array).into_iter().flatten() {
                let codes = codes(&field, word);
                assert!(!codes.contains(&FieldCode::InvalidChoice), "{field} {word}: {codes:?}");
            }
        }
        assert_eq!(properties()["priority"]["enum"], json!(["normal", "bulk", null]));
    }

    #[test]
    fn inner_fields_say_what_they_need() {
        let properties = properties();
        let guest = &properties["attendees"]["items"];
        assert_eq!(guest["required"], json!(["email"]));
        assert_eq!(guest["properties"]["email"], json!({"type": "string", "format": "email"}));
        assert_eq!(
            guest["properties"]["responseStatus"]["enum"],
            json!(["needsAction", "declined", "tentative", "accepted", null])
        );
        assert!(guest["properties"].get("self").is_none());
        let key = &properties["conferenceData"]["properties"]["conferenceSolution"]["properties"]["key"];
        assert_eq!(key["required"], json!(["type"]));
    }
}
