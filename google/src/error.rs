//! What Google's refusals mean: pure functions from a whole answer to the port's words.

pub(crate) mod calendar;
mod layout;
mod retry_after;
pub(crate) mod token;

use std::time::SystemTime;

/// The wall clock, for answers that name a time of day and not the server's own.
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Google's words, at a length that fits a record.
fn shortened(text: &str) -> String {
    text.chars().take(500).collect()
}
