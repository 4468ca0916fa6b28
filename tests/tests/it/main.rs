//! The real program, from outside.

mod accounts;
mod blocked;
mod browser;
mod cancel;
mod chaos;
mod check;
mod credentials;
mod drain;
mod encrypted;
mod first_curl;
mod grants;
mod handover;
mod idempotency;
mod jobs;
mod mail;
mod muted;
mod metrics;
mod operators;
mod outage;
mod pacing;
mod readme;
mod real_events;
mod receiver;
mod refusals;
mod secrets;
mod traces;
