//! calrelay's worker: takes a job from the queue, calls Google, records what came of it.
//!
//! One delivery is one `attempt`: `plan` decides what is to be done, `gateway` does the
//! talking, `retry` decides what a failure means. `plan` and `retry` are pure functions.

mod attempt;
mod attempt_error;
mod breaker;
mod calls;
mod complaint;
mod gateway;
mod grant;
mod guests;
mod hold;
mod housekeeping;
mod lost;
mod metrics;
mod plan;
mod ports;
mod quota;
mod records;
mod refused;
mod request;
mod retry;
mod sealing;
mod settings;
mod slots;
mod suspects;
mod token;
mod worker;

pub use metrics::describe as describe_metrics;
pub use ports::Ports;
pub use settings::Settings;
pub use worker::{Stop, Worker};
