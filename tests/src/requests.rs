//! What the sandbox was asked, and how often in a minute.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// One request that the sandbox has answered, or left without an answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// Google's method: `events.insert`.
    pub method: String,
    /// Whose calendar.
    pub user: Option<String>,
    /// Which event.
    pub event_id: Option<String>,
    /// When it came in.
    pub start: Timestamp,
    /// When it was answered.
    pub end: Timestamp,
    /// With what; `None` when the answer was lost.
    pub status: Option<u16>,
}

impl Request {
    pub(crate) fn read(entry: &Value) -> Self {
        let text = |name: &str| entry[name].as_str().map(str::to_owned);
        let instant = |name: &str| text(name).and_then(|text| text.parse().ok()).expect("an instant");
        Self {
            method: text("method").expect("a method"),
            user: text("user"),
            event_id: text("eventId"),
            start: instant("start"),
            end: instant("end"),
            status: entry["status"].as_u64().and_then(|status| u16::try_from(status).ok()),
        }
    }
}

/// How many of `starts` (oldest first) fall into each sliding minute that begins with one, as far as that minute lies
/// within them; and the most in any.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn sliding_minutes(starts: &[Timestamp]) -> (Vec<usize>, usize) {
    let minute = SignedDuration::from_secs(60);
    let last = *starts.last().expect("there were requests");
    let (mut whole, mut most, mut end) = (Vec::new(), 0, 0);
    for (first, start) in starts.iter().enumerate() {
        while end < starts.len() && starts[end].duration_since(*start) < minute {
            end += 1;
        }
        most = most.max(end - first);
        if last.duration_since(*start) >= minute {
            whole.push(end - first);
        }
    }
    (whole, most)
}
