//! The corpora under `tests/corpus/`.

use std::path::Path;

use serde_json::Value;

/// Reads a corpus: a list of named cases.
///
/// # Panics
/// When it is not there or not a list.
#[must_use]
pub fn corpus(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let text = std::fs::read_to_string(&path).expect("the corpus is part of the project");
    match serde_json::from_str(&text).expect("the corpus is JSON") {
        Value::Array(cases) => cases,
        other => panic!("{} is {other:?}, not a list", path.display()),
    }
}

/// The value with every `{"repeat": x, "times": n}` in it written out.
#[must_use]
pub fn expanded(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            if let (Some(unit), Some(times), 2) = (map.get("repeat"), map.get("times"), map.len()) {
                return repeated(unit, times.as_u64().expect("a count"));
            }
            Value::Object(map.iter().map(|(name, value)| (name.clone(), expanded(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(expanded).collect()),
        other => other.clone(),
    }
}

fn repeated(unit: &Value, times: u64) -> Value {
    match unit {
        Value::String(text) => Value::String(text.repeat(usize::try_from(times).expect("small"))),
        other => (0..times).map(|number| numbered(other, number)).collect(),
    }
}

/// `{n}` in a repeated value is its number.
fn numbered(value: &Value, number: u64) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("{n}", &number.to_string())),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, value)| (name.clone(), numbered(value, number))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| numbered(item, number)).collect()),
        other => other.clone(),
    }
}
