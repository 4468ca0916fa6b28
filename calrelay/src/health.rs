//! Looks at the dependencies now and then, for `/readyz`'s body and the gauges.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts::{Accounts, Standing};
use adapter_rabbitmq::Link;
use adapter_redis::Redis;
use api::Dependency;
use common::account::AccountState;
use common::port::{Clock, JobQueue, JobStore, pause};
use metrics::{describe_gauge, gauge};
use tokio::sync::watch;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);

const UP: &str = "calrelay_dependency_up";
const DEPTH: &str = "calrelay_queue_depth";
const DEAD: &str = "calrelay_dead_letters";
const STANDING: &str = "calrelay_accounts";
const BLOCKED: &str = "calrelay_broker_blocked";
const MEMORY: &str = "calrelay_store_memory_used_ratio";

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
    /// Where the records are, if in Redis.
    pub redis: Option<Arc<Redis>>,
}

/// Where messages can be.
const QUEUES: [&str; 4] = ["fresh", "due", "delayed", "taken"];

/// How accounts can stand.
const ACCOUNTS: [&str; 3] = ["connected", "needs_reauthorization", "disconnected"];

/// Describes what is told of the dependencies and starts each series at zero.
pub fn describe(watched: &Watched) {
    describe_gauge!(UP, "1 while it can be used");
    describe_gauge!(DEPTH, "Messages, by where they are");
    describe_gauge!(DEAD, "Messages kept that nobody could read or that failed for good");
    describe_gauge!(STANDING, "Accounts, by state");
    describe_gauge!(BLOCKED, "1 while the broker has raised an alarm and takes nothing");
    describe_gauge!(MEMORY, "Share of its maxmemory that Redis uses; 0 where it has none");
    for name in ["queue", "store", "vault"].into_iter().chain(watched.google.as_ref().map(|_| "google")) {
        gauge!(UP, "name" => name).set(0.0);
    }
    for queue in QUEUES {
        gauge!(DEPTH, "queue" => queue).set(0.0);
    }
    gauge!(DEAD).set(0.0);
    for state in ACCOUNTS {
        gauge!(STANDING, "state" => state).set(0.0);
    }
    gauge!(BLOCKED).set(0.0);
    gauge!(MEMORY).set(0.0);
}

/// Looks until it is dropped.
pub async fn look(watched: Watched, seen: Seen) {
    let mut vault_up = true;
    loop {
        let blocked =
            watched.link.as_ref().is_some_and(|link| matches!(&*link.borrow(), Link::Blocked { .. }));
        gauge!(BLOCKED).set(if blocked { 1.0 } else { 0.0 });
        let depth = watched.queue.depth().await;
        let accounts = watched.accounts.standings(LOOK / 2, counted).await;
        if let Some(redis) = &watched.redis
            && let Some(memory) = redis.memory().await
        {
            gauge!(MEMORY).set(memory.ratio().unwrap_or_default());
        }
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
            gauge!(UP, "name" => *name).set(if *up { 1.0 } else { 0.0 });
        }
        let dependencies =
            now.into_iter().map(|(name, up)| Dependency { name: name.to_owned(), up }).collect();
        *seen.lock().expect("nothing panics holding it") = dependencies;
        if let Ok(depth) = depth {
            let counts = [depth.fresh, depth.due, depth.delayed, depth.taken];
            for (queue, count) in QUEUES.into_iter().zip(counts) {
                gauge!(DEPTH, "queue" => queue).set(count as f64);
            }
            gauge!(DEAD).set(depth.dead as f64);
        }
        if let Ok(accounts) = accounts {
            for (state, count) in ACCOUNTS.into_iter().zip(accounts) {
                gauge!(STANDING, "state" => state).set(f64::from(count));
            }
        }
        pause(LOOK).await;
    }
}

/// How many accounts there are of each state.
fn counted(accounts: &mut dyn Iterator<Item = &Standing>) -> [u32; ACCOUNTS.len()] {
    let mut counts = [0; ACCOUNTS.len()];
    for account in accounts {
        let at = match account.state {
            AccountState::Connected => 0,
            AccountState::NeedsReauthorization { .. } => 1,
            AccountState::Disconnected { .. } => 2,
        };
        counts[at] += 1;
    }
    counts
}
