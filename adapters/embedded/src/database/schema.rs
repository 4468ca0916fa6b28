//! Opens connections, and brings the file's tables up to date.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::DatabaseError;

/// One step of the schema each; `user_version` counts those taken. Only ever appended to.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/sqlite/1.sql")];

/// What only makes questions cheaper, and no build minds: no step of the schema, so that the build before still
/// opens the file.
const INDEXES: &str = "CREATE INDEX IF NOT EXISTS docs_by_version ON docs (shelf, version)";

/// Who brings the tables up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Migrate {
    /// This process: it holds the worker's lock.
    Here,
    /// Not this one: an outdated file is an error.
    Elsewhere,
}

/// Waits this long for another process's transaction.
const BUSY: Duration = Duration::from_secs(10);
/// The log is written into the file when it is this long: pages that change often are then written
/// once for many changes.
const LOG: i64 = 16 << 20;
/// SQLite's page.
const PAGE: i64 = 4 << 10;
/// The writer's cache: enough for the indexes of some hundred thousand jobs.
const CACHE: i64 = 64 << 20;
/// Statements kept prepared.
const PREPARED: usize = 64;

pub(super) fn open_writer(file: &Path, migrate: Migrate) -> Result<Connection, DatabaseError> {
    if migrate == Migrate::Elsewhere && !file.exists() {
        return Err(DatabaseError::Outdated);
    }
    make_file(file).map_err(|error| DatabaseError::NotDone(error.to_string()))?;
    let mut connection = connect(file)?;
    if migrate == Migrate::Here {
        // Takes effect in an empty file only.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", LOG)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG / PAGE)?;
    connection.pragma_update(None, "cache_size", -CACHE / 1024)?;
    up_to_date(&mut connection, migrate, &MIGRATIONS)?;
    if migrate == Migrate::Here {
        connection.execute_batch(INDEXES)?;
    }
    Ok(connection)
}

pub(super) fn open_reader(file: &Path) -> Result<Connection, DatabaseError> {
    let connection = connect(file)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(file: &Path) -> Result<Connection, DatabaseError> {
    // Each connection is used by one thread at a time, so SQLite need not lock for us.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}

/// Makes the file for this user alone; SQLite gives its log the mode of the file.
fn make_file(file: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(made) => made.sync_all()?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    // A file is durable only once its folder is.
    #[cfg(unix)]
    if let Some(folder) = file.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn up_to_date(connection: &mut Connection, migrate: Migrate, steps: &[&str]) -> Result<(), DatabaseError> {
    let known = i64::try_from(steps.len()).expect("there are few steps");
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(DatabaseError::Newer { found, known });
    }
    if found < known && migrate == Migrate::Elsewhere {
        return Err(DatabaseError::Outdated);
    }
    for (number, step) in (1..=known).zip(steps).filter(|(number, _)| *number > found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"];
        up_to_date(&mut connection, Migrate::Here, &steps).unwrap_err();
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, 1);
        connection.prepare("SELECT x FROM b").unwrap_err();
        up_to_date(&mut connection, Migrate::Here, &["", "CREATE TABLE b (x)"]).unwrap();
        connection.prepare("SELECT x FROM b").unwrap();
    }

    #[test]
    fn a_newer_builds_file_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 9).unwrap();
        let refused = up_to_date(&mut connection, Migrate::Here, &MIGRATIONS);
        assert_eq!(refused, Err(DatabaseError::Newer { found: 9, known: 1 }));
    }

    #[test]
    fn nobody_but_the_worker_brings_a_file_up_to_date() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.db");
        let refused = open_writer(&file, Migrate::Elsewhere).err();
        assert_eq!(refused, Some(DatabaseError::Outdated));
        open_writer(&file, Migrate::Here).unwrap();
        open_writer(&file, Migrate::Elsewhere).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_file_and_its_log_are_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.db");
        let _open = open_writer(&file, Migrate::Here).unwrap();
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 3, "the file, its log and the log's index");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        }
    }
}
