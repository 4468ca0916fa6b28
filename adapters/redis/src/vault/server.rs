//! Whether a Redis server may be a vault.

use std::collections::HashMap;

use deadpool_redis::Connection;
use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind, cmd};
use tracing::warn;

use super::refused;
use common::port::VaultOpenError;

/// # Errors
/// [`VaultOpenError`] unless it is a primary that writes to disk before it confirms. Where `INFO` or
/// `CONFIG` are forbidden that cannot be seen: a warning, for the operator to know it.
pub(super) async fn check(connection: &mut Connection) -> Result<(), VaultOpenError> {
    match info(connection).await? {
        Some(info) => takes_writes(&info)?,
        None => {
            warn!("the vault's Redis forbids INFO: it cannot be seen whether REDIS_URL names the same server")
        }
    }
    match settings(connection).await? {
        Some(settings) => keeps_what_it_confirms(&settings)?,
        None => warn!(
            "the vault's Redis forbids CONFIG: make sure that it has `appendonly yes` and `appendfsync always`"
        ),
    }
    Ok(())
}

/// What the server says of itself; `None` when it may not be asked.
pub(super) async fn info(connection: &mut Connection) -> Result<Option<String>, VaultOpenError> {
    allowed(cmd("INFO").query_async(connection).await)
}

/// What names this run of the server.
pub(super) fn run_id(info: &str) -> Option<&str> {
    field(info, "run_id")
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn takes_writes(info: &str) -> Result<(), VaultOpenError> {
    if field(info, "redis_mode") == Some("cluster") {
        return Err(VaultOpenError::Refused(
            "it is a Redis Cluster: give the vault a single server".to_owned(),
        ));
    }
    if field(info, "role") == Some("slave") {
        return Err(VaultOpenError::Refused("it is a replica: name its primary in VAULT_URL".to_owned()));
    }
    Ok(())
}

async fn settings(connection: &mut Connection) -> Result<Option<HashMap<String, String>>, VaultOpenError> {
    // One pattern each: several came with 7.0.
    let Some(mut settings) = config(connection, "*append*").await? else {
        return Ok(None);
    };
    settings.extend(config(connection, "maxmemory*").await?.unwrap_or_default());
    Ok(Some(settings))
}

async fn config(
    connection: &mut Connection,
    pattern: &str,
) -> Result<Option<HashMap<String, String>>, VaultOpenError> {
    allowed(cmd("CONFIG").arg("GET").arg(pattern).query_async(connection).await)
}

/// `None` for a command that is forbidden by ACL, or renamed as hosted servers do.
fn allowed<T>(answer: Result<T, RedisError>) -> Result<Option<T>, VaultOpenError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error)
            if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)
                || error.detail().is_some_and(|detail| detail.starts_with("unknown command")) =>
        {
            Ok(None)
        }
        Err(error) => Err(refused(&error)),
    }
}

/// Settings under which an answer means that the disk has it (redis.conf, "APPEND ONLY MODE"; with
/// `no-appendfsync-on-rewrite` a rewrite suspends even `appendfsync always`), and that it stays.
fn keeps_what_it_confirms(settings: &HashMap<String, String>) -> Result<(), VaultOpenError> {
    for (name, wanted) in
        [("appendonly", "yes"), ("appendfsync", "always"), ("no-appendfsync-on-rewrite", "no")]
    {
        if settings.get(name).is_some_and(|is| is != wanted) {
            return Err(VaultOpenError::NotDurable(format!(
                "set `appendonly yes` and `appendfsync always` in its redis.conf (`{name}` has to be `{wanted}`)"
            )));
        }
    }
    if settings.get("maxmemory-policy").is_some_and(|policy| policy.starts_with("allkeys-")) {
        return Err(VaultOpenError::NotDurable(
            "set `maxmemory-policy noeviction` in its redis.conf".to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(changed: &[(&str, &str)]) -> Result<(), VaultOpenError> {
        let good = [
            ("appendonly", "yes"),
            ("appendfsync", "always"),
            ("no-appendfsync-on-rewrite", "no"),
            ("maxmemory-policy", "noeviction"),
        ];
        let settings = good.iter().chain(changed).map(|(name, is)| ((*name).to_owned(), (*is).to_owned()));
        keeps_what_it_confirms(&settings.collect())
    }

    #[test]
    fn only_a_server_that_keeps_what_it_confirms_is_a_vault() {
        assert_eq!(checked(&[]), Ok(()));
        assert_eq!(checked(&[("maxmemory-policy", "volatile-lru")]), Ok(()), "documents have no expiry");
        for (name, is) in [
            ("appendonly", "no"),
            ("appendfsync", "everysec"),
            ("appendfsync", "no"),
            ("no-appendfsync-on-rewrite", "yes"),
            ("maxmemory-policy", "allkeys-lru"),
            ("maxmemory-policy", "allkeys-random"),
        ] {
            assert!(matches!(checked(&[(name, is)]), Err(VaultOpenError::NotDurable(_))), "{name} {is}");
        }
    }

    #[test]
    fn a_replica_and_a_cluster_are_refused() {
        let info = "# Server\r\nredis_mode:standalone\r\nrun_id:abc\r\n# Replication\r\nrole:master\r\n";
        assert_eq!(takes_writes(info), Ok(()));
        assert_eq!(run_id(info), Some("abc"));
        assert!(takes_writes(&info.replace("role:master", "role:slave")).is_err());
        assert!(takes_writes(&info.replace("standalone", "cluster")).is_err());
        assert_eq!(takes_writes(""), Ok(()), "what is not said is not held against it");
    }
}
