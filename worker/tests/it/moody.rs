//! A store, a queue and a vault that fail when told.

mod queue;
mod store;
mod vault;

pub use queue::MoodyQueue;
pub use store::MoodyStore;
pub use vault::MoodyVault;
