//! What is always there, and what may be left out.

use serde_json::{Map, Value, json};

/// Replies in which every field is there, null where there is nothing to say.
const WHOLE: &[&str] =
    &["JobRecord", "LostRecord", "ResultRecord", "ErrorRecord", "CreatedReply", "AccountsReply"];

/// Replies in which a field that has nothing to say is left out, and is never null. `email` of an account
/// is null where it cannot be read.
const PARTIAL: &[(&str, &[&str])] =
    &[("AccountReply", &["email"]), ("StatusReply", &[]), ("ProblemReply", &[])];

/// Writes into the document which fields are required.
pub(super) fn describe(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object_mut().expect("a contract has schemas");
    for name in WHOLE {
        let schema = schemas.get_mut(*name).expect("a schema of the contract");
        schema["required"] = properties(schema).keys().cloned().collect();
    }
    for (name, nullable) in PARTIAL {
        let schema = schemas.get_mut(*name).expect("a schema of the contract");
        let mut required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
        required.extend(nullable.iter().map(|field| json!(field)));
        for (field, schema) in properties(schema) {
            if !required.contains(&json!(field)) {
                not_null(schema);
            }
        }
        schema["required"] = Value::Array(required);
    }
    // A parameter that is not sent is not null either.
    let paths = document["paths"].as_object_mut().expect("a contract has paths").values_mut();
    let operations = paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    let parameters = operations.filter_map(|operation| operation.get_mut("parameters")?.as_array_mut());
    parameters.flatten().for_each(|parameter| not_null(&mut parameter["schema"]));
    let links = &mut document["paths"][crate::paths::LINKS]["post"]["requestBody"];
    links["required"] = json!(false);
}

fn properties(schema: &mut Value) -> &mut Map<String, Value> {
    schema["properties"].as_object_mut().expect("an object has properties")
}

/// Takes the null out of what a field may hold.
fn not_null(schema: &mut Value) {
    if let Some(types) = schema["type"].as_array_mut() {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.retain(|word| !word.is_null());
    }
    for choice in ["oneOf", "anyOf"] {
        let Some(choices) = schema.get_mut(choice).and_then(Value::as_array_mut) else { continue };
        choices.retain(|schema| schema["type"] != "null");
        if let [only] = choices.as_slice() {
            *schema = only.clone();
        }
    }
}
