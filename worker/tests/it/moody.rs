//! A store and a queue that fail when told.

mod queue;
mod store;

pub use queue::MoodyQueue;
pub use store::MoodyStore;
