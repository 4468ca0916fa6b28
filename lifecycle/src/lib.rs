//! What happens to a job outside an attempt: an operator cancels it or runs it again, a process wakes it.

mod line;
mod lost;
mod ports;
mod recall;
mod replay;
mod replay_error;
mod resume;
mod revive;

pub use line::join;
pub use lost::revive as revive_lost;
pub use ports::Ports;
pub use recall::{RecallError, Recalled, forget, recall};
pub use replay::{Replayed, replay};
pub use replay_error::ReplayError;
pub use resume::{Resumed, resume, wake_all};
pub use revive::revive;
