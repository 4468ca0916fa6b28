//! The ingress over real HTTP: on the embedded adapters, with faults put in where they are needed.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accepting;
mod accounts;
mod bad_inputs;
mod cancelled;
mod cancelling;
mod client;
mod connecting;
mod connections;
mod consents;
mod doors;
mod encoding;
mod jar;
mod links;
mod logs;
mod losing;
mod older;
mod operators;
mod rates;
mod reading;
mod repeating;
mod rig;
mod sessions;
mod turns;
mod without_store;
