//! The mark that an attempt leaves before it writes: from then on the effect is unknown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::job::{Claim, Effect, JobId, Step};
use common::port::{Change, Clock, JobStore};

use crate::trouble::Trouble;

/// One attempt's hold on its job, and whether it has begun to write.
pub(crate) struct Mark {
    store: Arc<dyn JobStore>,
    clock: Arc<dyn Clock>,
    id: JobId,
    claim: Claim,
    writing: AtomicBool,
    absent: AtomicBool,
}

impl Mark {
    pub(crate) fn new(store: Arc<dyn JobStore>, clock: Arc<dyn Clock>, id: JobId, claim: Claim) -> Self {
        Self { store, clock, id, claim, writing: AtomicBool::new(false), absent: AtomicBool::new(false) }
    }

    /// Records that a write begins. After this a crash leaves `unknown` behind.
    ///
    /// # Errors
    /// [`Trouble::Lost`] when the job is no longer this attempt's to write: cancelled, ended, taken.
    pub(crate) async fn begin(&self) -> Result<(), Trouble> {
        let step = Step::BeginWrite(self.claim.clone());
        match self.store.take(&self.id, &step, self.clock.now()).await {
            Ok(Change::Taken(_)) => {
                self.writing.store(true, Ordering::Relaxed);
                Ok(())
            }
            Ok(Change::Refused(refusal)) => Err(Trouble::Lost(refusal)),
            Err(error) => Err(Trouble::Store(error)),
        }
    }

    /// Google refused the write: it had no effect after all.
    pub(crate) fn refused(&self) {
        self.writing.store(false, Ordering::Relaxed);
    }

    /// Google was asked and does not have the event.
    pub(crate) fn found_nothing(&self) {
        self.absent.store(true, Ordering::Relaxed);
    }

    /// What is known of the write by now, given what was known before the attempt.
    pub(crate) fn effect(&self, before: Effect) -> Effect {
        if self.writing.load(Ordering::Relaxed) {
            Effect::Unknown
        } else if self.absent.load(Ordering::Relaxed) {
            Effect::None
        } else {
            before
        }
    }

    /// The attempt's hold.
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }
}
