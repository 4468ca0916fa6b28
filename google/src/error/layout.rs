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
    /// Google's words about the event's conference, where one of its complaints is about that.
    pub(super) about_conference: Option<String>,
}

/// What tells that a complaint is about the conference. Google has no reason of its own for that ("invalid"):
/// its words do, or the field that it names (`conferenceData.createRequest`, `conference_data`).
const CONFERENCE: [&str; 4] = ["conference", "hangoutsmeet", "eventhangout", "google meet"];

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
        let violations =
            list("details").filter_map(|detail| detail.get("fieldViolations")?.as_array()).flatten();
        let about_conference = list("errors")
            .chain(list("details"))
            .chain(violations)
            .find(|complaint| names_conference(complaint))
            .map(|complaint| own_words(complaint).unwrap_or(message))
            .or_else(|| is_about_conference(message).then_some(message))
            .map(super::shortened);
        Some(Self { reasons, message: super::shortened(message), about_conference })
    }

    /// The reason to show.
    pub(super) fn reason(&self) -> &str {
        self.reasons.first().map_or("", String::as_str)
    }
}

fn own_words(complaint: &Value) -> Option<&str> {
    let own = ["message", "description"].into_iter().find_map(|name| complaint.get(name)?.as_str());
    own.filter(|words| !words.is_empty())
}

/// Whether a complaint is about the conference, by what it says or by the field that it names.
fn names_conference(complaint: &Value) -> bool {
    ["reason", "message", "description", "location", "field"]
        .into_iter()
        .filter_map(|name| complaint.get(name)?.as_str())
        .any(is_about_conference)
}

fn is_about_conference(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    CONFERENCE.iter().any(|word| words.contains(word))
}
