//! Which vault `VAULT_URL` names.

use std::sync::Arc;

use adapter_postgres::PostgresVault;
use adapter_redis::{Redis, RedisVault};
use common::port::{Vault, VaultOpenError};

/// Opens the vault that `url` names: `redis://`, `rediss://` or `postgres://`. It has to answer, and to be another server
/// than `records`, where the records are.
///
/// # Errors
/// [`VaultOpenError`]; nothing that is there is ever changed.
pub async fn open_vault(url: &str, records: Option<&Redis>) -> Result<Arc<dyn Vault>, VaultOpenError> {
    match url.split_once("://").map(|(scheme, _)| scheme) {
        Some("postgres" | "postgresql") => Ok(Arc::new(PostgresVault::open(url).await?)),
        Some("redis" | "rediss") => {
            let vault = RedisVault::open(url).await?;
            if let Some(records) = records {
                vault.check_apart(records).await?;
            }
            Ok(Arc::new(vault))
        }
        _ => Err(VaultOpenError::InvalidUrl(
            "it has to look like redis://host:6379, rediss://host:6379 or postgres://user@host/database"
                .to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_of_another_kind_is_refused_and_not_repeated() {
        for url in ["", "hush", "mysql://u:hush@h/d", "redis+sentinel://u:hush@h/m"] {
            let error = match open_vault(url, None).await {
                Ok(_) => panic!("{url} was taken for a vault"),
                Err(error) => error,
            };
            assert!(matches!(error, VaultOpenError::InvalidUrl(_)), "{url}: {error}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
