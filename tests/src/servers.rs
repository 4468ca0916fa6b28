//! Real servers from Debian's packages: each in a folder of its own, on free ports, seen by nobody else.
//!
//! They end with the test process, however that ends.

mod cluster;
mod daemon;
mod foreign;
mod postgres;
mod prometheus;
mod proxy;
mod rabbitmq;
mod redis;
mod sentinel;
mod vhost;

pub use cluster::Cluster;
pub use foreign::ForeignServer;
pub use postgres::{PostgresServer, shared_postgres};
pub use prometheus::PrometheusServer;
pub use proxy::Proxy;
pub use rabbitmq::{RabbitServer, shared_rabbit};
pub use redis::{Durability, RedisServer};
pub use sentinel::SentinelServer;
pub use vhost::Vhost;
