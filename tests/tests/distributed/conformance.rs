//! The adapters on servers pass the suites of their ports.

mod queue;
mod store;
mod throttle;
mod tokens;
mod vault;
