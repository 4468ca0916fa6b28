//! What every adapter of a port has to pass: the same suites, whatever is behind the port.
//!
//! Each suite is a module of asynchronous functions, one promise each, that panic when it is broken.
//! A test calls them with a bench of its own: an empty folder, or servers with an empty prefix.
//!
//! And the test doubles of all crates: a Google in memory ([`google`]), ports that fail on demand ([`failing`]), and the
//! clocks: [`ManualClock`], and [`ScaledClock`] where no test can turn it. A [`Gate`] holds a call until a test lets it
//! go on.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a suite is a test")]

pub mod calendar;
pub mod failing;
mod gate;
pub mod google;
pub mod queue;
mod scaled_clock;
pub mod store;
pub mod throttle;
pub mod token_endpoint;
pub mod tokens;
pub mod vault;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common::sample;

pub use common::manual_clock::ManualClock;
pub use gate::Gate;
pub use scaled_clock::ScaledClock;

/// Where a suite gets the adapter of a port from. A new bench is empty.
#[async_trait]
pub trait Bench<P: ?Sized>: Send {
    /// The adapter, as a process has it.
    async fn open(&mut self) -> Arc<P>;

    /// The process dies without a word, and another one opens the adapter. The caller has dropped
    /// what it got from [`open`](Self::open).
    async fn restart(&mut self) -> Arc<P>;
}

/// What ought to happen at once has happened after this, on any machine.
const SOON: Duration = Duration::from_secs(20);

async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let Ok(output) = tokio::time::timeout(SOON, future).await else {
        panic!("{what} did not happen within {SOON:?}");
    };
    output
}

/// Waits until it is so, as long as that takes.
pub async fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}
