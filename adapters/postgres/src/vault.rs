//! The port `Vault` on a table.
//!
//! Statements are unnamed, so that a pooler in front of the server may give each of them another
//! connection, and each is one round trip.

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Client, Pool, PoolError};
use serde_json::Value;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use super::connection::{pool, why};
use super::schema::{prepare, refused};
use common::port::{Changes, Doc, Shelf, Vault, VaultError, VaultOpenError, Version};

/// A query that takes longer than this is given up, its connection with it.
const ANSWER: Duration = Duration::from_secs(5);

/// The vault on PostgreSQL 12 or later.
pub struct PostgresVault {
    pool: Pool,
}

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl PostgresVault {
    /// Connects to `postgres://user:password@host/database?sslmode=require`, and makes the table if it
    /// is not there.
    ///
    /// # Errors
    /// [`VaultOpenError`]; nothing that is there is ever changed.
    pub async fn open(url: &str) -> Result<Self, VaultOpenError> {
        let vault = Self { pool: pool(url)? };
        let client = vault.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => refused(error),
            error @ (PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_)) => VaultOpenError::Unreachable(error.to_string()),
        })?;
        match timeout(ANSWER, prepare(&client)).await {
            Ok(Ok(())) => Ok(vault),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(VaultOpenError::Unreachable(no_answer())),
        }
    }

    async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, VaultError> {
        let client = self.pool.get().await.map_err(|error| VaultError::Unusable(pool_trouble(&error)))?;
        let Ok(answer) = timeout(ANSWER, client.query_typed(sql, parameters)).await else {
            // Whatever holds it up would hold up the next query as well.
            drop(Client::take(client));
            return Err(VaultError::Unusable(no_answer()));
        };
        answer.map_err(|error| VaultError::Unusable(why(&error)))
    }
}

fn no_answer() -> String {
    format!("no answer within {} s", ANSWER.as_secs())
}

fn pool_trouble(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) => why(error),
        PoolError::Timeout(_)
        | PoolError::Closed
        | PoolError::NoRuntimeSpecified
        | PoolError::PostCreateHook(_) => error.to_string(),
    }
}

#[async_trait]
impl Vault for PostgresVault {
    async fn get(&self, shelf: Shelf, name: &str) -> Result<Option<Doc>, VaultError> {
        let sql = "SELECT version, value FROM calrelay_docs WHERE shelf = $1 AND name = $2";
        let parameters: [Parameter<'_>; 2] = [(&shelf.as_str(), Type::TEXT), (&name, Type::TEXT)];
        let rows = self.query(sql, &parameters).await?;
        rows.first().map(doc_of).transpose()
    }

    async fn put(
        &self,
        shelf: Shelf,
        name: &str,
        value: &Value,
        seen: Option<Version>,
    ) -> Result<Version, VaultError> {
        let (shelf, value) = (shelf.as_str(), value.to_string());
        let mut parameters: Vec<Parameter<'_>> =
            vec![(&shelf, Type::TEXT), (&name, Type::TEXT), (&value, Type::TEXT)];
        let seen = seen.map(|Version(seen)| seen.cast_signed());
        let sql = match &seen {
            None => {
                "INSERT INTO calrelay_docs (shelf, name, version, value) \
                 VALUES ($1, $2, nextval('calrelay_doc_versions'), $3) \
                 ON CONFLICT DO NOTHING RETURNING version"
            }
            Some(seen) => {
                parameters.push((seen, Type::INT8));
                "UPDATE calrelay_docs SET version = nextval('calrelay_doc_versions'), value = $3 \
                 WHERE shelf = $1 AND name = $2 AND version = $4 RETURNING version"
            }
        };
        let rows = self.query(sql, &parameters).await?;
        let row = rows.first().ok_or(VaultError::Changed)?;
        version_of(row, 0)
    }

    async fn remove(&self, shelf: Shelf, name: &str) -> Result<(), VaultError> {
        let sql = "DELETE FROM calrelay_docs WHERE shelf = $1 AND name = $2";
        let parameters: [Parameter<'_>; 2] = [(&shelf.as_str(), Type::TEXT), (&name, Type::TEXT)];
        self.query(sql, &parameters).await?;
        Ok(())
    }

    async fn list(&self, shelf: Shelf) -> Result<Vec<(String, Doc)>, VaultError> {
        let sql =
            "SELECT version, value, name FROM calrelay_docs WHERE shelf = $1 ORDER BY name COLLATE \"C\"";
        let rows = self.query(sql, &[(&shelf.as_str(), Type::TEXT)]).await?;
        rows.iter().map(|row| Ok((row.try_get(2).map_err(unreadable)?, doc_of(row)?))).collect()
    }

    async fn changes(&self, shelf: Shelf, since: Version, most: u32) -> Result<Changes, VaultError> {
        // One statement: the count is of the instant of the page, and is there when the page is empty.
        let sql = "SELECT page.version, page.value, page.name, shelf.total \
                   FROM (SELECT count(*) AS total FROM calrelay_docs WHERE shelf = $1) shelf \
                   LEFT JOIN LATERAL (SELECT version, value, name FROM calrelay_docs \
                       WHERE shelf = $1 AND version > $2 ORDER BY version LIMIT $3) page ON true \
                   ORDER BY page.version";
        let (since, most) = (since.0.cast_signed(), i64::from(most));
        let parameters: [Parameter<'_>; 3] =
            [(&shelf.as_str(), Type::TEXT), (&since, Type::INT8), (&most, Type::INT8)];
        let rows = self.query(sql, &parameters).await?;
        let mut docs = Vec::with_capacity(rows.len());
        let mut total: i64 = 0;
        for row in &rows {
            total = row.try_get(3).map_err(unreadable)?;
            let name: Option<String> = row.try_get(2).map_err(unreadable)?;
            if let Some(name) = name {
                docs.push((name, doc_of(row)?));
            }
        }
        Ok(Changes { more: docs.len() as i64 >= most, docs, total: total.cast_unsigned() })
    }
}

fn version_of(row: &Row, column: usize) -> Result<Version, VaultError> {
    let version: i64 = row.try_get(column).map_err(unreadable)?;
    Ok(Version(version.cast_unsigned()))
}

fn doc_of(row: &Row) -> Result<Doc, VaultError> {
    let value: &str = row.try_get(1).map_err(unreadable)?;
    let value = serde_json::from_str(value).map_err(|error| VaultError::Unreadable(error.to_string()))?;
    Ok(Doc { value, version: version_of(row, 0)? })
}

fn unreadable(error: Error) -> VaultError {
    VaultError::Unreadable(why(&error))
}
