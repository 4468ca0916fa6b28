//! A place in a line that is left again unless it is kept.

use std::sync::Arc;
use std::time::Duration;

use super::MemoryThrottle;
use crate::port::Line;

/// A place in a line, which is left again when this is dropped unless it was kept.
pub struct Placed {
    throttle: Arc<MemoryThrottle>,
    line: Line,
    delay: Duration,
    kept: bool,
}

impl Placed {
    /// Joins `line`.
    #[must_use]
    pub fn join(throttle: Arc<MemoryThrottle>, line: Line) -> Self {
        let delay = throttle.join(&line);
        Self { throttle, line, delay, kept: false }
    }

    /// How long until its turn.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// Keeps the place.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        if !self.kept {
            self.throttle.wind_back(&self.line);
        }
    }
}
