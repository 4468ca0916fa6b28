//! Many processes on real servers: RabbitMQ, Redis, PostgreSQL.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod conformance;
mod drain;
mod operators;
mod rabbitmq;
mod redis;
mod servers;
mod throttle;
mod tokens;
mod vaults;
