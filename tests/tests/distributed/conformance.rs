//! The adapters on servers pass the suites of their ports.

mod store;
mod vault;
