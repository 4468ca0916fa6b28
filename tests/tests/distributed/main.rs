//! Many processes on real servers: RabbitMQ, Redis, PostgreSQL.

mod servers;
