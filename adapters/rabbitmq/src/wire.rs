//! A connection that is gone when it is dropped.
//!
//! lapin keeps a thread for each connection until the socket ends. One that is dropped while the peer
//! is silent, or still shaking hands, waits for it without end: every attempt to reach a broker that
//! hangs would leave a thread behind. So we keep a handle to the socket.

use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
#[cfg(unix)]
use std::os::fd::AsFd as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::port::pause;
use lapin::tcp::{AMQPUriTcpExt as _, TLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties, runtime};
use tokio::runtime::Handle;

/// A dropped connection may say goodbye for so long: what was acknowledged just before gets through.
const GOODBYE: Duration = Duration::from_secs(2);

/// A connection. When it is dropped it ends, whether the broker hears of it or not.
pub(super) struct Wire {
    connection: Connection,
    _cord: Cord,
}

impl Wire {
    /// As [`Connection::connect_uri`]. Whoever gives up waiting for it cuts it too.
    pub(super) async fn connect(uri: AMQPUri, properties: ConnectionProperties) -> lapin::Result<Self> {
        let cord = Cord::default();
        let handle = cord.0.clone();
        let connecting = Connection::connector(
            uri,
            runtime::default_runtime()?,
            async move |uri, runtime| {
                let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri.clone() };
                let stream = plain.connect_async(&runtime).await?;
                #[cfg(unix)]
                if let lapin::AsyncTcpStream::Plain(socket) = &stream {
                    // It is connected once only.
                    let _ = handle.set(socket.get_ref().as_fd().try_clone_to_owned()?.into());
                }
                Ok(match uri.scheme {
                    AMQPScheme::AMQP => stream,
                    AMQPScheme::AMQPS => stream.into_tls(&uri.authority.host, TLSConfig::default()).await?,
                })
            },
            properties,
        );
        Ok(Self { connection: connecting.await?, _cord: cord })
    }
}

impl Deref for Wire {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// A handle to the socket of a connection, once there is one. Cuts it soon after it is dropped.
#[derive(Default)]
struct Cord(Arc<OnceLock<TcpStream>>);

impl Drop for Cord {
    fn drop(&mut self) {
        let cord = self.0.clone();
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                pause(GOODBYE).await;
                cut(&cord);
            })),
            Err(_) => cut(&cord),
        }
    }
}

fn cut(cord: &OnceLock<TcpStream>) {
    if let Some(socket) = cord.get() {
        // It may have ended by itself.
        let _ = socket.shutdown(Shutdown::Both);
    }
}
