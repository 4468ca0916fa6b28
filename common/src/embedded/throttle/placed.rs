//! A place in a line that is left again unless it is kept.

use std::sync::Arc;
use std::time::Duration;

use super::MemoryThrottle;
use crate::port::Line;

pub(in crate::embedded) struct Placed {
    throttle: Arc<MemoryThrottle>,
    line: Line,
    delay: Duration,
    kept: bool,
}

impl Placed {
    pub(in crate::embedded) fn join(throttle: Arc<MemoryThrottle>, line: Line) -> Self {
        let delay = throttle.join(&line);
        Self { throttle, line, delay, kept: false }
    }

    /// How long until its turn.
    pub(in crate::embedded) fn delay(&self) -> Duration {
        self.delay
    }

    pub(in crate::embedded) fn keep(mut self) {
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
