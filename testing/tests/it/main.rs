//! The test doubles pass the suites that the real adapters pass.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute, and their helpers have none")]

mod calendar;
mod fake;
mod token_endpoint;
