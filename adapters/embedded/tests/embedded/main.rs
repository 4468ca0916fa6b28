//! The embedded adapters pass the suites of their ports, and keep their own promises.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "these are tests")]

mod bench;
mod folder;
mod killed;
mod queue;
mod store;
mod throttle;
mod tokens;
mod vault;
