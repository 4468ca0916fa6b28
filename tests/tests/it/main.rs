//! The real program, from outside.

mod accounts;
mod blocked;
mod browser;
mod cancel;
mod chaos;
mod credentials;
mod drain;
mod first_curl;
mod handover;
mod idempotency;
mod jobs;
mod mail;
mod operators;
mod outage;
mod pacing;
mod readme;
mod real_events;
mod refusals;
mod secrets;
