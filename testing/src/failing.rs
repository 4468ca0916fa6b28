//! Ports over a real adapter that fail on demand: [`FailingQueue`], [`FailingStore`] and [`FailingVault`].
//!
//! The words are the same for all three. `go_…` and `refuse…` last until `recover`; `next` is about one call. Where a test
//! asks how often a port was called, calls that failed count too.

mod queue;
mod store;
mod vault;

pub use queue::{FailingQueue, Publishing};
pub use store::FailingStore;
pub use vault::FailingVault;

/// What an error says that a test has asked for.
const AS_TOLD: &str = "as told";
