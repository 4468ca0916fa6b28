//! The port `Clock`.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// Tells the time and waits. Tests pass one that runs faster.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Returns once `span` has passed.
    async fn sleep(&self, span: Duration);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, span: Duration) {
        pause(span).await;
    }
}

/// Returns once `span` of the machine's time has passed: for pauses between looks at a server, which a clock that tests
/// turn must not shorten.
#[expect(clippy::disallowed_methods, reason = "this is the clock's like")]
pub async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}
