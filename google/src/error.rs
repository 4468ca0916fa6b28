//! What Google's refusals mean: pure functions from a whole answer to the port's words.

pub(crate) mod calendar;
mod layout;
mod retry_after;
pub(crate) mod token;

use std::time::SystemTime;

use common::port::{Clock as _, SystemClock};

/// The wall clock, for answers that name a time of day and not the server's own.
pub(crate) fn now() -> SystemTime {
    SystemClock.now().into()
}

/// Google's words, at a length that fits a record.
fn shortened(text: &str) -> String {
    text.chars().take(500).collect()
}
