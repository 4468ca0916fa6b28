//! A gate that a test opens.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Closed until it is opened, for good.
#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything pass, from now on.
    pub fn open(&self) {
        self.0.close();
    }

    /// Whether it was opened.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until it is open.
    pub(crate) async fn pass(&self) {
        let closed = self.0.acquire().await;
        assert!(closed.is_err(), "no permits are ever given out");
    }
}
