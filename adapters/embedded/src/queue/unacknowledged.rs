//! What was taken from the table and not yet received.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::rows::Taken;

#[derive(Default)]
pub(super) struct Unacknowledged(Mutex<VecDeque<Taken>>);

impl Unacknowledged {
    pub(super) fn next(&self) -> Option<Taken> {
        self.rows().pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    pub(super) fn fill(&self, taken: Vec<Taken>) {
        self.rows().extend(taken);
    }

    pub(super) fn empty(&self) -> VecDeque<Taken> {
        std::mem::take(&mut *self.rows())
    }

    fn rows(&self) -> MutexGuard<'_, VecDeque<Taken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
