//! The virtual clock: a base time and an offset that only grows.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::config::TimeSource;

pub(crate) struct Clock {
    base: TimeSource,
    offset_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn new(base: TimeSource) -> Self {
        Self { base, offset_ms: AtomicI64::new(0) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_millis(self.offset_ms());
        (self.base)().checked_add(offset).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn set_offset_ms(&self, offset: i64) {
        self.offset_ms.store(offset, Ordering::Relaxed);
    }
}
