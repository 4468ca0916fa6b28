//! Binding the addresses that an ingress listens on.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// Why an ingress does not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Anybody on the network could use it.
    #[error("without keys the server may listen on loopback addresses only, not on {0}")]
    OpenBeyondLoopback(SocketAddr),
    /// The system does not give us this address.
    #[error("cannot listen on {address}: {cause}")]
    Unavailable {
        /// Which.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
}

/// Binds `addresses`. Where the system chooses the first one's port, the others get the same.
pub(crate) fn listen(addresses: &[SocketAddr]) -> Result<Vec<(TcpListener, SocketAddr)>, BindError> {
    let mut listeners: Vec<(TcpListener, SocketAddr)> = Vec::new();
    for address in addresses {
        let mut address = *address;
        if address.port() == 0
            && let Some((_, first)) = listeners.first()
        {
            address.set_port(first.port());
        }
        let bound = TcpListener::bind(address).and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        listeners.push(bound.map_err(|cause| BindError::Unavailable { address, cause })?);
    }
    Ok(listeners)
}
