//! Looks at the dependencies now and then, for `/readyz`'s body and the gauges.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::Dependency;
use common::account::AccountState;
use metrics::{describe_gauge, gauge};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// The last look.
pub type Seen = Arc<Mutex<Vec<Dependency>>>;

/// Looks until it is dropped.
pub async fn watch(ports: worker::Ports, google_answers: Arc<dyn Fn() -> bool + Send + Sync>, seen: Seen) {
    describe_gauge!("calrelay_dependency_up", "1 while it can be used");
    describe_gauge!("calrelay_queue_depth", "Messages, by where they are");
    describe_gauge!("calrelay_dead_letters", "Messages kept that nobody could read or that failed for good");
    describe_gauge!("calrelay_accounts", "Accounts, by state");
    loop {
        let depth = ports.queue.depth().await;
        let accounts = ports.accounts.list().await;
        let store = ports.store.oldest_due(ports.clock.now()).await;
        let now = [
            ("queue", depth.is_ok()),
            ("store", store.is_ok()),
            ("vault", accounts.is_ok()),
            ("google", google_answers()),
        ];
        for (name, up) in now {
            gauge!("calrelay_dependency_up", "name" => name).set(if up { 1.0 } else { 0.0 });
        }
        let dependencies = now.map(|(name, up)| Dependency { name: name.to_owned(), up }).to_vec();
        *seen.lock().expect("nothing panics holding it") = dependencies;
        if let Ok(depth) = depth {
            let counts = [
                ("fresh", depth.fresh),
                ("due", depth.due),
                ("delayed", depth.delayed),
                ("taken", depth.taken),
            ];
            for (queue, count) in counts {
                gauge!("calrelay_queue_depth", "queue" => queue).set(count as f64);
            }
            gauge!("calrelay_dead_letters").set(depth.dead as f64);
        }
        if let Ok(accounts) = accounts {
            let mut counts = [("connected", 0_u32), ("needs_reauthorization", 0), ("disconnected", 0)];
            for account in &accounts {
                let at = match account.state {
                    AccountState::Connected => 0,
                    AccountState::NeedsReauthorization { .. } => 1,
                    AccountState::Disconnected { .. } => 2,
                };
                counts[at].1 += 1;
            }
            for (state, count) in counts {
                gauge!("calrelay_accounts", "state" => state).set(f64::from(count));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
