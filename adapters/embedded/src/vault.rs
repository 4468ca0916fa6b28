//! The port `Vault` on a table.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;

use super::database::{Database, DatabaseError};
use common::port::{Changes, Doc, Shelf, Vault, VaultError, Version};

/// The embedded vault.
pub struct SqliteVault {
    database: Arc<Database>,
}

impl SqliteVault {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Vault for SqliteVault {
    async fn get(&self, shelf: Shelf, name: &str) -> Result<Option<Doc>, VaultError> {
        let name = name.to_owned();
        let read = move |db: &Connection| {
            let mut select =
                db.prepare_cached("SELECT version, value FROM docs WHERE shelf = ?1 AND name = ?2")?;
            let row = params![shelf.as_str(), name];
            let doc = select.query_row(row, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            doc.map(|(version, value): (i64, String)| doc_of(version, &value)).transpose()
        };
        Ok(self.database.read(read).await?)
    }

    async fn put(
        &self,
        shelf: Shelf,
        name: &str,
        value: &Value,
        seen: Option<Version>,
    ) -> Result<Version, VaultError> {
        let (name, value) = (name.to_owned(), value.to_string());
        let write = move |db: &Connection| replace(db, shelf, &name, &value, seen);
        self.database.write(write).await?.ok_or(VaultError::Changed)
    }

    async fn remove(&self, shelf: Shelf, name: &str) -> Result<(), VaultError> {
        let name = name.to_owned();
        let write = move |db: &Connection| {
            db.prepare_cached("DELETE FROM docs WHERE shelf = ?1 AND name = ?2")?
                .execute(params![shelf.as_str(), name])?;
            Ok(())
        };
        Ok(self.database.write(write).await?)
    }

    async fn list(&self, shelf: Shelf) -> Result<Vec<(String, Doc)>, VaultError> {
        let read = move |db: &Connection| {
            let mut select =
                db.prepare_cached("SELECT name, version, value FROM docs WHERE shelf = ?1 ORDER BY name")?;
            let rows =
                select.query_map([shelf.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.map(|row| {
                let (name, version, value): (String, i64, String) = row?;
                Ok((name, doc_of(version, &value)?))
            })
            .collect()
        };
        Ok(self.database.read(read).await?)
    }

    async fn changes(&self, shelf: Shelf, since: Version, most: u32) -> Result<Changes, VaultError> {
        Ok(self.database.read(move |db| changes(db, shelf, since, most)).await?)
    }
}

fn changes(
    db: &Connection,
    shelf: Shelf,
    Version(since): Version,
    most: u32,
) -> Result<Changes, DatabaseError> {
    // One transaction: the count is of the instant of the page.
    let db = db.unchecked_transaction()?;
    let mut select = db.prepare_cached(
        "SELECT name, version, value FROM docs WHERE shelf = ?1 AND version > ?2 ORDER BY version LIMIT ?3",
    )?;
    let rows = select.query_map(params![shelf.as_str(), since.cast_signed(), most], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let docs: Vec<(String, Doc)> = rows
        .map(|row| {
            let (name, version, value): (String, i64, String) = row?;
            Ok((name, doc_of(version, &value)?))
        })
        .collect::<Result<_, DatabaseError>>()?;
    let mut count = db.prepare_cached("SELECT count(*) FROM docs WHERE shelf = ?1")?;
    let total: i64 = count.query_row([shelf.as_str()], |row| row.get(0))?;
    Ok(Changes { more: docs.len() >= most as usize, docs, total: total.cast_unsigned() })
}

/// Writes under a version that was never used before; `None` when `seen` is not what is there.
fn replace(
    db: &Connection,
    shelf: Shelf,
    name: &str,
    value: &str,
    seen: Option<Version>,
) -> Result<Option<Version>, DatabaseError> {
    let mut next = db.prepare_cached("UPDATE doc_versions SET last = last + 1 RETURNING last")?;
    let next: i64 = next.query_row([], |row| row.get(0))?;
    let written = match seen {
        None => db
            .prepare_cached(
                "INSERT OR IGNORE INTO docs (shelf, name, version, value) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![shelf.as_str(), name, next, value])?,
        Some(Version(seen)) => db
            .prepare_cached(
                "UPDATE docs SET version = ?3, value = ?4 WHERE shelf = ?1 AND name = ?2 AND version = ?5",
            )?
            .execute(params![shelf.as_str(), name, next, value, seen.cast_signed()])?,
    };
    Ok((written > 0).then_some(Version(next.cast_unsigned())))
}

fn doc_of(version: i64, value: &str) -> Result<Doc, DatabaseError> {
    Ok(Doc { value: serde_json::from_str(value)?, version: Version(version.cast_unsigned()) })
}

impl From<DatabaseError> for VaultError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unreadable(what) => Self::Unreadable(what),
            DatabaseError::NotDone(_)
            | DatabaseError::Uncertain(_)
            | DatabaseError::Newer { .. }
            | DatabaseError::Outdated => Self::Unusable(error.to_string()),
        }
    }
}
