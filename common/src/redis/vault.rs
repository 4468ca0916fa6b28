//! The port `Vault` on a Redis of its own, which has to keep what it confirms.
//!
//! A shelf is one hash, a document one field of it: its version, a space, its JSON.

mod server;

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, IntoConnectionInfo as _, RedisError, Script, ServerErrorKind,
    cmd,
};
use deadpool_redis::{Connection, Manager, Pool, PoolError, Runtime};
use serde_json::Value;

use crate::port::{Doc, Shelf, Vault, VaultError, Version};
use crate::vault::VaultOpenError;

/// The vault is asked seldom: processes keep what they read in memory.
const CONNECTIONS: usize = 4;
/// Making a connection, TLS and authentication included, may take so long.
const CONNECT: Duration = Duration::from_secs(3);
/// An answer may take so long; each waits for the disk.
const ANSWER: Duration = Duration::from_secs(5);

const VERSIONS: &str = "calrelay:vault:versions";

/// Writes under a version that was never used before, if the document's version is the one that was
/// seen ("" when there is none). Redis runs a script as one step.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local there = redis.call('HGET', KEYS[1], ARGV[1])
        local version = ''
        if there then version = string.match(there, '^%d+') end
        if version ~= ARGV[3] then return false end
        local next = string.format('%.0f', redis.call('INCR', KEYS[2]))
        redis.call('HSET', KEYS[1], ARGV[1], next .. ' ' .. ARGV[2])
        return next
        ",
    )
});

/// The vault on a Redis (6.2 or later) with `appendonly yes` and `appendfsync always`.
pub struct RedisVault {
    pool: Pool,
}

impl RedisVault {
    /// Connects to `redis://…` or `rediss://…`, and checks that it is a server that keeps what it
    /// confirms.
    ///
    /// # Errors
    /// [`VaultOpenError`].
    pub async fn open(url: &str) -> Result<Self, VaultOpenError> {
        let vault = Self { pool: pool(url)? };
        let mut connection = vault.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => refused(&error),
            error @ (PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_)) => VaultOpenError::Unreachable(error.to_string()),
        })?;
        server::check(&mut connection).await?;
        Ok(vault)
    }

    /// What names this run of the server, or `None` when it does not say.
    pub(crate) async fn run_id(&self) -> Result<Option<String>, VaultOpenError> {
        let unreachable = |error: VaultError| VaultOpenError::Unreachable(error.to_string());
        let mut connection = self.connection().await.map_err(unreachable)?;
        Ok(server::info(&mut connection).await?.and_then(|info| server::run_id(&info).map(str::to_owned)))
    }

    async fn connection(&self) -> Result<Connection, VaultError> {
        self.pool.get().await.map_err(|error| VaultError::Unusable(error.to_string()))
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, VaultError> {
        let mut connection = self.connection().await?;
        command.query_async(&mut connection).await.map_err(|error| unusable(&error))
    }
}

fn pool(url: &str) -> Result<Pool, VaultOpenError> {
    // The error quotes nothing of the URL.
    let invalid = |error: RedisError| VaultOpenError::InvalidUrl(error.to_string());
    let info = url.into_connection_info().map_err(invalid)?;
    let timeouts =
        AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
    Pool::builder(Manager::new_with_config(info, timeouts).map_err(invalid)?)
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CONNECT))
        .create_timeout(Some(CONNECT))
        .recycle_timeout(Some(Duration::from_secs(1)))
        .build()
        .map_err(|error| VaultOpenError::InvalidUrl(error.to_string()))
}

fn unusable(error: &RedisError) -> VaultError {
    VaultError::Unusable(error.to_string())
}

/// Sorts what a server says at the start: what time may cure, and what it may not.
fn refused(error: &RedisError) -> VaultOpenError {
    let for_good = error.kind() == ServerErrorKind::NoPerm.into()
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
        || error.kind() == deadpool_redis::redis::ErrorKind::AuthenticationFailed;
    if for_good {
        VaultOpenError::Refused(error.to_string())
    } else {
        VaultOpenError::Unreachable(error.to_string())
    }
}

fn key(shelf: Shelf) -> String {
    format!("calrelay:vault:{}", shelf.as_str())
}

#[async_trait]
impl Vault for RedisVault {
    async fn get(&self, shelf: Shelf, name: &str) -> Result<Option<Doc>, VaultError> {
        let kept: Option<String> = self.ask(cmd("HGET").arg(key(shelf)).arg(name)).await?;
        kept.as_deref().map(doc_of).transpose()
    }

    async fn put(
        &self,
        shelf: Shelf,
        name: &str,
        value: &Value,
        seen: Option<Version>,
    ) -> Result<Version, VaultError> {
        let seen = seen.map_or_else(String::new, |Version(seen)| seen.to_string());
        let mut replace = REPLACE.key(key(shelf));
        replace.key(VERSIONS).arg(name).arg(value.to_string()).arg(seen);
        let mut connection = self.connection().await?;
        let written: Option<u64> =
            replace.invoke_async(&mut connection).await.map_err(|error| unusable(&error))?;
        written.map(Version).ok_or(VaultError::Changed)
    }

    async fn remove(&self, shelf: Shelf, name: &str) -> Result<(), VaultError> {
        self.ask(cmd("HDEL").arg(key(shelf)).arg(name)).await
    }

    async fn list(&self, shelf: Shelf) -> Result<Vec<(String, Doc)>, VaultError> {
        let kept: HashMap<String, String> = self.ask(cmd("HGETALL").arg(key(shelf))).await?;
        let docs = kept.into_iter().map(|(name, kept)| Ok((name, doc_of(&kept)?)));
        let mut docs: Vec<(String, Doc)> = docs.collect::<Result<_, VaultError>>()?;
        docs.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(docs)
    }
}

fn doc_of(kept: &str) -> Result<Doc, VaultError> {
    let (version, value) = kept.split_once(' ').ok_or_else(|| unreadable("a document has no version"))?;
    let version = version.parse().map_err(|_| unreadable("a document's version is no number"))?;
    let value = serde_json::from_str(value).map_err(|error| unreadable(&error.to_string()))?;
    Ok(Doc { value, version: Version(version) })
}

fn unreadable(what: &str) -> VaultError {
    VaultError::Unreadable(what.to_owned())
}
