//! The real program, from outside.

mod cancel;
mod chaos;
mod drain;
mod first_curl;
mod idempotency;
mod outage;
mod pacing;
