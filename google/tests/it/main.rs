//! The adapters against a server that answers, stalls and breaks as told, and against the sandbox.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute, and their helpers have none")]

mod calendar;
mod catalogue;
mod conformance;
mod oauth;
mod server;
mod setting;
mod token_rows;
mod transport;
