//! One spelling for equal JSON: keys in order, no spaces, whatever order a caller wrote them in.

use serde_json::{Map, Value};

/// The object with its keys, and those of every object inside it, in order.
///
/// serde_json's map keeps keys sorted or as inserted, depending on a feature that any crate of a
/// build may switch on; inserting in order makes both the same.
pub(super) fn sorted(object: Map<String, Value>) -> Map<String, Value> {
    let mut members: Vec<(String, Value)> = object.into_iter().collect();
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    members.into_iter().map(|(name, value)| (name, sorted_value(value))).collect()
}

fn sorted_value(value: Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(sorted(object)),
        Value::Array(items) => Value::Array(items.into_iter().map(sorted_value).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_order_does_not_show_and_list_order_does() {
        let spell = |text: &str| {
            let object: Map<String, Value> = serde_json::from_str(text).unwrap();
            serde_json::to_string(&sorted(object)).unwrap()
        };
        let one = spell(r#"{"b":[{"d":1,"c":2},3],"a":{"f":null,"e":true}}"#);
        assert_eq!(one, r#"{"a":{"e":true,"f":null},"b":[{"c":2,"d":1},3]}"#);
        assert_eq!(one, spell(&one));
        assert_ne!(one, spell(r#"{"b":[3,{"d":1,"c":2}],"a":{"f":null,"e":true}}"#));
    }
}
