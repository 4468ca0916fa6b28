//! Waiting for what ought to happen at once, and no longer.

use std::time::{Duration, Instant};

/// Long enough for a busy machine; nothing in a test waits for it to pass.
const SOON: Duration = Duration::from_secs(10);

/// Looks until `look` answers something.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(began.elapsed() < SOON, "{what} did not happen within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits for `future`.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(SOON, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} did not happen within {SOON:?}"),
    }
}
