//! An installation as an earlier build has left it, and what has to become of it.
//!
//! The fixtures under `tests/fixtures/before-the-house` were filled by [`fill`]; their README says by which build.
//! Nothing in them depends on the year in which they are taken over: deadlines are a century away, and whatever lasts
//! for days counts from then ([`lasting`]).

mod fill;
mod outcome;
mod stored;

pub use fill::{Filled, Scene, fill};
pub use outcome::{Fixture, comes_to_its_end};
pub use stored::{Broker, QueuedMessage, fixture, lasting, moved, over, redis_commands, replay_redis};

/// Deadlines, and instants from which something lasts for days.
pub const CENTURY: &str = "2126-01-01T00:00:00Z";
/// So many days are records kept.
pub const RETENTION_DAYS: u32 = 36_500;
/// Nobody listens there while an installation is filled, so that every notice is under way.
pub const WEBHOOK: &str = "http://127.0.0.1:9/hook";
