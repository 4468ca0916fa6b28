//! The layouts of Google's API errors: Calendar's own, and that of the servers in front of it.

use serde_json::Value;

/// What an error body says. Calendar names `errors[].reason`; the front adds `status` and
/// `details[].reason`, and may leave `errors` out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Every reason given, the one that says most first.
    pub(super) reasons: Vec<String>,
    /// Google's words.
    pub(super) message: String,
}

impl Complaint {
    /// Reads a body; `None` when it is not Google's: HTML, empty, cut short.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let error = body.get("error").filter(|error| error.is_object())?;
        let list = |name: &str| error.get(name).and_then(Value::as_array).into_iter().flatten();
        let reasons = list("errors")
            .chain(list("details"))
            .filter_map(|item| item.get("reason"))
            .chain(error.get("status"))
            .filter_map(Value::as_str)
            .filter(|reason| !reason.is_empty())
            .map(super::shortened)
            .collect();
        let words = |pointer: &str| error.pointer(pointer).and_then(Value::as_str);
        // The front's outer message says more than the one inside `errors`.
        let message = words("/message").or_else(|| words("/errors/0/message")).unwrap_or_default();
        Some(Self { reasons, message: super::shortened(message) })
    }

    /// The reason to show.
    pub(super) fn reason(&self) -> &str {
        self.reasons.first().map_or("", String::as_str)
    }
}
