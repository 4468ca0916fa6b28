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
    let numbers = (1..=times).map(|number| number.to_string());
    match unit {
        Value::String(text) => Value::String(numbers.map(|number| text.replace("{n}", &number)).collect()),
        list => {
            let text = list.to_string();
            let copy = |number: String| serde_json::from_str::<Vec<Value>>(&text.replace("{n}", &number));
            numbers.flat_map(|number| copy(number).expect("a list is repeated into a list")).collect()
        }
    }
}
