//! Bytes into one JSON object, and every way in which that can fail.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use super::limits;
use super::problems::quoted;
use crate::field::FieldError;

/// Why a body is not a submission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The bytes are not UTF-8.
    #[error("the body is not UTF-8 text")]
    NotUtf8,
    /// The text is not JSON.
    #[error("{message} (line {line}, column {column})")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there, for a person.
        message: String,
    },
    /// Objects and lists inside each other beyond reason.
    #[error("objects and lists nest deeper than {}", limits::DEPTH)]
    TooDeep,
    /// JSON, but not an object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// An object with fields that cannot be accepted: all of them.
    #[error("{} of the body's fields cannot be accepted", .0.len())]
    Fields(Vec<FieldError>),
}

impl BodyError {
    /// What is wrong, from a closed list: for programs. Codes are added, never renamed.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 => "not-utf8",
            Self::NotJson { .. } => "not-json",
            Self::TooDeep => "too-deep",
            Self::NotAnObject => "not-an-object",
            Self::Fields(_) => "invalid-fields",
        }
    }
}

/// Reads a body that must be one JSON object in which no name appears twice.
///
/// # Errors
/// [`BodyError`], but no [`BodyError::Fields`].
pub fn read(body: &[u8]) -> Result<Map<String, Value>, BodyError> {
    let text = std::str::from_utf8(body).map_err(|_| BodyError::NotUtf8)?;
    // Some clients put a byte order mark in front; RFC 8259 §8.1 lets a reader ignore it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(BodyError::NotJson {
            line: 1,
            column: 1,
            message: "the body is empty; it must be a JSON object".to_owned(),
        });
    }
    if deeper_than(text.as_bytes(), limits::DEPTH) {
        return Err(BodyError::TooDeep);
    }
    let Unrepeated(value) = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    match value {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(BodyError::NotAnObject)
        }
    }
}

/// Whether brackets outside strings nest deeper than `most`. Runs before anything recursive does.
fn deeper_than(text: &[u8], most: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// What serde_json says, and how we say it.
const SENTENCES: &[(&str, &str)] = &[
    ("EOF", "the JSON ends too early"),
    ("expected value", "a JSON value is expected here"),
    ("expected ident", "`true`, `false` or `null` is misspelt here"),
    ("expected `:`", "a `:` is missing after a name"),
    ("expected `,` or `}`", "a `,` or `}` is missing here"),
    ("expected `,` or `]`", "a `,` or `]` is missing here"),
    ("trailing comma", "there is a comma with nothing after it"),
    ("trailing characters", "there is more after the end of the JSON"),
    ("key must be a string", "a name in double quotes is expected here"),
    ("invalid number", "this is not a JSON number"),
    ("number out of range", "this number is too large"),
    ("invalid escape", "there is no such escape in a JSON string"),
    ("control character", "a string holds a raw control character; escape it"),
    ("lone leading surrogate", "a string holds half of a surrogate pair"),
    ("unexpected end of hex escape", "a string holds half of a surrogate pair"),
    ("invalid unicode code point", "a string holds no valid character here"),
    ("recursion limit", "objects and lists nest too deep"),
];

fn not_json(error: &serde_json::Error) -> BodyError {
    let said = error.to_string();
    let message = match error.classify() {
        // Ours, from the visitor below.
        Category::Data => said.split(" at line ").next().unwrap_or_default().to_owned(),
        Category::Io | Category::Syntax | Category::Eof => SENTENCES
            .iter()
            .find(|(theirs, _)| said.starts_with(theirs))
            .map_or("this is not JSON", |(_, ours)| ours)
            .to_owned(),
    };
    BodyError::NotJson { line: error.line(), column: error.column(), message }
}

/// A JSON value in which no object names a field twice: of two values, which one was meant?
struct Unrepeated(Value);

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnrepeatedVisitor).map(Self)
    }
}

struct UnrepeatedVisitor;

impl<'de> Visitor<'de> for UnrepeatedVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unrepeated(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(de::Error::custom(format_args!(
                    "the name \"{}\" appears twice in one object",
                    quoted(&name)
                )));
            }
            let Unrepeated(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> String {
        match read(body.as_bytes()) {
            Err(BodyError::NotJson { message, .. }) => message,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn broken_json_is_explained_without_the_parsers_words() {
        for (body, expected) in [
            ("", "the body is empty; it must be a JSON object"),
            (" \r\n", "the body is empty; it must be a JSON object"),
            ("{", "the JSON ends too early"),
            ("{\"a\"", "the JSON ends too early"),
            ("{\"a\":\"b", "the JSON ends too early"),
            ("{\"a\":}", "a JSON value is expected here"),
            ("{\"a\":NaN}", "a JSON value is expected here"),
            ("{\"a\":tru}", "`true`, `false` or `null` is misspelt here"),
            ("{\"a\" 1}", "a `:` is missing after a name"),
            ("{\"a\":1 \"b\":2}", "a `,` or `}` is missing here"),
            ("{\"a\":[1 2]}", "a `,` or `]` is missing here"),
            ("{\"a\":1,}", "there is a comma with nothing after it"),
            ("{} {}", "there is more after the end of the JSON"),
            ("{a:1}", "a name in double quotes is expected here"),
            ("{'a':1}", "a name in double quotes is expected here"),
            ("{\"a\":01}", "this is not a JSON number"),
            ("{\"a\":1e999}", "this number is too large"),
            ("{\"a\":\"\\x\"}", "there is no such escape in a JSON string"),
            ("{\"a\":\"\n\"}", "a string holds a raw control character; escape it"),
            ("{\"a\":\"\\ud83d\"}", "a string holds half of a surrogate pair"),
            ("{\"a\":\"\\ude00\"}", "a string holds half of a surrogate pair"),
            ("{\"a\":1,\"a\":1}", "the name \"a\" appears twice in one object"),
        ] {
            assert_eq!(message(body), expected, "{body}");
        }
    }

    #[test]
    fn the_place_is_named() {
        let error = read(b"{\n  \"a\": 1,\n  b\n}").unwrap_err();
        assert_eq!(error.to_string(), "a name in double quotes is expected here (line 3, column 3)");
    }

    #[test]
    fn bytes_that_are_no_text_and_text_that_is_no_object_are_refused() {
        assert_eq!(read(b"{\"a\":\"\xff\"}"), Err(BodyError::NotUtf8));
        assert_eq!(read(b"\xed\xa0\x80"), Err(BodyError::NotUtf8));
        for body in ["null", "true", "1", "\"x\"", "[]", "[{}]"] {
            assert_eq!(read(body.as_bytes()), Err(BodyError::NotAnObject), "{body}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_ignored() {
        assert_eq!(read("\u{feff}{}".as_bytes()), Ok(Map::new()));
    }

    #[test]
    fn nesting_is_bounded_before_it_is_parsed() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(read(nested(16).as_bytes()), Err(BodyError::NotAnObject));
        assert_eq!(read(nested(17).as_bytes()), Err(BodyError::TooDeep));
        assert_eq!(read("[".repeat(60_000).as_bytes()), Err(BodyError::TooDeep));
        let objects = "{\"a\":".repeat(10_000);
        assert_eq!(read(objects.as_bytes()), Err(BodyError::TooDeep));
    }

    #[test]
    fn brackets_in_strings_are_not_nesting() {
        let body = format!("{{\"a\":\"\\\"{}\\\\\"}}", "[{".repeat(100));
        assert!(read(body.as_bytes()).is_ok());
        assert!(!deeper_than(b"\"\\\\\"[]", 1));
    }

    #[test]
    fn every_kind_of_value_arrives_as_written() {
        let body = r#"{"a":null,"b":true,"c":-1,"d":18446744073709551615,"e":1.5,"f":"\u00e9😀","g":[{}]}"#;
        let expected: Map<String, Value> = serde_json::from_str(body).unwrap();
        assert_eq!(read(body.as_bytes()), Ok(expected));
    }
}
