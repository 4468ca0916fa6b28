//! Being told to stop: the first signal stops taking work, the second ends what runs.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use worker::Stop;

/// Listens for SIGTERM and Ctrl-C.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on the signals are ours.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be listened for");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Returns at the next signal. Cancel safe.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Turns signals into `stop`, for as long as the process lives.
    pub async fn drive(mut self, stop: Stop) {
        self.next().await;
        tracing::info!("Stopping: no more work is taken, what runs is finished; once more to stop at once");
        stop.taking.cancel();
        self.next().await;
        tracing::warn!("Stopping at once: running jobs go back to the queue");
        stop.working.cancel();
    }
}
