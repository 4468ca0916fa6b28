//! Logs for machines: one JSON object a line.

use serde_json::Value;

/// The lines of a log that are objects; a newcomer's greeting is none.
///
/// # Panics
/// When a line that begins as one is none, or nests its fields.
#[must_use]
pub fn json_lines(log: &str) -> Vec<Value> {
    let lines = log.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let fields = value.as_object().expect("an object");
            assert!(fields.values().all(|field| !field.is_object() && !field.is_array()), "{line}");
            for name in ["timestamp", "level", "message"] {
                assert!(fields.get(name).is_some_and(Value::is_string), "no {name}: {line}");
            }
            value
        })
        .collect()
}

/// The lines that tell of a job's end, of which a job has one each time that it ends.
#[must_use]
pub fn outcomes(log: &str, job: &str) -> Vec<Value> {
    let ends = |line: &Value| line["job.id"] == job && line["job.outcome"].is_string();
    json_lines(log).into_iter().filter(ends).collect()
}
