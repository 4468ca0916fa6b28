//! What the vault keeps of accounts and callers: Google accounts that users have connected, API keys, one-time codes,
//! the installation's own secrets, and a backup of it all.
//!
//! Everything here is documents on shelves of the [`Vault`](common::port::Vault), sealed where it is secret, and read
//! through memories that serve what they have while the vault hangs.

mod accounts;
pub mod backup;
pub mod keys;
pub mod mirror;
pub mod nonces;
mod remembered;
pub mod secrets;

pub use accounts::{AccountError, Accounts, AtGoogle, Connection, Standing};
pub use remembered::FRESH;
