//! Which calls were made, and which of them at the same time.

use common::job::JobId;
use jiff::Timestamp;

/// A method of the port `Calendar`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are the port's")]
pub enum Method {
    Insert,
    Get,
    Delete,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// What was called.
    pub method: Method,
    /// The user whose access token came with it; empty where the token was not taken.
    pub user: String,
    /// The event's id.
    pub id: JobId,
    /// When it came.
    pub at: Timestamp,
    /// The event's guests, for an insert.
    pub guests: usize,
    /// Another call was under way at the same time.
    pub overlapped: bool,
}

#[derive(Default)]
pub(super) struct Ledger {
    calls: Vec<Call>,
    open: Vec<usize>,
}

impl Ledger {
    /// Notes a call that begins; answers its number.
    pub(super) fn begin(&mut self, mut call: Call) -> usize {
        for other in &self.open {
            self.calls[*other].overlapped = true;
            call.overlapped = true;
        }
        let number = self.calls.len();
        self.calls.push(call);
        self.open.push(number);
        number
    }

    pub(super) fn end(&mut self, number: usize) {
        self.open.retain(|open| *open != number);
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(super) fn in_progress(&self) -> usize {
        self.open.len()
    }
}
