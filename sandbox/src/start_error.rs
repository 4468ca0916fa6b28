//! Why a sandbox did not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("the sandbox cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The state file cannot be opened, read or written.
    #[error("the sandbox's state file {path}: {source}", path = path.display())]
    StateFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of the state file is not ours.
    #[error("the sandbox's state file {path}, line {number}: {source}", path = path.display())]
    StateLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        number: usize,
        /// What was wrong with it.
        source: serde_json::Error,
    },
    /// Another process has it.
    #[error("the sandbox's state file {path} is in use by another process", path = .0.display())]
    StateInUse(PathBuf),
    /// A user that is no address.
    #[error("a sandbox needs at least one user, and each must be an e-mail address")]
    Users,
}
