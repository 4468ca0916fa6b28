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
    serde_json::from_str(&text).expect("the corpus is a list in JSON")
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
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn repeated(unit: &Value, times: u64) -> Value {
    let numbers = (1..=times).map(|number| number.to_string());
    if let Some(text) = unit.as_str() {
        return Value::String(numbers.map(|number| text.replace("{n}", &number)).collect());
    }
    let list = unit.to_string();
    let copy = |number: String| serde_json::from_str::<Vec<Value>>(&list.replace("{n}", &number));
    numbers.flat_map(|number| copy(number).expect("a list is repeated into a list")).collect()
}
