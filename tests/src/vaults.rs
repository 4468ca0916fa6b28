//! Vaults on servers, opened as the program opens them.

use std::sync::Arc;

use adapter_postgres::PostgresVault;
use adapter_redis::{Redis, RedisVault};
use common::port::{Vault, VaultOpenError};

/// Opens the vault that a `postgres://` or `redis://` URL names, apart from `records`.
///
/// # Errors
/// [`VaultOpenError`].
pub async fn open_vault(url: &str, records: Option<&Redis>) -> Result<Arc<dyn Vault>, VaultOpenError> {
    if url.starts_with("postgres") {
        return Ok(Arc::new(PostgresVault::open(url).await?));
    }
    let vault = RedisVault::open(url).await?;
    if let Some(records) = records {
        vault.check_apart(records).await?;
    }
    Ok(Arc::new(vault))
}
