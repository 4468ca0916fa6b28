//! The embedded adapters pass the suites of their ports, and keep their own promises.

mod bench;
mod folder;
mod killed;
mod queue;
mod store;
mod throttle;
mod tokens;
mod vault;
