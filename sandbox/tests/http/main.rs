//! The sandbox over real HTTP, as Google's clients see it.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests may panic as tests may"
)]

mod authorization;
mod clients;
mod conditions;
mod controls;
mod drops;
mod errors;
mod harness;
mod hosts;
mod interop;
mod journal;
mod kinds;
mod lifetimes;
mod lists;
mod meet;
mod oauth;
mod outbox;
mod pages;

mod quota;
mod resource;
mod service_account;
mod sharing;
mod strictness;
mod tokens;
mod tombstones;
mod validation;
