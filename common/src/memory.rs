//! The ports that need nothing but the memory of one process: its throttle and its access tokens.
//!
//! `calrelay run` uses them as they are. An adapter that shares a limit or a token between processes keeps one of each
//! for the time in which its server is away.

mod throttle;
mod tokens;

pub use throttle::{MemoryThrottle, Placed};
pub use tokens::MemoryTokens;
