//! How many fresh messages wait, and whether there is room for one more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::port::QueueError;

pub(super) struct Room {
    capacity: u64,
    waiting: AtomicU64,
}

/// A place held for a message that is being written; given back when dropped.
pub(super) struct Held(Option<Arc<Room>>);

impl Room {
    pub(super) fn new(capacity: Option<u64>) -> Self {
        Self { capacity: capacity.unwrap_or(u64::MAX), waiting: AtomicU64::new(0) }
    }

    pub(super) fn count(&self, waiting: u64) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    pub(super) fn hold(room: &Arc<Self>) -> Result<Held, QueueError> {
        let one_more = |waiting: u64| (waiting < room.capacity).then(|| waiting.saturating_add(1));
        room.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .map_err(|_| QueueError::Full)?;
        Ok(Held(Some(room.clone())))
    }

    /// A message that had left came back: it is let in whatever the capacity.
    pub(super) fn taken_back(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages left. Another process may have put some there that were never counted.
    pub(super) fn freed(&self, messages: u64) {
        let fewer = |waiting: u64| Some(waiting.saturating_sub(messages));
        let _ = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
    }
}

impl Held {
    /// The message is there: the place is taken.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(room) = &self.0 {
            room.freed(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_not_used_is_given_back() {
        let room = Arc::new(Room::new(Some(1)));
        drop(Room::hold(&room).unwrap());
        Room::hold(&room).unwrap().keep();
        assert_eq!(Room::hold(&room).err(), Some(QueueError::Full));
        room.freed(5);
        Room::hold(&room).unwrap().keep();
        assert_eq!(Room::hold(&room).err(), Some(QueueError::Full));
    }

    #[test]
    fn without_a_capacity_there_is_always_room() {
        let room = Arc::new(Room::new(None));
        room.count(u64::MAX - 1);
        Room::hold(&room).unwrap().keep();
    }
}
