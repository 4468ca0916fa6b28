//! What all of calrelay shares: the domain and the ports. It knows no server and no HTTP.
//!
//! The domain is in [`job`], [`account`], [`event`] and [`message`]; the ports are the traits in [`port`]. The adapters
//! behind the ports are crates of their own, in `adapters/`, but for those that need nothing but [`memory`].

pub mod account;
pub mod backoff;
pub mod cancellation;
pub mod deadline;
pub mod due;
pub mod event;
pub mod field;
pub mod fingerprint;
#[cfg(any(test, feature = "sample"))]
pub mod golden;
pub mod grant;
pub mod jitter;
pub mod job;
#[cfg(any(test, feature = "sample"))]
pub mod manual_clock;
pub mod memory;
pub mod message;
pub mod metrics;
pub mod owner;
pub mod pace;
pub mod payload;
pub mod port;
pub mod quotas;
pub mod random;
pub mod refused_client;
#[cfg(any(test, feature = "sample"))]
pub mod sample;
pub mod seal;
pub mod swept;
pub mod time;
pub mod trace;
pub mod warning;
pub mod watchers;
