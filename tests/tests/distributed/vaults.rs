//! Which server may be a vault, and what a vault does when its server goes and comes.

use std::sync::Arc;
use std::time::Duration;

use adapter_redis::Redis;
use common::port::{Shelf, SystemClock, Vault, VaultError, VaultOpenError, Version};
use serde_json::json;
use tests::{Durability, PostgresServer, RedisServer, eventually, free_port, open_vault, shared_postgres};

async fn refusal(url: &str, redis: Option<&Redis>) -> VaultOpenError {
    match open_vault(url, redis).await {
        Ok(_) => panic!("{url} was taken for a vault"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_that_may_be_emptied_is_refused_as_vault_under_any_name() {
    let server = RedisServer::start(Durability::Always).await;
    let redis = Redis::start(&server.url(), Arc::new(SystemClock)).unwrap();
    for url in [server.url(), format!("{}/7", server.url()), server.url().replace("127.0.0.1", "localhost")] {
        assert_eq!(refusal(&url, Some(&redis)).await, VaultOpenError::SameServer, "{url}");
    }
    let other = RedisServer::start(Durability::Always).await;
    open_vault(&other.url(), Some(&redis)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_opens_while_the_other_redis_is_away() {
    let server = RedisServer::start(Durability::Always).await;
    let nobody = format!("redis://127.0.0.1:{}", free_port());
    let redis = Redis::start(&nobody, Arc::new(SystemClock)).unwrap();
    open_vault(&server.url(), Some(&redis)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_confirms_before_it_writes_is_refused() {
    for (durability, options) in [
        (Durability::Nothing, [].as_slice()),
        (Durability::EverySecond, &[]),
        (Durability::Always, &["--no-appendfsync-on-rewrite", "yes"]),
        (Durability::Always, &["--maxmemory-policy", "allkeys-lru"]),
    ] {
        let server = RedisServer::start_with(durability, options).await;
        let error = refusal(&server.url(), None).await;
        assert!(matches!(error, VaultOpenError::NotDurable(_)), "{durability:?} {options:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forbids_config_is_taken_on_trust() {
    let server = RedisServer::start(Durability::Always).await;
    let rules = ["ACL", "SETUSER", "vault", "on", ">hush", "~calrelay:*", "+@all", "-config", "-info"];
    server.command(&rules);
    let url = server.url().replace("//", "//vault:hush@");
    let vault = open_vault(&url, None).await.unwrap();
    vault.put(Shelf::Secrets, "x", &json!(1), None).await.unwrap();
    let error = refusal(&url.replace("hush", "wrong"), None).await;
    assert!(!error.is_temporary(), "{error}");
    assert!(!error.to_string().contains("wrong@"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_refused_as_vault() {
    let primary = RedisServer::start(Durability::Always).await;
    let of = format!("127.0.0.1 {}", primary.port());
    let replica = RedisServer::start_with(Durability::Always, &["--replicaof", &of]).await;
    let error = refusal(&replica.url(), None).await;
    assert!(matches!(error, VaultOpenError::Refused(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_confirms_before_it_writes_is_refused() {
    let postgres = shared_postgres().await;
    let url = postgres.database();
    let name = url.rsplit('/').next().unwrap();
    let _ = postgres.sql(&url, &format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    let error = refusal(&url, None).await;
    assert!(matches!(error, VaultOpenError::NotDurable(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_make_the_table_is_told_what_to_do() {
    let postgres = shared_postgres().await;
    let url = postgres.database();
    let _ = postgres.sql(&url, "CREATE ROLE clerk LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let clerk = url.replace("postgres@", "clerk@");
    let error = refusal(&clerk, None).await;
    assert!(error.to_string().contains("`calrelay setup`"), "{error}");
    assert!(!error.is_temporary());
    // Once somebody who may has made it, the clerk gets along with four rights.
    open_vault(&url, None).await.unwrap();
    let rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON calrelay_docs TO clerk; \
                  GRANT USAGE ON SEQUENCE calrelay_doc_versions TO clerk";
    let _ = postgres.sql(&url, rights);
    let vault = open_vault(&clerk, None).await.unwrap();
    let first = vault.put(Shelf::Secrets, "x", &json!(1), None).await.unwrap();
    vault.put(Shelf::Secrets, "x", &json!(2), Some(first)).await.unwrap();
    vault.remove(Shelf::Secrets, "x").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_index_an_older_table_gets_along_without() {
    let postgres = shared_postgres().await;
    let url = postgres.database();
    let vault = open_vault(&url, None).await.unwrap();
    vault.put(Shelf::Accounts, "x", &json!(1), None).await.unwrap();
    // As the build before has made it.
    let older = "DROP INDEX calrelay_docs_by_version; CREATE ROLE reader LOGIN; \
                 GRANT SELECT, INSERT, UPDATE, DELETE ON calrelay_docs TO reader; \
                 GRANT USAGE ON SEQUENCE calrelay_doc_versions TO reader";
    let _ = postgres.sql(&url, older);
    let vault = open_vault(&url.replace("postgres@", "reader@"), None).await.unwrap();
    let changes = vault.changes(Shelf::Accounts, Version(0), 10).await.unwrap();
    assert_eq!((changes.docs.len(), changes.total), (1, 1));
    vault.put(Shelf::Accounts, "y", &json!(1), None).await.unwrap();
    // Whoever may, makes it.
    open_vault(&url, None).await.unwrap();
    let indexed = "SELECT to_regclass('calrelay_docs_by_version') IS NOT NULL";
    assert_eq!(postgres.sql(&url, indexed), "t");
}

#[tokio::test(flavor = "multi_thread")]
async fn ninety_processes_fit_into_the_connections_that_postgres_has_unless_told() {
    const PROCESSES: usize = 90;
    let postgres = PostgresServer::start().await;
    let url = postgres.url();
    assert_eq!(postgres.sql(&url, "SHOW max_connections"), "100");
    let mut vaults = Vec::new();
    for _ in 0..PROCESSES {
        vaults.push(open_vault(&url, None).await.unwrap());
    }
    // Each asks for many things at once.
    let questions = vaults.iter().flat_map(|vault| {
        (0..8).map(move |number| async move {
            vault.get(Shelf::Accounts, &format!("a{number}")).await.unwrap();
        })
    });
    futures_util::future::join_all(questions).await;
    let counting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'calrelay'";
    assert_eq!(postgres.sql(&url, counting), PROCESSES.to_string(), "one each");
}

/// What the build that knew no sorted sets did to write a document.
const FORMER_PUT: &str = "local next = string.format('%.0f', redis.call('INCR', KEYS[2])) \
                          redis.call('HSET', KEYS[1], ARGV[1], next .. ' ' .. ARGV[2]) return next";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_build_before_writes_into_a_redis_vault_is_among_the_changes() {
    let server = RedisServer::start(Durability::Always).await;
    let (hash, versions) = ("calrelay:vault:accounts", "calrelay:vault:versions");
    let former = |name: &str, value: &str| -> Version {
        Version(server.command(&["EVAL", FORMER_PUT, "2", hash, versions, name, value]).parse().unwrap())
    };
    former("old", "1");
    let vault = open_vault(&server.url(), None).await.unwrap();
    let changed = async |since| {
        let changes = vault.changes(Shelf::Accounts, since, 10).await.unwrap();
        let docs = changes.docs.into_iter().map(|(name, doc)| format!("{name}={}", doc.value));
        (docs.collect::<Vec<_>>().join(" "), changes.total)
    };
    assert_eq!(changed(Version(0)).await, ("old=1".to_owned(), 1), "from before this build");
    let new = vault.put(Shelf::Accounts, "new", &json!(2), None).await.unwrap();
    assert_eq!(changed(Version(0)).await, ("old=1 new=2".to_owned(), 2));
    former("old", "3");
    vault.put(Shelf::Accounts, "newer", &json!(4), None).await.unwrap();
    assert_eq!(changed(new).await, ("old=3 newer=4".to_owned(), 3), "replaced beside this build");
    let last = former("new", "5");
    assert_eq!(changed(new).await, ("old=3 newer=4 new=5".to_owned(), 3));
    server.command(&["HDEL", hash, "old"]);
    assert_eq!(changed(Version(0)).await, ("newer=4 new=5".to_owned(), 2), "removed beside this build");
    assert_eq!(changed(last).await, (String::new(), 2));
    // Nothing is made anew once this build is alone.
    server.command(&["CONFIG", "RESETSTAT"]);
    vault.put(Shelf::Accounts, "newer", &json!(6), vault_version(&vault, "newer").await).await.unwrap();
    assert_eq!(changed(last).await, ("newer=6".to_owned(), 2));
    assert!(!server.command(&["INFO", "commandstats"]).contains("cmdstat_hgetall"));
}

async fn vault_version(vault: &Arc<dyn Vault>, name: &str) -> Option<Version> {
    vault.get(Shelf::Accounts, name).await.unwrap().map(|doc| doc.version)
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_all_find_their_table() {
    let url = shared_postgres().await.database();
    let opening: Vec<_> = (0..8).map(|_| tokio::spawn(opened(url.clone()))).collect();
    for opened in opening {
        opened.await.unwrap();
    }
}

async fn opened(url: String) {
    open_vault(&url, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_url_is_repeated_when_it_is_wrong() {
    for url in ["redis://u:hush@h:port", "postgres://u:hush@h/d?sslmode=prefer"] {
        let error = refusal(url, None).await;
        assert!(matches!(error, VaultOpenError::InvalidUrl(_)), "{url}: {error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_may_answer_later() {
    for scheme in ["redis://", "postgres://u@"] {
        let error = refusal(&format!("{scheme}127.0.0.1:{}/0", free_port()), None).await;
        assert!(error.is_temporary(), "{error}");
    }
}

/// Reads once there is an answer.
async fn read(vault: &Arc<dyn Vault>) -> serde_json::Value {
    let answer = || async { vault.get(Shelf::Secrets, "x").await.ok() };
    eventually("the vault", Duration::from_secs(20), answer).await.expect("what was confirmed").value
}

/// Writes, kills and starts the server, again and again: all that was confirmed is there, and the vault is used again.
async fn survives(url: &str, kill: impl Fn(), start_again: impl AsyncFn()) {
    let vault = open_vault(url, None).await.unwrap();
    let mut last = vault.put(Shelf::Secrets, "x", &json!(0), None).await.unwrap();
    for round in 1..=3 {
        for number in 0..20 {
            last = vault.put(Shelf::Secrets, "x", &json!([round, number]), Some(last)).await.unwrap();
        }
        kill();
        let away = vault.get(Shelf::Secrets, "x").await;
        assert!(matches!(away, Err(VaultError::Unusable(_))), "{away:?}");
        start_again().await;
        assert_eq!(read(&vault).await, json!([round, 19]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_vault_that_died_is_used_again_with_all_that_it_confirmed() {
    let server = RedisServer::start(Durability::Always).await;
    survives(&server.url(), || server.kill(), async || server.start_again().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_vault_that_died_is_used_again_with_all_that_it_confirmed() {
    let server = PostgresServer::start().await;
    survives(&server.url(), || server.kill(), async || server.start_again().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_gave_is_never_given_again_after_a_crash() {
    let server = PostgresServer::start().await;
    let vault = open_vault(&server.url(), None).await.unwrap();
    let before = vault.put(Shelf::Secrets, "x", &json!(1), None).await.unwrap();
    vault.remove(Shelf::Secrets, "x").await.unwrap();
    server.kill();
    server.start_again().await;
    let vault = open_vault(&server.url(), None).await.unwrap();
    let after = vault.put(Shelf::Secrets, "x", &json!(1), None).await.unwrap();
    assert!(after > before, "{after:?} {before:?}");
}
