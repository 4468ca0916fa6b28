//! The bounds of an attempt's calls to Google: whatever they do, they end.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::Attempts;
use crate::attempt_error::AttemptError;
use crate::calls::Calls;

/// The calls of an attempt take no longer, which leaves time to record before its lease ends.
const CALLS: Duration = Duration::from_secs(50);

/// How long one attempt may go on, in all that it does within these bounds.
pub(super) struct Bounds<'a> {
    attempts: &'a Attempts,
    over: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
}

impl<'a> Bounds<'a> {
    /// Those of an attempt that begins now.
    pub(super) fn of(attempts: &'a Attempts) -> Self {
        Self { attempts, over: Box::pin(attempts.ports.clock.sleep(CALLS)) }
    }

    /// Does `work`, which may make `calls`, within the bounds.
    pub(super) async fn hold<T>(
        &mut self,
        calls: &Calls,
        work: impl Future<Output = Result<T, AttemptError>>,
    ) -> Result<T, AttemptError> {
        let work = AssertUnwindSafe(work).catch_unwind();
        // All three are cancel safe for us: whichever ends first, the hold tells how far a write came.
        tokio::select! {
            ended = work => ended.unwrap_or(Err(AttemptError::Panicked)),
            () = &mut self.over => {
                Err(if calls.is_asking() { AttemptError::Deadline } else { AttemptError::Late })
            }
            () = self.attempts.abandon.cancelled() => Err(AttemptError::Stopping),
        }
    }
}
