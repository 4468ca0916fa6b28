//! Where the broker is, and a connection to it.

use std::time::Duration;

use lapin::ConnectionProperties;
use lapin::uri::AMQPUri;
use tokio::time::timeout;
use url::Url;

use super::trouble;
use super::wire::Wire;

/// A connection stands after this or not at all.
const CONNECT: Duration = Duration::from_secs(10);

/// Seconds between heartbeats where the address does not say; a silent peer is given up after twice that.
const HEARTBEAT: u16 = 10;

/// The address is not that of a broker. Says nothing of the address itself: it holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; expected amqp://user:password@host:5672/vhost or amqps://…")]
pub struct InvalidUrl(&'static str);

/// A broker's address.
#[derive(Clone)]
pub(super) struct Address(AMQPUri);

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let url = Url::parse(text).map_err(|_| InvalidUrl("not a URL"))?;
        if !matches!(url.scheme(), "amqp" | "amqps") {
            return Err(InvalidUrl("neither amqp:// nor amqps://"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidUrl("no host in it"))?;
        let mut uri: AMQPUri =
            text.parse().map_err(|_| InvalidUrl("its parameters or its encoding cannot be read"))?;
        // lapin takes an IPv6 address for a missing host, and then connects to this machine.
        uri.authority.host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        // A closing slash is no name: the broker's own default is meant.
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(Self(uri))
    }

    /// As lapin has it.
    pub(super) fn uri(&self) -> &AMQPUri {
        &self.0
    }

    /// A new connection, named for whoever looks at the broker's list. The error is a sentence.
    pub(super) async fn connect(&self, purpose: &str) -> Result<Wire, String> {
        let properties =
            ConnectionProperties::default().with_connection_name(format!("calrelay {purpose}").into());
        match timeout(CONNECT, Wire::connect(self.0.clone(), properties)).await {
            Ok(Ok(wire)) => Ok(wire),
            Ok(Err(error)) => Err(trouble::connecting(&error)),
            Err(_) => Err(format!("RabbitMQ did not answer within {} s", CONNECT.as_secs())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> AMQPUri {
        Address::parse(text).unwrap().0
    }

    #[test]
    fn what_an_address_leaves_out_has_a_default() {
        let uri = parsed("amqp://rabbit.example");
        assert_eq!((uri.authority.host.as_str(), uri.authority.port), ("rabbit.example", 5672));
        assert_eq!((uri.vhost.as_str(), uri.query.heartbeat), ("/", Some(HEARTBEAT)));
        assert_eq!(parsed("amqps://rabbit.example/").vhost, "/");
        assert_eq!(parsed("amqps://rabbit.example").authority.port, 5671);
    }

    #[test]
    fn what_an_address_says_is_kept() {
        let uri = parsed("amqp://me:p%40ss@10.0.0.7:99/jobs%2Feast?heartbeat=30");
        assert_eq!((uri.authority.host.as_str(), uri.authority.port), ("10.0.0.7", 99));
        assert_eq!((uri.vhost.as_str(), uri.query.heartbeat), ("jobs/east", Some(30)));
        assert_eq!(uri.authority.userinfo.password, "p@ss");
    }

    #[test]
    fn an_ipv6_address_is_not_taken_for_this_machine() {
        assert_eq!(parsed("amqp://[2001:db8::7]:5672/x").authority.host, "2001:db8::7");
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for wrong in ["", "secret", "http://secret/", "amqp://", "amqp:secret", "amqp://h/?heartbeat=secret"]
        {
            let refused = Address::parse(wrong).err().unwrap().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
