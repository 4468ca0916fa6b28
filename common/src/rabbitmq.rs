//! The queue on RabbitMQ: many ingresses, many workers.
