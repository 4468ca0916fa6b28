//! The adapters on servers pass the suites of their ports.

mod vault;
