//! The vault on PostgreSQL.
