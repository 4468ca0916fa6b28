//! The TCP connection under a request, so that a fault can cut it without a single byte of reply.
//!
//! actix has no "say nothing and hang up", so every accepted connection keeps a second handle to its socket
//! (`on_connect`), and a dropped call shuts that socket down in both directions. What actix writes afterwards goes
//! nowhere; the client sees the end of the stream, or a reset, where it expected a status line.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;

/// A second handle to one connection's socket.
#[derive(Clone)]
pub(crate) struct Wire(Arc<TcpStream>);

impl Wire {
    /// For `HttpServer::on_connect`.
    pub(crate) fn remember(connection: &dyn Any, extensions: &mut Extensions) {
        let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() else {
            return;
        };
        if let Ok(socket) = duplicate(stream) {
            extensions.insert(Self(Arc::new(socket)));
        }
    }

    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.conn_data::<Self>().cloned()
    }

    pub(crate) fn cut(&self) {
        // An error means that the client was quicker to hang up.
        drop(self.0.shutdown(Shutdown::Both));
    }
}

#[cfg(unix)]
fn duplicate(stream: &actix_web::rt::net::TcpStream) -> std::io::Result<TcpStream> {
    use std::os::fd::AsFd;
    stream.as_fd().try_clone_to_owned().map(TcpStream::from)
}

#[cfg(windows)]
fn duplicate(stream: &actix_web::rt::net::TcpStream) -> std::io::Result<TcpStream> {
    use std::os::windows::io::AsSocket;
    stream.as_socket().try_clone_to_owned().map(TcpStream::from)
}
