//! What a field may hold, and the walk that checks a body against a table of fields.
//!
//! The walk keeps what is good, drops what is absent (`null`, or an empty text) and reports the rest, so that one pass names everything that is wrong.

use serde_json::{Map, Value};

use super::limits;
use super::problems::{Path, Problems, quoted};
use super::suggest::{advice, nearest};
use super::text::{Lines, cleaned, forbidden_character, is_email, is_link};
use crate::field::FieldCode;
use crate::warning::WarningCode;

/// What a field may hold.
pub(super) enum Shape {
    /// A name, a key, a time: at most so many characters, which stay as they are.
    Text(usize),
    /// What people read in one line, at most so many characters.
    Title(usize),
    /// What people read in several lines, at most so many characters.
    Prose(usize),
    /// `true` or `false`.
    Bool,
    /// A whole number in these limits.
    Whole(i64, i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words; some others exist, and the sentence says why they are refused.
    OneOfBut(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// An e-mail address.
    Email,
    /// An `http` or `https` link.
    Link,
    /// At most so many of the same shape; `because` ends the sentence that refuses more.
    List { most: usize, each: &'static Shape, because: &'static str },
    /// An object with these fields.
    Object(&'static [Field]),
    /// An object with any names and texts as values, each checked by the function.
    Texts(fn(name: &str, text: &str, at: &Path, problems: &mut Problems)),
    /// A field that Google fills in: ignored in an event that was fetched from Google
    /// ([`fetched`](super::fetched)), otherwise refused; the sentence says why.
    ReadOnly(&'static str),
    /// A field of Google's that a caller may not set; the sentence says why.
    Refused(&'static str),
}

/// A field of an object.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
}

/// A field that may be left out.
pub(super) const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false }
}

/// A field that must be there.
pub(super) const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: true }
}

/// Checks an object against tables of fields, taken together.
pub(super) fn check_object(
    tables: &[&'static [Field]],
    object: Map<String, Value>,
    at: &Path,
    problems: &mut Problems,
) -> Map<String, Value> {
    let fields = || tables.iter().flat_map(|table| table.iter());
    for field in fields().filter(|field| field.required) {
        if object.get(field.name).is_none_or(Value::is_null) {
            let place = at.key(field.name);
            problems.add(&place, FieldCode::Required, format!("{place} is missing"));
        }
    }
    let mut kept = Map::new();
    for (name, value) in object {
        let place = at.key(&name);
        let Some(field) = fields().find(|field| field.name == name) else {
            let writable =
                fields().filter(|field| !matches!(field.shape, Shape::ReadOnly(_) | Shape::Refused(_)));
            unknown(&name, writable.map(|field| field.name), &place, problems);
            continue;
        };
        if is_absent(field, &value) {
            continue;
        }
        if let Some(value) = check(&field.shape, value, &place, problems) {
            kept.insert(name, value);
        }
    }
    kept
}

/// `null` is the same as absent, for Google too. So is an empty text, which forms send for what was
/// left empty; not where it would decide into which calendar the event goes.
fn is_absent(field: &Field, value: &Value) -> bool {
    let says_where = matches!(field.name, "account" | "calendarId");
    value.is_null() || (value == "" && !field.required && !says_where)
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>, place: &Path, problems: &mut Problems) {
    // Looking for what a name was meant to be costs more than anything else here.
    if problems.is_full() {
        return;
    }
    let hint = advice(name)
        .map(|advice| format!("; {advice}"))
        .or_else(|| nearest(name, known).map(|known| format!("; did you mean `{known}`?")))
        .unwrap_or_default();
    let message = format!("there is no field `{}` here{hint}", quoted(name));
    problems.add(place, FieldCode::UnknownField, message);
}

/// The value if it has the shape; otherwise a problem is reported.
fn check(shape: &Shape, value: Value, at: &Path, problems: &mut Problems) -> Option<Value> {
    match shape {
        Shape::Text(most) => {
            let text = text(value, at, problems)?;
            is_text(&text, *most, at, problems).then_some(Value::String(text))
        }
        Shape::Title(most) => readable(value, *most, Lines::One, at, problems),
        Shape::Prose(most) => readable(value, *most, Lines::Many, at, problems),
        Shape::Bool if value.is_boolean() => Some(value),
        Shape::Bool => wrong_type("true or false", &value, at, problems),
        Shape::Whole(least, most) => whole(value, *least, *most, at, problems),
        Shape::OneOf(words) => choice(value, words, &[], at, problems),
        Shape::OneOfBut(words, but) => choice(value, words, but, at, problems),
        Shape::Email => {
            let text = text(value, at, problems)?;
            if is_email(&text) {
                return Some(Value::String(text));
            }
            let message =
                format!("{at} must be one e-mail address, such as ada@example.com, without a name beside it");
            problems.add(at, FieldCode::InvalidEmail, message);
            None
        }
        Shape::Link => {
            let text = text(value, at, problems)?;
            if !is_text(&text, limits::LINK_CHARS, at, problems) {
                return None;
            }
            if is_link(&text) {
                return Some(Value::String(text));
            }
            let message = format!("{at} must be a link that begins with http:// or https://");
            problems.add(at, FieldCode::InvalidUrl, message);
            None
        }
        Shape::List { most, each, because } => list(value, *most, each, because, at, problems),
        Shape::Object(fields) => {
            let Value::Object(object) = value else {
                return wrong_type("an object", &value, at, problems);
            };
            Some(Value::Object(check_object(&[fields], object, at, problems)))
        }
        Shape::Texts(each) => texts(value, *each, at, problems),
        Shape::ReadOnly(why) | Shape::Refused(why) => {
            problems.add(at, FieldCode::NotAllowed, format!("{at} cannot be set: {why}"));
            None
        }
    }
}

fn text(value: Value, at: &Path, problems: &mut Problems) -> Option<String> {
    let Value::String(text) = value else {
        wrong_type("a text", &value, at, problems);
        return None;
    };
    Some(text)
}

/// A text for people, without control characters. One that was of nothing else is absent.
fn readable(value: Value, most: usize, lines: Lines, at: &Path, problems: &mut Problems) -> Option<Value> {
    let text = clean(text(value, at, problems)?, lines, at, problems);
    (!text.is_empty() && is_text(&text, most, at, problems)).then_some(Value::String(text))
}

/// The text, cleaned of control characters; `told` is the field that is named for it.
fn clean(text: String, lines: Lines, told: &Path, problems: &mut Problems) -> String {
    match cleaned(&text, lines) {
        Some(cleaned) => {
            problems.warn(told, WarningCode::Characters);
            cleaned
        }
        None => text,
    }
}

fn is_text(text: &str, most: usize, at: &Path, problems: &mut Problems) -> bool {
    let length = text.chars().count();
    if length > most {
        let message = format!("{at} has {length} characters; at most {most} are allowed");
        problems.add(at, FieldCode::TooLong, message);
        return false;
    }
    if let Some(c) = forbidden_character(text) {
        let message = format!(
            "{at} holds the control character U+{:04X}; only line breaks and tabs are allowed",
            u32::from(c)
        );
        problems.add(at, FieldCode::InvalidCharacter, message);
        return false;
    }
    true
}

fn choice(
    value: Value,
    words: &[&str],
    but: &[(&str, &str)],
    at: &Path,
    problems: &mut Problems,
) -> Option<Value> {
    let text = text(value, at, problems)?;
    if words.contains(&text.as_str()) {
        return Some(Value::String(text));
    }
    let words = words.join(", ");
    match but.iter().find(|(word, _)| *word == text) {
        Some((_, why)) => {
            let message = format!("{at} cannot be `{text}`: {why}; it may be: {words}");
            problems.add(at, FieldCode::NotAllowed, message);
        }
        None => problems.add(at, FieldCode::InvalidChoice, format!("{at} must be one of: {words}")),
    }
    None
}

fn whole(value: Value, least: i64, most: i64, at: &Path, problems: &mut Problems) -> Option<Value> {
    if value.is_f64() {
        let message = format!("{at} must be a whole number, without a fraction");
        problems.add(at, FieldCode::WrongType, message);
        return None;
    }
    if !value.is_number() {
        return wrong_type("a whole number", &value, at, problems);
    }
    if value.as_i64().is_some_and(|number| (least..=most).contains(&number)) {
        return Some(value);
    }
    let message = format!("{at} must be from {least} to {most}");
    problems.add(at, FieldCode::OutOfRange, message);
    None
}

fn list(
    value: Value,
    most: usize,
    each: &Shape,
    because: &str,
    at: &Path,
    problems: &mut Problems,
) -> Option<Value> {
    let Value::Array(items) = value else {
        return wrong_type("a list", &value, at, problems);
    };
    if items.len() > most {
        let message = format!("{at} has {} entries; at most {most} are allowed{because}", items.len());
        problems.add(at, FieldCode::TooMany, message);
        return None;
    }
    let kept = items
        .into_iter()
        .enumerate()
        .filter_map(|(index, item)| check(each, item, &at.index(index), problems))
        .collect();
    Some(Value::Array(kept))
}

fn texts(
    value: Value,
    each: fn(&str, &str, &Path, &mut Problems),
    at: &Path,
    problems: &mut Problems,
) -> Option<Value> {
    let Value::Object(object) = value else {
        return wrong_type("an object whose values are texts", &value, at, problems);
    };
    let mut kept = Map::new();
    for (name, value) in object {
        if value.is_null() {
            continue;
        }
        let place = at.key(&name);
        if let Some(text) = text(value, &place, problems) {
            // The caller chose the name, so what is told does not repeat it.
            let text = clean(text, Lines::Many, at, problems);
            each(&name, &text, &place, problems);
            kept.insert(name, Value::String(text));
        }
    }
    Some(Value::Object(kept))
}

fn wrong_type(expected: &str, found: &Value, at: &Path, problems: &mut Problems) -> Option<Value> {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let message = format!("{at} must be {expected}, not {found}");
    problems.add(at, FieldCode::WrongType, message);
    None
}

#[cfg(test)]
mod tests;
