//! Which vault `VAULT_URL` names, and whether it may be one.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::port::Vault;
use crate::postgres::PostgresVault;
use crate::redis::{Redis, RedisVault};

/// So often `REDIS_URL` is asked which server it is, at a start without it.
const LOOKS: u32 = 7;
const PAUSE: Duration = Duration::from_millis(500);

/// Opens the vault that `url` names: `redis://`, `rediss://` or `postgres://`. It has to answer.
///
/// `redis` is what keeps the records: everything there may be lost at any time, so that a vault on the same
/// server is refused, whatever name and database it goes by.
///
/// # Errors
/// [`VaultOpenError`]; nothing that is there is ever changed.
pub async fn open_vault(url: &str, redis: Option<&Redis>) -> Result<Arc<dyn Vault>, VaultOpenError> {
    match url.split_once("://").map(|(scheme, _)| scheme) {
        Some("postgres" | "postgresql") => Ok(Arc::new(PostgresVault::open(url).await?)),
        Some("redis" | "rediss") => {
            let vault = RedisVault::open(url).await?;
            if let Some(redis) = redis {
                check_apart(&vault, redis).await?;
            }
            Ok(Arc::new(vault))
        }
        _ => Err(VaultOpenError::InvalidUrl(
            "it has to look like redis://host:6379, rediss://host:6379 or postgres://user@host/database"
                .to_owned(),
        )),
    }
}

async fn check_apart(vault: &RedisVault, redis: &Redis) -> Result<(), VaultOpenError> {
    let Some(here) = vault.run_id().await? else {
        return Ok(());
    };
    let mut looks = 1;
    loop {
        match redis.run_id().await {
            Ok(there) if there == here => return Err(VaultOpenError::SameServer),
            Ok(_) => return Ok(()),
            // It may only be slow to take a second connection.
            Err(_) if looks < LOOKS => {
                looks += 1;
                tokio::time::sleep(PAUSE).await;
            }
            // The vault has answered all the while: a server that does not is another one.
            Err(error) => {
                warn!(error = %error, "It was not seen whether VAULT_URL and REDIS_URL name two servers: {error}");
                return Ok(());
            }
        }
    }
}

/// Why there is no vault; each sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultOpenError {
    /// The URL itself.
    #[error("VAULT_URL cannot be used: {0}")]
    InvalidUrl(String),
    /// It did not answer: it may later.
    #[error("the vault cannot be reached: {0}")]
    Unreachable(String),
    /// It answered, and refused.
    #[error("the vault refuses: {0}")]
    Refused(String),
    /// It would confirm what it can still lose.
    #[error("the vault would lose what it has confirmed: {0}")]
    NotDurable(String),
    /// It is where everything may be lost at any time.
    #[error(
        "VAULT_URL names the server that REDIS_URL names (another database of it is the same server): the \
         vault must survive that server being emptied; give it a Redis of its own, or PostgreSQL"
    )]
    SameServer,
}

impl VaultOpenError {
    /// Whether trying again after a while may help, with nobody changing anything.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::InvalidUrl(_) | Self::Refused(_) | Self::NotDurable(_) | Self::SameServer => false,
        }
    }
}
