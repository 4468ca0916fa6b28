//! Callers who post all the time, whatever happens.

use std::sync::Arc;
use std::time::Duration;

use tests::{Installation, event_of};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Between two posts.
const PACE: Duration = Duration::from_millis(40);
/// At most so many wait for their answer.
const AT_ONCE: usize = 64;

/// Posts events of many accounts in turn, at a steady pace; what is not accepted is let go.
pub struct Load(JoinHandle<()>);

impl Load {
    /// Begins.
    pub fn start(calrelay: &Installation, accounts: Vec<String>) -> Self {
        let caller = calrelay.caller();
        Self(tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(AT_ONCE));
            let mut pace = tokio::time::interval(PACE);
            for (number, account) in accounts.iter().cycle().enumerate() {
                pace.tick().await;
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let (caller, event) =
                    (caller.clone(), event_of(account, "primary", &format!("Load {number}")));
                tokio::spawn(async move {
                    let _ = caller.post(&event, None).await;
                    drop(place);
                });
            }
        }))
    }

    /// Ends.
    pub async fn end(self) {
        self.0.abort();
        let _ = self.0.await;
    }
}
