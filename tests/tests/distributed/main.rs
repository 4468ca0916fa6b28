//! Many processes on real servers: RabbitMQ, Redis, PostgreSQL.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod accounts;
mod alerts;
mod before;
mod cancelled;
mod certificate;
mod chaos;
mod check;
mod cluster;
mod conformance;
mod cut;
mod deaths;
mod drain;
mod erased;
mod fairness;
mod hanging_vault;
mod installation;
mod keys;
mod links;
mod lost_writes;
mod many_accounts;
mod metrics;
mod mixed;
mod notices;
mod operators;
mod outputs;
mod quota;
mod rabbitmq;
mod rates;
#[expect(dead_code, reason = "the other suite uses more of it")]
#[path = "../it/receiver.rs"]
mod receiver;
mod reconnecting;
mod redis;
mod redis_away;
mod refused_writes;
mod refusing;
mod secrets;
mod servers;
mod slow_account;
mod started_away;
mod throttle;
mod tokens;
mod traces;
mod turns;
mod vaults;
mod waits;
