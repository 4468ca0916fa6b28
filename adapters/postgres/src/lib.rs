//! The vault on PostgreSQL.

mod connection;
mod schema;
mod vault;

pub use vault::PostgresVault;
