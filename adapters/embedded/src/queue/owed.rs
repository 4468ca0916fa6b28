//! Ends of deliveries that could not be written: a full disk, a database that was busy for too long.
//!
//! Their rows would stay marked as taken until the next start, and the job of one that was put back with them.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a delivery ended. Either may be written twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Its row goes.
    Done(i64),
    /// Its row is free to be taken again.
    PutBack(i64),
}

#[derive(Default)]
pub(super) struct Owed(Mutex<Vec<End>>);

impl Owed {
    pub(super) fn owe(&self, end: End) {
        self.ends().push(end);
    }

    /// What is owed, if anything is.
    pub(super) fn some(&self) -> Option<Vec<End>> {
        let ends = self.ends();
        (!ends.is_empty()).then(|| ends.clone())
    }

    /// These have been written.
    pub(super) fn settled(&self, written: &[End]) {
        self.ends().retain(|end| !written.contains(end));
    }

    fn ends(&self) -> MutexGuard<'_, Vec<End>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
