//! Many processes on real servers: RabbitMQ, Redis, PostgreSQL.
