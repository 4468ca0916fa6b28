//! Looks at the dependencies now and then, for `/readyz`'s body and the gauges.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::Dependency;
use common::account::AccountState;
use common::accounts::Accounts;
use common::port::{Clock, JobQueue, JobStore};
use common::rabbitmq::Link;
use metrics::{describe_gauge, gauge};
use tokio::sync::watch;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// The last look.
pub type Seen = Arc<Mutex<Vec<Dependency>>>;

/// What is looked at.
pub struct Watched {
    /// The queue.
    pub queue: Arc<dyn JobQueue>,
    /// The records.
    pub store: Arc<dyn JobStore>,
    /// The vault, as its accounts.
    pub accounts: Arc<Accounts>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether Google answers, where there is a worker that knows.
    pub google: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// Whether messages can be published, where there is a broker.
    pub link: Option<watch::Receiver<Link>>,
}

/// Looks until it is dropped.
pub async fn look(watched: Watched, seen: Seen) {
    describe_gauge!("calrelay_dependency_up", "1 while it can be used");
    describe_gauge!("calrelay_queue_depth", "Messages, by where they are");
    describe_gauge!("calrelay_dead_letters", "Messages kept that nobody could read or that failed for good");
    describe_gauge!("calrelay_accounts", "Accounts, by state");
    describe_gauge!("calrelay_broker_blocked", "1 while the broker has raised an alarm and takes nothing");
    let mut vault_up = true;
    loop {
        let blocked =
            watched.link.as_ref().is_some_and(|link| matches!(&*link.borrow(), Link::Blocked { .. }));
        gauge!("calrelay_broker_blocked").set(if blocked { 1.0 } else { 0.0 });
        let depth = watched.queue.depth().await;
        let accounts = watched.accounts.list().await;
        let store = watched.store.oldest_due(watched.clock.now()).await;
        // The queue and the records tell of their connections themselves.
        match (&accounts, vault_up) {
            (Err(error), true) => {
                tracing::warn!(
                    "{error}; what was read from it is used for another hour, and nothing can be changed"
                );
            }
            (Ok(_), false) => tracing::info!("The vault can be used again"),
            (Ok(_), true) | (Err(_), false) => {}
        }
        vault_up = accounts.is_ok();
        let mut now = vec![("queue", depth.is_ok()), ("store", store.is_ok()), ("vault", accounts.is_ok())];
        now.extend(watched.google.as_ref().map(|answers| ("google", answers())));
        for (name, up) in &now {
            gauge!("calrelay_dependency_up", "name" => *name).set(if *up { 1.0 } else { 0.0 });
        }
        let dependencies =
            now.into_iter().map(|(name, up)| Dependency { name: name.to_owned(), up }).collect();
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
