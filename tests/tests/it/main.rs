//! The real program, from outside.

mod chaos;
mod drain;
mod first_curl;
mod idempotency;
mod pacing;
