//! What calrelay's ingress and worker share: the domain, the ports, and the adapters behind the ports.
//!
//! The domain is in [`job`], [`account`], [`event`] and [`message`]; the ports are the traits in
//! [`port`]; [`embedded`] holds the adapters that need nothing but a folder, and [`rabbitmq`], [`redis`]
//! and [`postgres`] those that many processes share.

pub mod account;
pub mod backoff;
pub mod cancellation;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod deadline;
pub mod due;
pub mod event;
pub mod field;
pub mod fingerprint;
pub mod job;
pub mod memory;
pub mod message;
pub mod metrics;
pub mod owner;
pub mod pace;
pub mod payload;
pub mod port;
pub mod quotas;
pub mod refused_client;
pub mod seal;
pub mod swept;
pub mod time;
pub mod trace;
pub mod warning;
pub mod watchers;
