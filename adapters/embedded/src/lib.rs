//! The embedded adapters: everything in one folder and one process, with nothing to install.
//!
//! Queue, records and vault are tables of one SQLite file; tokens and throttle live in memory.
//! [`Embedded::open`] is the way in.

mod column;
mod database;
mod lock;
mod queue;
mod store;
mod vault;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use database::{Database, DatabaseError};
pub use lock::{LockError, WorkerLock};
pub use queue::SqliteQueue;
pub use store::SqliteStore;
pub use vault::SqliteVault;

use common::memory::{MemoryThrottle, MemoryTokens};
use common::port::{Clock, QueueError, StoreError};
use database::Migrate;

/// What this process is to the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Works on the jobs. There is one at a time, and what the last one left unfinished is its.
    Worker,
    /// Looks and changes beside it, and leaves its deliveries alone.
    Operator,
}

/// A folder that is open.
pub struct Embedded {
    database: Arc<Database>,
    queue: Arc<SqliteQueue>,
    store: Arc<SqliteStore>,
    vault: Arc<SqliteVault>,
    tokens: Arc<MemoryTokens>,
    throttle: Arc<MemoryThrottle>,
}

/// Why a folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or read.
    #[error("the data directory {} cannot be used: {cause}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The worker's role is taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file cannot be opened, or is not ours.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What the last worker left could not be taken over.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// What the last worker left could not be taken over.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The database's name in the folder.
const FILE: &str = "calrelay.db";

impl Embedded {
    /// Whether anything was ever kept in `dir`.
    #[must_use]
    pub fn is_in(dir: &Path) -> bool {
        dir.join(FILE).is_file()
    }

    /// Opens `dir`, making what is missing: readable by this user only.
    ///
    /// A worker takes the lock and holds it until the last of its adapters is gone, takes over every delivery and every running job of the worker before
    /// it, and lets the fresh lane hold `fresh_capacity` messages; an operator does none of these.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        dir: &Path,
        role: Role,
        clock: Arc<dyn Clock>,
        fresh_capacity: Option<u64>,
    ) -> Result<Self, OpenError> {
        let dir = dir.to_owned();
        let opening = tokio::task::spawn_blocking(move || open_files(&dir, role));
        let database = opening.await.map_err(|_| DatabaseError::closed())??;
        let database = Arc::new(database);
        let throttle = Arc::new(MemoryThrottle::new(clock.clone()));
        let queue = SqliteQueue::new(database.clone(), clock.clone(), fresh_capacity);
        let store = SqliteStore::new(database.clone(), throttle.clone());
        match role {
            Role::Worker => {
                queue.take_over().await?;
                store.recover(clock.now()).await?;
            }
            Role::Operator => {}
        }
        Ok(Self {
            queue: Arc::new(queue),
            store: Arc::new(store),
            vault: Arc::new(SqliteVault::new(database.clone())),
            tokens: Arc::new(MemoryTokens::new()),
            throttle,
            database,
        })
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> Arc<SqliteQueue> {
        self.queue.clone()
    }

    /// The records.
    #[must_use]
    pub fn store(&self) -> Arc<SqliteStore> {
        self.store.clone()
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> Arc<SqliteVault> {
        self.vault.clone()
    }

    /// The access tokens.
    #[must_use]
    pub fn tokens(&self) -> Arc<MemoryTokens> {
        self.tokens.clone()
    }

    /// The throttle.
    #[must_use]
    pub fn throttle(&self) -> Arc<MemoryThrottle> {
        self.throttle.clone()
    }

    /// Returns deliveries that nobody received, finishes what is being written, and closes the file.
    /// Without it nothing is lost either: the next worker finds everything.
    pub async fn close(self) {
        self.queue.let_go().await;
        self.database.close().await;
    }
}

fn open_files(dir: &Path, role: Role) -> Result<Database, OpenError> {
    make_folder(dir).map_err(|cause| OpenError::Folder { path: dir.to_owned(), cause })?;
    let file = dir.join(FILE);
    match role {
        Role::Worker => {
            let lock = WorkerLock::take(dir)?;
            Ok(Database::open(&file, Migrate::Here, Some(lock))?)
        }
        Role::Operator => match Database::open(&file, Migrate::Elsewhere, None) {
            Ok(database) => Ok(database),
            // Nobody has made it yet, or it is an older build's: that is the worker's business, so
            // be the worker for a moment.
            Err(DatabaseError::Outdated) => {
                let _moment = WorkerLock::take(dir)?;
                Ok(Database::open(&file, Migrate::Here, None)?)
            }
            Err(error) => Err(error.into()),
        },
    }
}

fn make_folder(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(test)]
mod golden;
