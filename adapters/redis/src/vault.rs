//! The port `Vault` on a Redis of its own, which has to keep what it confirms.
//!
//! A shelf is one hash, a document one field of it: its version, a space, its JSON. Of the shelves that are
//! followed a sorted set has the names by version.
//!
//! A build that knows nothing of the sorted sets may write beside this one. `INDEXED` tells: it is the last version
//! up to which they are complete. Where it is not the last version of all, whoever asks for changes makes them anew.

mod server;

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, IntoConnectionInfo as _, RedisError, Script, ServerErrorKind,
    cmd, pipe,
};
use deadpool_redis::{Connection, Manager, Pool, PoolError, Runtime};
use serde_json::Value;
use tracing::warn;

use super::Redis;
use common::port::{Changes, Doc, Shelf, Vault, VaultError, VaultOpenError, Version, pause};

/// The vault is asked seldom: processes keep what they read in memory.
const CONNECTIONS: usize = 4;
/// Making a connection, TLS and authentication included, may take so long.
const CONNECT: Duration = Duration::from_secs(3);
/// An answer may take so long; each waits for the disk.
const ANSWER: Duration = Duration::from_secs(5);
/// The server of the records is asked so often which one it is, at a start without it.
const LOOKS: u32 = 7;
const PAUSE: Duration = Duration::from_millis(500);

const VERSIONS: &str = "calrelay:vault:versions";
const INDEXED: &str = "calrelay:vault:indexed";
/// The shelves that are followed, and have a sorted set.
const FOLLOWED: [Shelf; 2] = [Shelf::Accounts, Shelf::Notices];

/// Writes under a version that was never used before, if the document's version is the one that was
/// seen ("" when there is none). Redis runs a script as one step.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local there = redis.call('HGET', KEYS[1], ARGV[1])
        local version = ''
        if there then version = string.match(there, '^%d+') end
        if version ~= ARGV[3] then return false end
        local number = redis.call('INCR', KEYS[2])
        local next = string.format('%.0f', number)
        redis.call('HSET', KEYS[1], ARGV[1], next .. ' ' .. ARGV[2])
        if redis.call('GET', KEYS[3]) == string.format('%.0f', number - 1) then
            redis.call('SET', KEYS[3], next)
        end
        if KEYS[4] then redis.call('ZADD', KEYS[4], next, ARGV[1]) end
        return next
        ",
    )
});

/// The next names by version with what they name, after how many there are in all and how many names were met.
/// KEYS: the versions, up to which one the sorted sets are complete, the shelf, its sorted set, and each shelf that
/// is followed with its sorted set. ARGV: the version seen last, how many at most.
static CHANGES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local last = redis.call('GET', KEYS[1])
        if last and redis.call('GET', KEYS[2]) ~= last then
            for i = 5, #KEYS, 2 do
                redis.call('DEL', KEYS[i + 1])
                local kept = redis.call('HGETALL', KEYS[i])
                for j = 1, #kept, 2 do
                    redis.call('ZADD', KEYS[i + 1], string.match(kept[j + 1], '^%d+') or 0, kept[j])
                end
            end
            redis.call('SET', KEYS[2], last)
        end
        local names = redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])
        local answer = { tostring(redis.call('HLEN', KEYS[3])), tostring(#names) }
        if #names > 0 then
            for i, kept in ipairs(redis.call('HMGET', KEYS[3], unpack(names))) do
                if kept then
                    answer[#answer + 1] = names[i]
                    answer[#answer + 1] = kept
                else
                    redis.call('ZREM', KEYS[4], names[i])
                end
            end
        end
        return answer
        ",
    )
});
/// Names that one script reads, at most: Lua takes no more than some thousand arguments.
const PAGE: u32 = 1_000;

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

    /// Refuses this vault where it is on the server that keeps the records, whatever name and database that goes by:
    /// everything there may be lost at any time.
    ///
    /// # Errors
    /// [`VaultOpenError::SameServer`], or why the vault did not answer.
    pub async fn check_apart(&self, records: &Redis) -> Result<(), VaultOpenError> {
        let Some(here) = self.run_id().await? else {
            return Ok(());
        };
        let mut looks = 1;
        loop {
            match records.run_id().await {
                Ok(there) if there == here => return Err(VaultOpenError::SameServer),
                Ok(_) => return Ok(()),
                // It may only be slow to take a second connection.
                Err(_) if looks < LOOKS => {
                    looks += 1;
                    pause(PAUSE).await;
                }
                // The vault has answered all the while: a server that does not is another one.
                Err(error) => {
                    warn!(error = %error, "It was not seen whether VAULT_URL and REDIS_URL name two servers: {error}");
                    return Ok(());
                }
            }
        }
    }

    /// What names this run of the server, or `None` when it does not say.
    async fn run_id(&self) -> Result<Option<String>, VaultOpenError> {
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

/// The names of a shelf's documents by version.
fn by_version(shelf: Shelf) -> String {
    format!("calrelay:vault:{}:by-version", shelf.as_str())
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
        replace.key(VERSIONS).key(INDEXED).arg(name).arg(value.to_string()).arg(seen);
        if FOLLOWED.contains(&shelf) {
            replace.key(by_version(shelf));
        }
        let mut connection = self.connection().await?;
        let written: Option<u64> =
            replace.invoke_async(&mut connection).await.map_err(|error| unusable(&error))?;
        written.map(Version).ok_or(VaultError::Changed)
    }

    async fn remove(&self, shelf: Shelf, name: &str) -> Result<(), VaultError> {
        let mut connection = self.connection().await?;
        let mut remove = pipe();
        remove.atomic().cmd("HDEL").arg(key(shelf)).arg(name).ignore();
        if FOLLOWED.contains(&shelf) {
            remove.cmd("ZREM").arg(by_version(shelf)).arg(name).ignore();
        }
        remove.query_async(&mut connection).await.map_err(|error| unusable(&error))
    }

    async fn list(&self, shelf: Shelf) -> Result<Vec<(String, Doc)>, VaultError> {
        let kept: HashMap<String, String> = self.ask(cmd("HGETALL").arg(key(shelf))).await?;
        let docs = kept.into_iter().map(|(name, kept)| Ok((name, doc_of(&kept)?)));
        let mut docs: Vec<(String, Doc)> = docs.collect::<Result<_, VaultError>>()?;
        docs.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(docs)
    }

    async fn changes(&self, shelf: Shelf, Version(since): Version, most: u32) -> Result<Changes, VaultError> {
        if !FOLLOWED.contains(&shelf) {
            let all = self.list(shelf).await?;
            return Ok(changes_of(all, since, most));
        }
        let most = most.min(PAGE);
        let mut changes = CHANGES.key(VERSIONS);
        changes.key(INDEXED).key(key(shelf)).key(by_version(shelf));
        for followed in FOLLOWED {
            changes.key(key(followed)).key(by_version(followed));
        }
        changes.arg(since).arg(most);
        let mut connection = self.connection().await?;
        let answer: Vec<String> =
            changes.invoke_async(&mut connection).await.map_err(|error| unusable(&error))?;
        let mut answer = answer.into_iter();
        let mut number = || answer.next()?.parse::<u64>().ok();
        let (Some(total), Some(met)) = (number(), number()) else {
            return Err(unreadable("the answer about changes is no list"));
        };
        let mut docs = Vec::new();
        while let (Some(name), Some(kept)) = (answer.next(), answer.next()) {
            docs.push((name, doc_of(&kept)?));
        }
        Ok(Changes { docs, more: met >= u64::from(most), total })
    }
}

/// A page of a shelf that was read whole.
fn changes_of(all: Vec<(String, Doc)>, since: u64, most: u32) -> Changes {
    let total = all.len() as u64;
    let mut docs: Vec<_> = all.into_iter().filter(|(_, doc)| doc.version.0 > since).collect();
    docs.sort_by_key(|(_, doc)| doc.version);
    let more = docs.len() > most as usize;
    docs.truncate(most as usize);
    Changes { docs, more, total }
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
