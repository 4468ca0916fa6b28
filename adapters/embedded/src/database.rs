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

/// An open database. What is written is on disk when the call returns.
pub struct Database {
    orders: mpsc::UnboundedSender<Order>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    /// Whether the last commit failed, as on a full disk.
    failing: Arc<AtomicBool>,
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
        let failing = Arc::new(AtomicBool::new(false));
        let telling = Arc::clone(&failing);
        let writer = std::thread::Builder::new()
            .name("database-writer".to_owned())
            .spawn(move || {
                writer::run(&connection, ordered, &telling);
                // Closed first, so that the next holder of the lock finds the file at rest.
                drop(connection);
                drop(lock);
            })
            .map_err(|error| DatabaseError::NotDone(error.to_string()))?;
        Ok(Self { orders, writer: Mutex::new(Some(writer)), readers: Readers::new(readers), failing })
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

    /// Whether it can be written, as far as is known: where the last commit failed, one is tried that changes nothing.
    pub(super) async fn is_writable(&self) -> Result<(), DatabaseError> {
        if !self.failing.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.write(|connection| {
            // The same number again takes a page of the disk, as any change does.
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok(connection.pragma_update(None, "user_version", version)?)
        })
        .await
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
