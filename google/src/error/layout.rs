//! The layouts of Google's API errors: Calendar's own, and that of the servers in front of it.

use serde_json::Value;

/// What an error body says. Calendar names `errors[].reason`, one entry for each fault of a request; the
/// front adds `status` and `details[].reason`, and may leave `errors` out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The entries of `errors[]`, in Google's order.
    pub(super) entries: Vec<Entry>,
    /// The reasons in `details`, and after them `status`: they speak where no entry does.
    pub(super) others: Vec<String>,
    /// Google's words for the whole.
    pub(super) message: String,
    /// Google's words about the event's conference, where it complains of nothing else that it names.
    pub(super) about_conference: Option<String>,
}

/// One entry of `errors[]`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) reason: String,
    /// Its own words; those of the whole where it is the only one, because the front's say more.
    pub(super) message: String,
    conference: bool,
}

/// Reasons that only say that something is wrong: beside another they add nothing.
const BLAND: [&str; 3] = ["badRequest", "forbidden", "failedPrecondition"];
/// Words that only say so.
const BLAND_WORDS: [&str; 4] = ["", "bad request", "invalid value", "forbidden"];

/// What tells that a complaint is about the conference. Google has no reason of its own for that ("invalid"):
/// its words do, or the field that it names (`conferenceData.createRequest`, `conference_data`).
const CONFERENCE: [&str; 4] = ["conference", "hangoutsmeet", "eventhangout", "google meet"];

impl Complaint {
    /// Reads a body; `None` when it is not Google's: HTML, empty, cut short.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let error = body.get("error").filter(|error| error.is_object())?;
        let list = |name: &str| error.get(name).and_then(Value::as_array).into_iter().flatten();
        let words = |pointer: &str| error.pointer(pointer).and_then(Value::as_str);
        // The front's outer message says more than the one inside `errors`.
        let message = words("/message").or_else(|| words("/errors/0/message")).unwrap_or_default();
        let entries: Vec<Entry> = list("errors").map(Entry::read).collect();
        let entries = match entries.len() {
            1 => entries.into_iter().map(|entry| entry.in_words(message)).collect(),
            _ => entries,
        };
        let others = list("details")
            .filter_map(|item| item.get("reason"))
            .chain(error.get("status"))
            .filter_map(Value::as_str)
            .filter(|reason| !reason.is_empty())
            .map(super::shortened)
            .collect();
        let violations =
            list("details").filter_map(|detail| detail.get("fieldViolations")?.as_array()).flatten();
        let about_conference = list("errors")
            .chain(list("details"))
            .chain(violations)
            .find(|complaint| names_conference(complaint))
            .map(|complaint| own_words(complaint).unwrap_or(message))
            .or_else(|| is_about_conference(message).then_some(message))
            .map(super::shortened)
            .filter(|_| !entries.iter().any(|entry| !entry.conference && entry.is_telling()));
        Some(Self { entries, others, message: super::shortened(message), about_conference })
    }

    /// Whether it names no reason at all.
    pub(super) fn is_without_reason(&self) -> bool {
        self.entries.iter().all(|entry| entry.reason.is_empty()) && self.others.is_empty()
    }

    /// The reason to show, and the words: those of the entry that says most, and of the others that say
    /// something besides. What is about the conference says least, as the event can do without one.
    pub(super) fn told(&self) -> (&str, String) {
        let mut ranked: Vec<&Entry> = self.entries.iter().collect();
        ranked.sort_by_key(|entry| (entry.conference, !entry.is_telling()));
        let Some(first) = ranked.first() else {
            return (self.others.first().map_or("", String::as_str), self.message.clone());
        };
        let reason = Some(first.reason.as_str()).filter(|reason| !reason.is_empty());
        let reason = reason.or(self.others.first().map(String::as_str)).unwrap_or_default();
        let mut words: Vec<&str> = Vec::new();
        for entry in ranked.iter().filter(|entry| entry.conference == first.conference) {
            if !entry.message.is_empty() && !words.contains(&entry.message.as_str()) {
                words.push(&entry.message);
            }
        }
        match words.is_empty() {
            true => (reason, self.message.clone()),
            false => (reason, super::shortened(&words.join(" "))),
        }
    }
}

impl Entry {
    fn read(item: &Value) -> Self {
        let text = |name: &str| item.get(name).and_then(Value::as_str).map(super::shortened);
        Self {
            reason: text("reason").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
            conference: names_conference(item),
        }
    }

    /// The words of the whole in place of its own, where there are any.
    fn in_words(self, whole: &str) -> Self {
        match whole.is_empty() {
            true => self,
            false => Self { message: super::shortened(whole), ..self },
        }
    }

    /// Whether it says what is wrong.
    fn is_telling(&self) -> bool {
        let bland_words = BLAND_WORDS.contains(&self.message.to_ascii_lowercase().as_str());
        let bland_reason = self.reason.is_empty() || BLAND.contains(&self.reason.as_str());
        !(bland_words && (bland_reason || self.reason == "invalid"))
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
