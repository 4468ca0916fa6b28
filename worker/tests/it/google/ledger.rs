//! Which calls were made, and which of them at the same time.

use common::job::JobId;
use jiff::Timestamp;

use super::Method;

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    pub user: String,
    pub id: JobId,
    pub at: Timestamp,
    /// The event's guests, for an insert.
    pub guests: usize,
    /// Another call was under way at the same time.
    pub overlapped: bool,
}

#[derive(Default)]
pub struct Ledger {
    calls: Vec<Call>,
    open: Vec<usize>,
}

impl Ledger {
    /// Notes a call that begins; answers its number.
    pub fn begin(&mut self, mut call: Call) -> usize {
        for other in &self.open {
            self.calls[*other].overlapped = true;
            call.overlapped = true;
        }
        let number = self.calls.len();
        self.calls.push(call);
        self.open.push(number);
        number
    }

    pub fn end(&mut self, number: usize) {
        self.open.retain(|open| *open != number);
    }

    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub fn in_progress(&self) -> usize {
        self.open.len()
    }
}
