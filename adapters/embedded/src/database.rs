//! One SQLite file: one writer that commits in groups, and a few readers.

mod readers;
mod schema;
mod writer;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

pub(super) use schema::Migrate;

use super::lock::WorkerLock;
use readers::Readers;
use writer::{Order, Unit};

/// Reads that run at once.
const READERS: usize = 4;
/// Bytes of the largest job: a body is at most 64 KiB, and stands in the queue and in the record.
const LARGEST_JOB: i64 = 128 << 10;

/// An open database. What is written is on disk when the call returns.
pub struct Database {
    orders: mpsc::UnboundedSender<Order>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    /// Whether a commit failed, as on a full disk, since it was last known that a job fits.
    failed: Arc<AtomicBool>,
}

/// Why the database did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// Nothing was changed.
    #[error("the database did not do it: {0}")]
    NotDone(String),
    /// The disk failed while committing: it may be there after a restart.
    #[error("the database may not have kept it: {0}")]
    Uncertain(String),
    /// What is stored cannot be understood.
    #[error("the database holds something unreadable: {0}")]
    Unreadable(String),
    /// It was made by a newer build than this one.
    #[error("the database has schema {found}, this build knows {known}: use the newer build")]
    Newer {
        /// The schema's number.
        found: i64,
        /// The newest this build knows.
        known: i64,
    },
    /// It is new, or an older build's, and the worker has to bring it up to date first.
    #[error("the database has not been set up by this build yet")]
    Outdated,
}

impl DatabaseError {
    pub(super) fn closed() -> Self {
        Self::NotDone("it is closed".to_owned())
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::NotDone(error.to_string())
    }
}

impl From<serde_json::Error> for DatabaseError {
    fn from(error: serde_json::Error) -> Self {
        // Category and position only: the text could repeat what was stored.
        Self::Unreadable(format!("{:?} at column {}", error.classify(), error.column()))
    }
}

impl Database {
    /// Opens the file, or makes it for this user alone. Holds `lock` for as long as it can write.
    pub(super) fn open(
        file: &Path,
        migrate: Migrate,
        lock: Option<WorkerLock>,
    ) -> Result<Self, DatabaseError> {
        let connection = schema::open_writer(file, migrate)?;
        let readers = (0..READERS).map(|_| schema::open_reader(file)).collect::<Result<_, _>>()?;
        let (orders, ordered) = mpsc::unbounded_channel();
        let failed = Arc::new(AtomicBool::new(false));
        let telling = Arc::clone(&failed);
        let writer = std::thread::Builder::new()
            .name("database-writer".to_owned())
            .spawn(move || {
                writer::run(&connection, ordered, &telling);
                // Closed first, so that the next holder of the lock finds the file at rest.
                drop(connection);
                drop(lock);
            })
            .map_err(|error| DatabaseError::NotDone(error.to_string()))?;
        Ok(Self { orders, writer: Mutex::new(Some(writer)), readers: Readers::new(readers), failed })
    }

    /// Runs `work` in a transaction of its own, as far as it can tell; on disk when it returns.
    /// Once polled it is done, even if the caller goes away.
    pub(super) async fn write<T, W>(&self, work: W) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    {
        self.write_then(work, |outcome| outcome).await
    }

    /// As [`write`](Self::write), and runs `then` on the writer's thread once it is known what
    /// came of it, whether or not the caller is still there.
    pub(super) async fn write_then<T, R, W, A>(&self, work: W, then: A) -> Result<R, DatabaseError>
    where
        T: Send + 'static,
        R: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
        A: FnOnce(Result<T, DatabaseError>) -> Result<R, DatabaseError> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let unit = Unit::new(work, move |outcome| {
            // Nobody listens when the caller has gone away.
            let _ = tell.send(then(outcome));
        });
        self.orders.send(Order::Do(unit)).map_err(|_| DatabaseError::closed())?;
        told.await.unwrap_or_else(|_| Err(DatabaseError::closed()))
    }

    /// Whether it can be written, as far as is known: since a commit failed, only when a job as large as any fits. A
    /// small commit that fits does not tell: on a full disk there is room for some, in what a large one left of the
    /// log.
    pub(super) async fn is_writable(&self) -> Result<(), DatabaseError> {
        if !self.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let failed = Arc::clone(&self.failed);
        let a_job = |connection: &Connection| {
            let row = "INSERT INTO docs VALUES ('', '', 0, CAST(zeroblob(?1) AS TEXT))";
            connection.execute(row, [LARGEST_JOB])?;
            // Takes the room on the disk now; the commit has nothing left of it to write.
            connection.cache_flush()?;
            connection.execute("DELETE FROM docs WHERE shelf = '' AND name = ''", [])?;
            Ok(())
        };
        self.write_then(a_job, move |tried| tried.inspect(|()| failed.store(false, Ordering::Relaxed))).await
    }

    /// Runs `work` on one of the readers; it sees everything that was written before.
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    {
        self.readers.read(work).await
    }

    /// Does what was ordered, then closes the file. Later calls fail.
    pub(super) async fn close(&self) {
        if let Some(writer) = self.stop() {
            // A writer that panicked has nothing left to close.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }

    fn stop(&self) -> Option<JoinHandle<()>> {
        self.readers.close();
        // It has stopped already when nobody listens.
        let _ = self.orders.send(Order::Stop);
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(writer) = self.stop() else {
            return;
        };
        // What the writer runs may hold the last handle.
        if writer.thread().id() != std::thread::current().id() {
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pages(database: &Database, more: i64) {
        let limit = database.write(move |db| {
            let used: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
            Ok(db.pragma_update(None, "max_page_count", used + more)?)
        });
        limit.await.unwrap();
    }

    async fn keep(database: &Database, name: &'static str, bytes: usize) -> Result<usize, DatabaseError> {
        let value = "x".repeat(bytes);
        let row = "INSERT INTO docs VALUES ('shelf', ?1, 0, ?2)";
        database.write(move |db| Ok(db.execute(row, (name, value))?)).await
    }

    #[tokio::test]
    async fn a_disk_with_room_for_little_is_full_until_there_is_room_for_a_job() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("x.db"), Migrate::Here, None).unwrap();
        let log = || dir.path().join("x.db-wal").metadata().unwrap().len();
        pages(&database, 2).await;
        database.is_writable().await.expect("nobody has met the end of the disk");
        keep(&database, "large", 60_000).await.unwrap_err();
        keep(&database, "small", 10).await.expect("there is room for little");
        database.is_writable().await.unwrap_err();
        pages(&database, 1_000).await;
        let before = log();
        database.is_writable().await.expect("there is room again");
        assert!(log() > before + 128 * 1024, "the room was taken on the disk");
        let rows = database.read(|db| Ok(db.query_row("SELECT count(*) FROM docs", [], |row| row.get(0))?));
        assert_eq!(rows.await, Ok(1), "what tries the disk leaves nothing");
    }
}
