//! The worker's lock on a data directory: the system ends it with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Held by the one process that works in a data directory, until dropped.
#[derive(Debug)]
pub struct WorkerLock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{} is already working in this data directory; stop it first, or set DATA_DIR to another one", holder(*pid))]
    Held {
        /// That process, if it has said so.
        pid: Option<u32>,
    },
    /// The lock file cannot be used.
    #[error("the lock file {} cannot be used: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// [`LockError`], before the file is named.
enum Refused {
    Held { pid: Option<u32> },
    Io(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("the process {pid}"))
}

impl WorkerLock {
    /// Takes the lock of `dir`, which exists.
    ///
    /// # Errors
    /// [`LockError::Held`] names the process that has it.
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join("worker.lock");
        Self::lock(&path).map_err(|refused| match refused {
            Refused::Held { pid } => LockError::Held { pid },
            Refused::Io(cause) => LockError::Io { path, cause },
        })
    }

    fn lock(path: &Path) -> Result<Self, Refused> {
        let mut options = OpenOptions::new();
        // Not truncated: the file is another's until it is locked.
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(Refused::Held { pid });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        // The file stays when the lock ends: removing it would let two processes lock two files.
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_worker_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let first = WorkerLock::take(dir.path()).unwrap();
        let refused = WorkerLock::take(dir.path()).unwrap_err();
        let expected =
            format!("the process {} is already working in this data directory", std::process::id());
        assert!(refused.to_string().starts_with(&expected), "{refused}");
        drop(first);
        WorkerLock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_longer_pid_left_in_the_file_does_not_show_through() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("worker.lock"), "99999999999999999999\n").unwrap();
        let _held = WorkerLock::take(dir.path()).unwrap();
        let LockError::Held { pid } = WorkerLock::take(dir.path()).unwrap_err() else {
            panic!("held");
        };
        assert_eq!(pid, Some(std::process::id()));
    }
}
