//! The vault's table, and whether its server keeps what it has confirmed.

use deadpool_postgres::Client;
use tokio_postgres::Error;
use tracing::warn;

use super::connection::{is_refusal, why};
use common::port::VaultOpenError;

/// Values are text, not `jsonb`, which would change large numbers; names are in byte order everywhere.
/// The lock is for processes that start together: `IF NOT EXISTS` alone lets one of them fail.
const CREATE: &str = r#"
    BEGIN;
    SELECT pg_advisory_xact_lock(hashtext('calrelay_docs'));
    CREATE TABLE IF NOT EXISTS calrelay_docs (
        shelf text NOT NULL,
        name text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        value text NOT NULL,
        PRIMARY KEY (shelf, name)
    );
    CREATE SEQUENCE IF NOT EXISTS calrelay_doc_versions;
    COMMIT;
"#;

/// What makes `Vault::changes` cheap. The vault works without it.
const INDEX: &str = r#"
    BEGIN;
    SELECT pg_advisory_xact_lock(hashtext('calrelay_docs'));
    CREATE INDEX IF NOT EXISTS calrelay_docs_by_version ON calrelay_docs (shelf, version);
    COMMIT;
"#;

/// Makes sure that the table is there, and that a write is on disk when it is confirmed.
///
/// # Errors
/// [`VaultOpenError`].
pub(super) async fn prepare(client: &Client) -> Result<(), VaultOpenError> {
    if !is_there(client).await.map_err(refused)? {
        client.batch_execute(CREATE).await.map_err(|error| {
            // Also ends the transaction that failed; the connection is not used again in any case.
            let why = why(&error);
            let hint = "run `calrelay setup` once with a user who may create tables in the database";
            if is_refusal(&error) {
                VaultOpenError::Refused(format!("its table cannot be made: {why}; {hint}"))
            } else {
                VaultOpenError::Unreachable(why)
            }
        })?;
    }
    index(client).await?;
    keeps_what_it_confirms(client).await
}

/// A user who may read and write the table need not be the one who may change it.
async fn index(client: &Client) -> Result<(), VaultOpenError> {
    let there = "SELECT to_regclass('calrelay_docs_by_version') IS NOT NULL";
    if client.query_typed_one(there, &[]).await.map_err(refused)?.get(0) {
        return Ok(());
    }
    let Err(error) = client.batch_execute(INDEX).await else {
        return Ok(());
    };
    if !is_refusal(&error) {
        return Err(refused(error));
    }
    client.batch_execute("ROLLBACK").await.map_err(refused)?;
    warn!(
        "the vault's table lacks an index, so that each look at its changes reads all of it; run `calrelay setup` \
         once with the user that the table belongs to: {}",
        why(&error)
    );
    Ok(())
}

async fn is_there(client: &Client) -> Result<bool, Error> {
    let both = "SELECT to_regclass('calrelay_docs') IS NOT NULL \
                AND to_regclass('calrelay_doc_versions') IS NOT NULL";
    Ok(client.query_typed_one(both, &[]).await?.get(0))
}

/// With `synchronous_commit` or `fsync` off, PostgreSQL confirms what a crash takes back
/// (its manual, "Asynchronous Commit" and "fsync").
async fn keeps_what_it_confirms(client: &Client) -> Result<(), VaultOpenError> {
    for setting in ["synchronous_commit", "fsync"] {
        let shown = client.query_typed_one(&format!("SHOW {setting}"), &[]).await.map_err(refused)?;
        if shown.get::<_, &str>(0) == "off" {
            return Err(VaultOpenError::NotDurable(format!("set `{setting} = on` on its PostgreSQL server")));
        }
    }
    Ok(())
}

pub(super) fn refused(error: Error) -> VaultOpenError {
    let why = why(&error);
    if is_refusal(&error) { VaultOpenError::Refused(why) } else { VaultOpenError::Unreachable(why) }
}
