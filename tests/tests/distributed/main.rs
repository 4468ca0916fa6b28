//! Many processes on real servers: RabbitMQ, Redis, PostgreSQL.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod accounts;
mod alerts;
mod cancelled;
mod certificate;
mod chaos;
mod check;
mod cluster;
mod conformance;
mod cut;
mod drain;
mod erased;
mod fairness;
mod installation;
mod keys;
mod links;
mod load;
mod many_accounts;
mod metrics;
mod notices;
mod operators;
mod outputs;
mod quota;
mod rabbitmq;
mod reconnecting;
mod redis;
mod redis_away;
mod refused_writes;
mod refusing;
mod secrets;
mod servers;
mod support;
mod throttle;
mod tokens;
mod traces;
mod vaults;
