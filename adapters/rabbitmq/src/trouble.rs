//! What the broker's and lapin's errors mean, in sentences for people.

use lapin::{Error, ErrorKind};

/// The broker's reply codes that mean something to us (AMQP 0-9-1, section 1.2).
pub(super) const ACCESS_REFUSED: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
pub(super) const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// What to do when a part of the topology is missing.
pub(super) const RUN_SETUP: &str = "run `calrelay setup` to declare the queues";

/// What the broker replied, if it was the broker.
pub(super) fn code(error: &Error) -> Option<u16> {
    if let ErrorKind::ProtocolError(reply) = error.kind() { Some(reply.get_id()) } else { None }
}

/// What the broker said, or else what happened.
pub(super) fn words(error: &Error) -> String {
    let kind = error.kind();
    if let ErrorKind::ProtocolError(reply) = kind {
        reply.get_message().to_string()
    } else if let ErrorKind::IOError(io) = kind {
        io.to_string()
    } else {
        error.to_string()
    }
}

/// Why a connection could not be made.
pub(super) fn connecting(error: &Error) -> String {
    match code(error) {
        Some(ACCESS_REFUSED) => "RabbitMQ refuses the user or the password in AMQP_URL".to_owned(),
        Some(NOT_ALLOWED) => format!(
            "RabbitMQ does not let this user into the virtual host named in AMQP_URL ({})",
            words(error)
        ),
        _ if matches!(error.kind(), ErrorKind::ParsingError(_)) => {
            "what AMQP_URL leads to does not speak AMQP (a port for TLS wants amqps://)".to_owned()
        }
        _ => format!("no connection to RabbitMQ: {}", words(error)),
    }
}

/// Why something that used to work did not.
pub(super) fn using(error: &Error) -> String {
    match code(error) {
        Some(NOT_FOUND) => format!("RabbitMQ says {}: {RUN_SETUP}", words(error)),
        Some(ACCESS_REFUSED) => {
            format!("RabbitMQ says {}: give the user read and write rights on ^calrelay\\..*", words(error))
        }
        Some(_) => format!("RabbitMQ says {}", words(error)),
        None => format!("the connection to RabbitMQ was lost: {}", words(error)),
    }
}
